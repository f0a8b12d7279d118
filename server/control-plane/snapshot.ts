import { ensureJob, findUnfinishedOf, type NewJob } from '../../db/job.ts';
import { findSession } from '../../db/session.ts';
import type { Tx } from '../../db/tx.ts';
import type { ControlPlane } from '../../schema/context.ts';
import { globalId } from '../../schema/global-id.ts';
import type { CreateSnapshotsInput } from '../../schema/inputs.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import { SNAPSHOT_JOB_KINDS, type Job, type JobKind } from '../../schema/model/job.ts';
import { InvalidInput, NotFound, WrongState } from '../../schema/model/refusal.ts';
import type { CaptureMode } from '../../schema/model/snapshot.ts';
import { poolNamed, type VerbParts } from './verb.ts';

type SnapshotVerbs = Pick<
  ControlPlane,
  'createSnapshots' | 'recreateSnapshots' | 'deleteSnapshots'
>;

/** What can be done about golden states. */
export function snapshotVerbs(parts: VerbParts): SnapshotVerbs {
  const { store, viewer } = parts;
  const capture = (kind: JobKind) => (input: CreateSnapshotsInput) =>
    store.transact((tx) => ensureCapture(parts, tx, kind, input));
  return {
    createSnapshots: capture('CREATE_SNAPSHOTS'),
    recreateSnapshots: capture('RECREATE_SNAPSHOTS'),
    deleteSnapshots: (poolName) =>
      store.transact((tx) => {
        const { id: poolId } = poolNamed(tx, poolName);
        return ensureOnlyOne(tx, { kind: 'DELETE_SNAPSHOTS', poolId, actor: viewer.name });
      }),
  };
}

function ensureCapture(
  parts: VerbParts,
  tx: Tx,
  kind: JobKind,
  { pool: poolName, sessionId, baseCluster, mode }: CreateSnapshotsInput,
): Job {
  const pool = poolNamed(tx, poolName);
  if (sessionId != null) assertRunningIn(tx, pool, sessionId);
  return ensureOnlyOne(tx, {
    kind,
    poolId: pool.id,
    actor: parts.viewer.name,
    sessionId: sessionId ?? null,
    baseCluster: baseCluster ?? false,
    mode: captureMode(parts, pool, mode, sessionId != null),
  });
}

function assertRunningIn(tx: Tx, pool: ClusterPool, sessionId: string): void {
  const session = findSession(tx.db, sessionId);
  if (session?.poolId !== pool.id) throw new NotFound('session');
  if (session.status === 'RUNNING') return;
  throw new WrongState(`a ${session.status} session cannot be captured`, session.status);
}

/**
 * The mode asked for, or the one that its provider names first. Guests that somebody uses are not
 * shut down unless that is asked for, where it can be avoided.
 */
function captureMode(
  { findTraits }: VerbParts,
  pool: ClusterPool,
  wanted: CaptureMode | null | undefined,
  inUse: boolean,
): CaptureMode {
  const modes = findTraits(pool.provider)?.captureModes;
  if (modes === undefined) {
    throw new InvalidInput(`provider ${pool.provider} is not available on this server`, 'pool');
  }
  const usual = inUse && modes.includes('ONLINE') ? 'ONLINE' : modes[0];
  const mode = wanted ?? usual ?? 'ONLINE';
  if (modes.includes(mode)) return mode;
  throw new InvalidInput(`provider ${pool.provider} cannot capture ${mode}`, 'mode');
}

/** Two jobs at the golden states of one pool would undo each other's work. */
function ensureOnlyOne(tx: Tx, wanted: NewJob): Job {
  const job = ensureJob(tx, wanted);
  const unfinished = findUnfinishedOf(tx.db, wanted.poolId, SNAPSHOT_JOB_KINDS);
  const other = unfinished.find(({ id }) => id !== job.id);
  if (other === undefined) return job;
  const name = `${other.kind} (job ${globalId('Job', other.id)})`;
  throw new WrongState(`${name} is ${other.status} in this pool: one at a time`, other.status);
}
