import { findCluster } from '../../db/cluster.ts';
import { getPool } from '../../db/cluster-pool.ts';
import {
  dropFailedSets,
  insertSavedSet,
  isAwaited,
  isBeingCaptured,
  isTitleTaken,
  savedBy,
} from '../../db/saved-set.ts';
import { findSeenSnapshot } from '../../db/seen-snapshot.ts';
import { findSeenSession } from '../../db/session.ts';
import { findSet, findSnapshot, moveSet } from '../../db/snapshot.ts';
import { findTemplate } from '../../db/template.ts';
import type { Tx } from '../../db/tx.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { SaveSessionInput } from '../../schema/inputs.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import {
  Conflict,
  InvalidInput,
  NotFound,
  QuotaExceeded,
  WrongState,
} from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import { isCompleteSet, type Snapshot } from '../../schema/model/snapshot.ts';
import { sessionsSeenBy } from '../reads.ts';
import { once, repeatableCall } from './repeatable.ts';
import { asked, type SavedLimits, type VerbParts } from './verb.ts';

/** What owners may keep where nothing else is set. */
const DEFAULT_SAVED_LIMITS: SavedLimits = { sets: 5, bytes: undefined };

type SavedVerbs = Pick<ControlPlane, 'saveSession' | 'deleteSavedSnapshot'>;

/** What can be done about what owners save of their sessions. */
export function savedSessionVerbs(parts: VerbParts): SavedVerbs {
  const { store } = parts;
  return {
    saveSession: (input) => store.transact((tx) => save(parts, tx, input)),
    deleteSavedSnapshot: (id) => store.transact((tx) => drop(parts, tx, id)),
  };
}

/** Only asks for it: a reconciler takes it while the session goes on. */
function save(parts: VerbParts, tx: Tx, input: SaveSessionInput): Snapshot {
  const { viewer } = parts;
  const session = findSeenSession(tx.db, input.sessionId, sessionsSeenBy(viewer));
  if (session === undefined) throw new NotFound('session');
  const call = repeatableCall('saveSession', viewer.name, input);
  const find = (id: string) => findSnapshot(tx.db, id);
  return once(tx, call, find, () => addSaved(parts, tx, session, input.name));
}

function addSaved(parts: VerbParts, tx: Tx, session: Session, title: string): Snapshot {
  const pool = getPool(tx.db, session.poolId);
  assertSavable(parts, tx, session, pool);
  if (isTitleTaken(tx.db, session, title)) {
    throw new Conflict(`there is already a saved snapshot named ${title} in pool ${pool.name}`);
  }
  assertWithin(parts.savedLimits ?? DEFAULT_SAVED_LIMITS, tx, session.owner);
  const why = asked(parts.viewer, parts.viewer.name === session.owner ? 'CLAIM' : 'ADMIN');
  dropFailedSets(tx, session, why);
  const roles = findTemplate(tx.db, pool.templateId)?.roles ?? [];
  const [first] = insertSavedSet(tx, session, title, roles, why);
  if (first === undefined) throw new Error(`pool ${pool.name} has no roles to save`);
  return first;
}

function assertSavable({ findTraits }: VerbParts, tx: Tx, session: Session, pool: ClusterPool) {
  const cluster = session.clusterId === null ? undefined : findCluster(tx.db, session.clusterId);
  if (session.status !== 'RUNNING' || cluster?.status !== 'LOCKED') {
    throw new WrongState(`a ${session.status} session cannot be saved`, session.status);
  }
  if (isBeingCaptured(tx.db, session.id)) {
    throw new WrongState('the session is being captured already', session.status);
  }
  const traits = findTraits(pool.provider);
  if (traits?.savesSessions === true) return;
  const lack = traits === undefined ? 'is not available on this server' : 'saves no sessions';
  throw new InvalidInput(`provider ${pool.provider} ${lack}`, 'sessionId');
}

/** Counted in the transaction that adds one, so that two at once cannot both be the last. */
function assertWithin(limits: SavedLimits, tx: Tx, owner: string): void {
  const { sets, bytes } = savedBy(tx.db, owner);
  if (sets >= limits.sets) {
    const many = limits.sets === 1 ? 'snapshot' : 'snapshots';
    throw new QuotaExceeded(limits.sets, `one owner may keep ${limits.sets} saved ${many}`);
  }
  if (limits.bytes === undefined || bytes < limits.bytes) return;
  const message = `one owner may keep ${limits.bytes} bytes of saved snapshots`;
  throw new QuotaExceeded(limits.sets, message, limits.bytes);
}

/** A set that is going already answers itself, so the call can be repeated. */
function drop({ viewer }: VerbParts, tx: Tx, id: string): Snapshot {
  const snapshot = findSeenSnapshot(tx.db, id, sessionsSeenBy(viewer));
  if (snapshot?.owner == null) throw new NotFound('saved snapshot');
  if (snapshot.status === 'DELETING') return snapshot;
  if (isAwaited(tx.db, snapshot)) {
    throw new WrongState('a session waits for a cluster that is made from it', snapshot.status);
  }
  const why = asked(viewer, viewer.name === snapshot.owner ? 'RELEASE' : 'ADMIN');
  const from = ['CREATING', 'READY', 'FAILED'] as const;
  // When it was last tried to be taken says nothing of when it can go.
  const patch = { attempts: 0, nextAttemptAt: null };
  moveSet(tx, snapshot, { from, to: 'DELETING', patch }, why);
  return findSnapshot(tx.db, id) ?? snapshot;
}

/**
 * The set that a claim asks to be made from: one that this owner saved in this pool, whole. What
 * the viewer may not see is unknown to it.
 */
export function savedSetFor(
  { viewer }: VerbParts,
  tx: Tx,
  pool: ClusterPool,
  { owner, snapshotId }: { readonly owner: string; readonly snapshotId: string },
): number {
  const snapshot = findSeenSnapshot(tx.db, snapshotId, sessionsSeenBy(viewer));
  if (snapshot === undefined) throw new NotFound('snapshot');
  const roles = findTemplate(tx.db, pool.templateId)?.roles ?? [];
  const isWhole = isCompleteSet(findSet(tx.db, snapshot), roles);
  const why =
    (snapshot.owner === null && 'it is a golden state, not a saved session') ||
    (snapshot.owner !== owner && `it is not one of ${owner}'s`) ||
    (snapshot.poolId !== pool.id && `it is not of pool ${pool.name}`) ||
    (!isWhole && `it is ${snapshot.status}, not READY`);
  if (why !== false) throw new InvalidInput(`snapshotId cannot be used: ${why}`, 'snapshotId');
  return snapshot.set;
}
