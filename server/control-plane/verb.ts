import { findPoolByName, updatePool } from '../../db/cluster-pool.ts';
import type { Store } from '../../db/store.ts';
import type { Tx } from '../../db/tx.ts';
import type { Vault } from '../../db/vault.ts';
import type { ImageTags } from '../../schema/context.ts';
import type { Cause, Why } from '../../schema/model/change.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import { NotFound } from '../../schema/model/refusal.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import type { FindTraits, MicroDefaults } from '../pools.ts';
import type { Consoles } from '../consoles.ts';
import type { ImageStore } from '../providers/image-store.ts';

/** How much one owner may keep of sessions, in all pools together. */
export interface SavedLimits {
  /** Sets at once, those that are being taken included. */
  readonly sets: number;
  /** Beyond so many bytes no further set is taken; undefined for no such limit. */
  readonly bytes: number | undefined;
}

/** What the verbs are made of. */
export interface ControlPlaneParts {
  readonly store: Pick<Store, 'transact' | 'read'>;
  /** The providers of this server and what they can do. */
  readonly findTraits: FindTraits;
  /** What seals and opens the ways into VMs; nobody is told any when left out. */
  readonly vault?: Vault | undefined;
  /** Where streams of VMs are had; there are none when left out. */
  readonly consoles?: Pick<Consoles, 'kindsOf' | 'issue'> | undefined;
  /** Where images of VMs are kept; undefined where this host cannot have any. */
  readonly images?: Pick<ImageStore, 'catalogue'> | undefined;
  /** Asks the registry for its tags; see `askTags`. */
  readonly imageTags?: (() => Promise<ImageTags>) | undefined;
  /** How much owners may keep of sessions; the usual when left out. */
  readonly savedLimits?: SavedLimits | undefined;
  /** What pools of micro-VMs get that say nothing themselves; the usual when left out. */
  readonly microDefaults?: MicroDefaults | undefined;
}

/** What one viewer's verbs are made of. */
export interface VerbParts extends ControlPlaneParts {
  readonly viewer: Viewer;
}

/** Why something changes that a viewer asked for. */
export function asked(viewer: Viewer, cause: Cause): Why {
  return { cause, actor: viewer.name };
}

/** The pool that has this name now. */
export function poolNamed(tx: Tx, name: string): ClusterPool {
  const pool = findPoolByName(tx.db, name);
  if (pool === undefined) throw new NotFound('pool');
  return pool;
}

/** A lazy pool begins to fill itself at its first use. */
export function wakePool(tx: Tx, pool: ClusterPool, why: Why): ClusterPool {
  return pool.awake ? pool : updatePool(tx, pool.id, { awake: true }, why);
}

/** What an admin does about a pool lets it try again to make clusters. */
export const RESUMED = { replenishPaused: null, failuresInRow: 0 } as const;
