import { type Cluster, isClaimable } from './cluster.ts';
import type { ClusterPool } from './cluster-pool.ts';
import type { ConsoleKind } from './console.ts';
import type { Image } from './image.ts';
import { isUnfinished, type Job, type JobKind } from './job.ts';
import { isLive, mayExtend, type Session } from './session.ts';
import type { Snapshot } from './snapshot.ts';
import type { RoleSpec } from './template.ts';
import { hasRole, seesOwner, type Viewer } from './viewer.ts';
import type { VmHandle } from './vm-handle.ts';

/**
 * The mutations that would not be refused for a thing's present state, to a viewer. They only
 * advise: the verbs decide, in the transaction that does the work.
 */
type Actions = readonly (readonly [mutation: string, allowed: boolean])[];

/** What may be done to a session: owner and admins end, extend and save it, admins capture it. */
export function sessionActions(session: Session, viewer: Viewer): string[] {
  if (!seesOwner(viewer, session.owner)) return [];
  const capturable = session.status === 'RUNNING' && hasRole(viewer, 'ADMIN');
  return allowed([
    ['extendSession', mayExtend(session)],
    ['releaseSession', isLive(session)],
    ['saveSession', session.status === 'RUNNING'],
    ['createSnapshots', capturable],
    ['recreateSnapshots', capturable],
  ]);
}

/** What may be done to a cluster: one that is locked or on its way out is nobody's to repair. */
export function clusterActions(cluster: Cluster, viewer: Viewer): string[] {
  const free = isClaimable(cluster) || (cluster.status === 'ERROR' && isIdle(cluster));
  return allowed([
    ['resetCluster', hasRole(viewer, 'ADMIN') && free],
    ['repairCluster', hasRole(viewer, 'ADMIN') && free],
  ]);
}

/** What the actions on a pool depend on besides its row. */
export interface PoolFacts {
  readonly roles: readonly RoleSpec[];
  readonly hasLiveSession: boolean;
  /** The job that is at work on the pool's golden states: only its equal is not refused. */
  readonly snapshotJob: JobKind | undefined;
}

/** What may be done to a pool; only one without live sessions may be deleted. */
export function poolActions(
  pool: ClusterPool,
  { roles, hasLiveSession, snapshotJob }: PoolFacts,
  viewer: Viewer,
): string[] {
  if (pool.deletedAt !== null) return [];
  const user = hasRole(viewer, 'USER');
  const admin = hasRole(viewer, 'ADMIN');
  const mayRun = (kind: JobKind) => admin && (snapshotJob ?? kind) === kind;
  return allowed([
    ['createSession', user],
    ['spawnVm', user && roles.length === 1],
    ['updateClusterPool', admin],
    ['deleteClusterPool', admin && !hasLiveSession],
    ['bootstrapPool', admin],
    ['warmUpPool', admin],
    ['releaseAllClusters', admin],
    ['createSnapshots', mayRun('CREATE_SNAPSHOTS')],
    ['recreateSnapshots', mayRun('RECREATE_SNAPSHOTS')],
    ['deleteSnapshots', mayRun('DELETE_SNAPSHOTS')],
  ]);
}

/**
 * What may be done to a VM: one that is a session's only VM is destroyed with that session; one of
 * which there is a stream to be had can be looked at (see `consoleKinds`).
 */
export function vmHandleActions(
  vm: VmHandle,
  session: Session | undefined,
  viewer: Viewer,
  consoles: readonly ConsoleKind[] = [],
): string[] {
  const isHolder = session !== undefined && seesOwner(viewer, session.owner) && isLive(session);
  return allowed([
    ['destroyVm', isHolder && vm.role === 'STANDALONE'],
    ['openConsole', consoles.length > 0],
  ]);
}

/** What may be done to a snapshot: golden states are the pool's, saved ones their owner's. */
export function snapshotActions(snapshot: Snapshot, viewer: Viewer): string[] {
  const { owner, status } = snapshot;
  const isMine = owner !== null && seesOwner(viewer, owner);
  return allowed([['deleteSavedSnapshot', isMine && status !== 'DELETING']]);
}

/** What may be done to a job. */
export function jobActions(job: Job, viewer: Viewer): string[] {
  const cancellable = isUnfinished(job) && job.cancelRequestedAt === null;
  return allowed([['cancelJob', hasRole(viewer, 'ADMIN') && cancellable]]);
}

/** What may be done to an image; only one that nothing depends on may be deleted. */
export function imageActions(image: Image, isUsed: boolean, viewer: Viewer): string[] {
  const admin = hasRole(viewer, 'ADMIN');
  const isReady = image.status === 'READY';
  return allowed([
    ['publishImage', admin && isReady && image.publishTag === null],
    ['rollbackImage', admin && isReady && !image.current],
    ['deleteImage', admin && image.status !== 'DELETING' && !isUsed],
  ]);
}

function isIdle(cluster: Cluster): boolean {
  return cluster.removingAt === null && cluster.jobId === null;
}

function allowed(actions: Actions): string[] {
  return actions.filter(([, allows]) => allows).map(([mutation]) => mutation);
}
