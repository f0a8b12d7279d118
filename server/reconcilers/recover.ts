import { findPresentIds } from '../../db/cluster-work.ts';
import { findPoolsOf } from '../../db/cluster-pool.ts';
import { findPresentSets } from '../../db/snapshot.ts';
import { PROVIDER_KINDS, type ProviderKind } from '../../schema/model/provider-kind.ts';
import { setId, providerOf } from '../outside.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import type { OutsideObject } from '../providers/provider.ts';
import { makeStep } from '../step.ts';
import type { Deps, Found, Reconciler, Turn, Work } from './reconciler.ts';

/** How often the objects outside are compared with the rows. */
const EVERY_MS = 600_000;
/** The wait after a comparison that failed, as when a provider cannot be reached. */
const AFTER_FAILURE_MS = 30_000;

/**
 * Wants: no object of ours outside that no row knows, as after a restored backup, and none of a set
 * whose capture was given up.
 * Looks: at every start and every 10 minutes, at all that the provider has of this installation.
 * The list is taken before the rows are read: what a row announced later is not in it.
 * Acts: removes what no row knows or wants. What rows want and is missing is seen by the others.
 * After a crash: looks again.
 */
export function recover(deps: Deps): Reconciler {
  const nextAt = new Map<ProviderKind, number>();
  // On the clock that never goes back: an hour set back must not delay it by an hour.
  const waitMs = (kind: ProviderKind) => (nextAt.get(kind) ?? 0) - deps.world.elapsed();
  return {
    name: 'recover',
    find: (now): Found => {
      const kinds = PROVIDER_KINDS.filter((kind) => isUsed(deps, kind));
      const ready = kinds.filter((kind) => waitMs(kind) <= 0).map((kind) => workOf(deps, kind));
      const waits = kinds.map(waitMs).filter((ms) => ms > 0);
      return { ready, nextAt: waits.length === 0 ? undefined : now + Math.min(...waits) };
    },
    pass: async (work, turn) => {
      const kind = kindOf(work);
      await removeUnknown(deps, kind, turn);
      nextAt.set(kind, deps.world.elapsed() + EVERY_MS);
    },
    failed: (work) => {
      nextAt.set(kindOf(work), deps.world.elapsed() + AFTER_FAILURE_MS);
      return Promise.resolve();
    },
  };
}

/** A provider that no pool has ever used made nothing, and is not to be woken for that. */
function isUsed(deps: Deps, kind: ProviderKind): boolean {
  if (deps.provider(kind) === undefined) return false;
  return deps.store.read((db) => findPoolsOf(db, kind)).length > 0;
}

function workOf(deps: Deps, kind: ProviderKind): Work {
  const deadlineMs = deps.provider(kind)?.capabilities.deadlineMs.remove ?? 1_000;
  return { id: kind, group: kind, parallel: 1, deadlineMs: deadlineMs * 10 };
}

function kindOf(work: Work): ProviderKind {
  const kind = PROVIDER_KINDS.find((known) => known === work.id);
  if (kind === undefined) throw new Error(`no provider kind ${work.id}`);
  return kind;
}

/**
 * A set that was given up before it was ever ready keeps its rows, which tell why, but nothing
 * outside: what had been captured of it is of no use, and only takes room.
 */
function isWanted({ status, readyAt }: Snapshot): boolean {
  return status !== 'FAILED' || readyAt !== null;
}

async function removeUnknown(deps: Deps, kind: ProviderKind, turn: Turn): Promise<void> {
  const provider = providerOf(deps, kind);
  const outside = await provider.list(turn.signal);
  const known = deps.store.read((db) => {
    const pools = findPoolsOf(db, kind).map((pool) => pool.id);
    const sets = findPresentSets(db, pools).filter(isWanted).map(setId);
    return { CLUSTER: findPresentIds(db, pools), SET: new Set(sets) };
  });
  const unknown = outside.filter((object: OutsideObject) => !known[object.kind].has(object.id));
  for (const object of unknown) {
    const step = makeStep(deps, { id: object.id, fence: Number.MAX_SAFE_INTEGER }, turn);
    await provider.ensureGone(object, step);
  }
}
