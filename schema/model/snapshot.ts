import type { ClusterPool, ProvisioningStrategy } from './cluster-pool.ts';
import type { RoleSpec, VmRole } from './template.ts';
import type { Transitions } from './transitions.ts';

/**
 * A snapshot is the golden state of one VM role. The snapshots of all roles taken together are
 * one numbered set, and are current or not as a whole.
 *
 * Its life: CREATING until the provider has proven it complete, then READY; FAILED when it could
 * not be taken or is found damaged later; DELETING until the outside object is gone, when the row
 * is removed. A new set becomes current only when all its roles are READY, and only then is the
 * set before it deleted, so that nobody is ever without a golden state.
 *
 * A set belongs to a cluster (`clusterId`), which is reset to it, or to the pool (template set,
 * `clusterId` null), from which new clusters are made.
 *
 * A saved set is what somebody kept of a session: it belongs to the pool and has an `owner` and a
 * `title`. It is never current, only its owner and admins know of it, and only sessions of its
 * owner that ask for it are made from it; their clusters go with them. It stays when its session
 * is forgotten, and goes with its pool.
 */
export const SNAPSHOT_STATUSES = ['CREATING', 'READY', 'FAILED', 'DELETING'] as const;

/** The state of a snapshot. */
export type SnapshotStatus = (typeof SNAPSHOT_STATUSES)[number];

/** Which state may follow which. */
export const SNAPSHOT_TRANSITIONS: Transitions<SnapshotStatus> = {
  CREATING: ['READY', 'FAILED', 'DELETING'],
  READY: ['FAILED', 'DELETING'],
  FAILED: ['DELETING'],
  DELETING: [],
};

/** Whether guests run while they are captured, or are stopped and started again. */
export const CAPTURE_MODES = ['ONLINE', 'OFFLINE'] as const;
/** ONLINE leaves the VMs running; OFFLINE stops them first and starts them afterwards. */
export type CaptureMode = (typeof CAPTURE_MODES)[number];

/** What a set can be made of. */
export const SNAPSHOT_SOURCES = ['IMAGE', 'PREBUILT', 'CLUSTER', 'SESSION'] as const;
/**
 * IMAGE: a guest was started from the image and captured. PREBUILT: it was captured elsewhere and
 * fetched from a registry. CLUSTER: captured on a cluster of the pool. SESSION: on one in use.
 */
export type SnapshotSource = (typeof SNAPSHOT_SOURCES)[number];

/** The golden state of one VM role. */
export interface Snapshot {
  readonly id: string;
  readonly name: string;
  readonly role: VmRole;
  readonly set: number;
  readonly current: boolean;
  readonly status: SnapshotStatus;
  readonly statusMessage: string | null;
  readonly mode: CaptureMode;
  readonly poolId: string;
  /** The cluster that is reset to it; null for a template set of the pool. */
  readonly clusterId: string | null;
  readonly sourceSessionId: string | null;
  /** The cluster it was captured on; null when it was made from the image. */
  readonly sourceClusterId: string | null;
  /** What it is made of in fact; what was intended, until it is ready. */
  readonly source: SnapshotSource;
  /** Why it was not made of what the settings prefer; null when it was. */
  readonly sourceReason: string | null;
  /** The version of an image it was made from, as `name@3`; null where images have none. */
  readonly image: string | null;
  /** What its content is known by, as `sha256:…`; null until known, or where nothing is hashed. */
  readonly digest: string | null;
  /** Whether it is to be replaced as if it were stale: its pool's image has a newer version. */
  readonly outdated: boolean;
  /** Whose it is, when somebody saved a session; null for golden states. */
  readonly owner: string | null;
  /** What its owner calls it; null for golden states. */
  readonly title: string | null;
  readonly jobId: string | null;
  readonly k8sVersion: string | null;
  readonly sizeBytes: number | null;
  /** Passes that failed to take it. */
  readonly attempts: number;
  readonly nextAttemptAt: number | null;
  readonly createdAt: number;
  readonly readyAt: number | null;
  readonly version: number;
}

/** Which set: set numbers are unique in their pool. */
export type SetKey = Pick<Snapshot, 'poolId' | 'set'>;

/** Whether it can be restored from. */
export function isReadyToUse(snapshot: Pick<Snapshot, 'status'>): boolean {
  return snapshot.status === 'READY';
}

/** When it becomes stale, in epoch milliseconds; null until it is ready. */
export function staleAt(
  snapshot: Pick<Snapshot, 'readyAt'>,
  pool: Pick<ClusterPool, 'snapshotMaxAgeSeconds'>,
): number | null {
  return snapshot.readyAt === null ? null : snapshot.readyAt + pool.snapshotMaxAgeSeconds * 1_000;
}

/** Whether it is older than its pool wants. Time in epoch milliseconds. */
export function isStale(
  snapshot: Pick<Snapshot, 'readyAt'>,
  pool: Pick<ClusterPool, 'snapshotMaxAgeSeconds'>,
  now: number,
): boolean {
  const since = staleAt(snapshot, pool);
  return since !== null && now >= since;
}

/** Whether another can be taken like it without anybody's help: it holds no session's work. */
export function isMadeOfImage({ source }: Pick<Snapshot, 'source'>): boolean {
  return source === 'IMAGE' || source === 'PREBUILT';
}

/** Whether it is made of another version than this, `name@3`; what was fetched is of none here. */
export function isOfOtherVersion(
  { source, image }: Pick<Snapshot, 'source' | 'image'>,
  wanted: string,
): boolean {
  return source === 'IMAGE' && image !== wanted;
}

/** Whether it is to be replaced by another of the same kind: too old, or of an old image. */
export function wantsRenewal(
  snapshot: Pick<Snapshot, 'readyAt' | 'outdated' | 'source'>,
  pool: Pick<ClusterPool, 'snapshotMaxAgeSeconds'>,
  now: number,
): boolean {
  return isMadeOfImage(snapshot) && (snapshot.outdated || isStale(snapshot, pool, now));
}

/** Its age in whole seconds: since it was ready, or begun while it is not. */
export function ageSeconds(snapshot: Pick<Snapshot, 'createdAt' | 'readyAt'>, now: number): number {
  return Math.max(0, Math.floor((now - (snapshot.readyAt ?? snapshot.createdAt)) / 1_000));
}

/** The name of a role's snapshot in a set: short, as KubeVirt's derived names need it. */
export function snapshotName(role: VmRole, set: number): string {
  const stem = { CONTROL_PLANE: 'cp-snap', WORKER: 'wk-snap', STANDALONE: 'vm-snap' }[role];
  return set <= 1 ? stem : `${stem}-${set}`;
}

/** Whether these snapshots are one complete set: every role of the template is READY. */
export function isCompleteSet(
  snapshots: readonly Pick<Snapshot, 'role' | 'status' | 'set'>[],
  roles: readonly Pick<RoleSpec, 'role'>[],
): boolean {
  const oneSet = new Set(snapshots.map((snapshot) => snapshot.set)).size === 1;
  const ready = snapshots.filter(isReadyToUse).map((snapshot) => snapshot.role);
  return oneSet && roles.every(({ role }) => ready.includes(role));
}

/** What a cold creation uses: SNAPSHOT only from a complete current template set. */
export function strategyFor(
  templateSet: readonly Pick<Snapshot, 'role' | 'status' | 'set'>[],
  roles: readonly Pick<RoleSpec, 'role'>[],
): ProvisioningStrategy {
  return isCompleteSet(templateSet, roles) ? 'SNAPSHOT' : 'BOOTSTRAP';
}
