import type { CaptureMode } from '../../../schema/model/snapshot.ts';
import type { VmRole } from '../../../schema/model/template.ts';
import { ProviderError, type CapturedSnapshot, type SetRef, type Step } from '../provider.ts';
import { refused } from './errors.ts';
import type { Host } from './host.ts';
import { insist, type Limits } from './insist.ts';
import type { ObjectName, Where } from './kubernetes.ts';
import { checkName, LABEL, roleLabel, sharedName, TEMPLATES_NAMESPACE } from './names.ts';
import {
  conditionOf,
  isLeaving,
  VM_SNAPSHOT_CONTENTS,
  VM_SNAPSHOTS,
  VOLUME_SNAPSHOTS,
  type VirtualMachineSnapshot,
} from './objects.ts';
import { viewOfOurs } from './our-views.ts';
import { bytesOf } from './quantity.ts';
import { until } from './until.ts';

/**
 * What a snapshot is worth. KubeVirt calls one succeeded and ready that holds no disk at all, and
 * one that was ready stops being so when a part of it is deleted: so it is looked at whole, when
 * it is taken and each time before it is used.
 */

/** On a snapshot: which Kubernetes the guest had when it was taken. */
export const KUBERNETES_VERSION = 'snapyard.io/kubernetes-version';

/** On a snapshot: whether the guests ran while it was taken. */
export const MODE = 'snapyard.io/mode';

/** The volume that every VM has and no snapshot holds: its data is in a secret. */
const CLOUD_INIT_VOLUME = 'cloudinit';

/** How long a snapshot that is there, but not ready just now, is waited for before its use. */
const READY_AGAIN_MS = 60_000;

/** The snapshots of a set by their role. */
export type SnapshotsByRole = ReadonlyMap<VmRole, VirtualMachineSnapshot>;

/** What is wrong with a snapshot, and whether another try or more time may help. */
export interface Flaw {
  readonly reason: string;
  /** Whether time alone may mend it. */
  readonly passes: boolean;
  /** Whether a snapshot that is taken anew would have it, too. */
  readonly stays?: boolean | undefined;
}

/** In which namespace the snapshots of a set are: its cluster's, or the templates'. */
export function namespaceOf(set: SetRef): string {
  return set.cluster?.namespace ?? TEMPLATES_NAMESPACE;
}

/** How the snapshot of a role is called; templates of all pools share one namespace. */
export function snapshotObject(set: SetRef, role: VmRole, installation: string): ObjectName {
  const name = set.snapshots.find((snapshot) => snapshot.role === role)?.name;
  if (name === undefined) throw refused(`${set.id} names no snapshot of its ${roleLabel(role)}`);
  const pool = sharedName(set.poolName, installation);
  const unique = set.cluster === null ? `${pool}-${name}` : name;
  return { namespace: namespaceOf(set), name: checkName(unique) };
}

/** The snapshots that a set has now, found by their labels. */
export async function findSnapshots(
  host: Host,
  set: SetRef,
  step: Asker,
): Promise<SnapshotsByRole> {
  const where = whereOf(set, step);
  const found = await insist(host, step, `listing the snapshots of ${set.id}`, () =>
    host.kubernetes.list(VM_SNAPSHOTS, where, step.signal),
  );
  return byRole(set, found);
}

/** Under which namespace and labels the snapshots of a set are. */
function whereOf(set: SetRef, { installation }: Pick<Step, 'installation'>): Where {
  const labels = { [LABEL.installation]: installation, [LABEL.setId]: set.id };
  return { namespace: namespaceOf(set), labels };
}

/** Who asks, and within which limits. */
export type Asker = Limits & Pick<Step, 'installation'>;

/** Which of these snapshots stands for which role; what is being deleted stands for none. */
export function byRole(
  set: Pick<SetRef, 'roles'>,
  found: readonly VirtualMachineSnapshot[],
): SnapshotsByRole {
  const present = found.filter((snapshot) => !isLeaving(snapshot));
  return new Map(
    set.roles.flatMap(({ role }) => {
      const is = roleLabel(role);
      const one = present.find((snapshot) => snapshot.metadata.labels[LABEL.role] === is);
      return one === undefined ? [] : [[role, one] as const];
    }),
  );
}

/**
 * The snapshots of a set that can be used now, one for each role. A set that is not there or is
 * incomplete will not come back; one that is not ready may be so again.
 */
export async function usableSet(host: Host, set: SetRef, step: Asker): Promise<SnapshotsByRole> {
  const found = await findSnapshots(host, set, step);
  if (findFlaw(set, found, step) === undefined) return found;
  const view = viewOfOurs(host, VM_SNAPSHOTS, step);
  let flaw: Flaw | undefined;
  const wait = {
    what: `the snapshots of ${set.id}`,
    signal: step.signal,
    deadline: host.world.elapsed() + READY_AGAIN_MS,
    detail: () => flaw?.reason,
  };
  return await until(host, [view], wait, async () => {
    const now = await findSnapshots(host, set, step);
    flaw = findFlaw(set, now, step);
    if (flaw === undefined) return now;
    if (!flaw.passes) throw new ProviderError(flaw.reason, { retryable: false, lostSet: true });
    return undefined;
  });
}

function findFlaw(set: SetRef, found: SnapshotsByRole, asker: Asker): Flaw | undefined {
  for (const { role } of set.roles) {
    const snapshot = found.get(role);
    const flaw = snapshot === undefined ? absent(set, role, asker) : flawOf(snapshot);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function absent(set: SetRef, role: VmRole, { installation }: Asker): Flaw {
  const { namespace, name } = snapshotObject(set, role, installation);
  const reason = `there is no snapshot ${namespace}/${name} of the ${roleLabel(role)}`;
  return { reason, passes: false };
}

/** What is wrong with one snapshot for its use; `disks` are the volumes that it must hold. */
export function flawOf(
  snapshot: VirtualMachineSnapshot,
  disks: readonly string[] = [],
): Flaw | undefined {
  const { name } = snapshot.metadata;
  const { status } = snapshot;
  if (isLeaving(snapshot)) return { reason: `the snapshot ${name} is deleted`, passes: false };
  const phase = status?.phase ?? 'new';
  if (conditionOf(status, 'Failure')?.status === 'True' || ENDED.has(phase)) {
    const why = status?.error?.message ?? conditionOf(status, 'Failure')?.reason ?? phase;
    return { reason: `the snapshot ${name} failed: ${why}`, passes: false };
  }
  if (phase !== 'Succeeded') return { reason: `the snapshot ${name} is ${phase}`, passes: true };
  const left = leftOut(snapshot, disks);
  if (left.length > 0) {
    const reason = `the snapshot ${name} is without the disks ${left.join(', ')}`;
    return { reason, passes: false, stays: true };
  }
  if (status?.readyToUse === true) return undefined;
  const why = status?.error?.message;
  const because = why == null ? '' : `: ${why}`;
  return { reason: `the snapshot ${name} is not ready to be used${because}`, passes: true };
}

const ENDED: ReadonlySet<string> = new Set(['Failed', 'Deleting']);

/** The disks that should be in a snapshot and are not. One without any disk lacks its first. */
function leftOut({ status }: VirtualMachineSnapshot, disks: readonly string[]): string[] {
  const included = status?.snapshotVolumes?.includedVolumes ?? [];
  const excluded = status?.snapshotVolumes?.excludedVolumes ?? [];
  const missing = disks.filter((disk) => !included.includes(disk));
  const known = excluded.filter((volume) => volume !== CLOUD_INIT_VOLUME);
  if (included.length === 0 && missing.length === 0) missing.push('rootdisk');
  return [...new Set([...missing, ...known])];
}

/**
 * Whether guests that ran while they were captured stood still for it. Without a guest agent that
 * froze them their file systems are as after a power cut, which is no golden state.
 */
export function motionOf(snapshot: VirtualMachineSnapshot, mode: CaptureMode): Flaw | undefined {
  const { status, metadata } = snapshot;
  const said = status?.sourceIndications?.map(({ indication }) => indication);
  const indications = new Set(said ?? status?.indications ?? []);
  if (mode === 'OFFLINE' && indications.size === 0) return undefined;
  const bad = [...indications].filter((each) => each !== 'Online' && each !== 'GuestAgent');
  if (bad.length === 0 && indications.has('GuestAgent')) return undefined;
  const what = bad.length === 0 ? 'no guest agent' : bad.join(', ');
  const reason = `the guest of ${metadata.name} was not still while it was captured (${what})`;
  return { reason, passes: false, stays: bad.length === 0 || bad.includes('NoGuestAgent') };
}

/** What is known of the snapshots of a complete set. */
export function describeSet(
  host: Host,
  set: SetRef,
  snapshots: SnapshotsByRole,
  limits: Limits,
): Promise<CapturedSnapshot[]> {
  return Promise.all(
    set.roles.flatMap(({ role }) => {
      const snapshot = snapshots.get(role);
      return snapshot === undefined ? [] : [describe(host, role, snapshot, limits)];
    }),
  );
}

async function describe(
  host: Host,
  role: VmRole,
  snapshot: VirtualMachineSnapshot,
  limits: Limits,
): Promise<CapturedSnapshot> {
  const names = await volumeSnapshots(host, snapshot, limits);
  const { namespace } = snapshot.metadata;
  const what = `reading the disk snapshots of ${snapshot.metadata.name}`;
  const sizes = await insist(host, limits, what, () =>
    Promise.all(
      [...names.values()].map(async (name) => {
        const object = { namespace, name };
        const of = await host.kubernetes.get(VOLUME_SNAPSHOTS, object, limits.signal);
        return bytesOf(of?.status?.restoreSize);
      }),
    ),
  );
  const known = sizes.filter((size) => size !== null);
  return {
    role,
    sizeBytes: known.length === 0 ? null : known.reduce((sum, size) => sum + size, 0),
    k8sVersion: snapshot.metadata.annotations[KUBERNETES_VERSION] ?? null,
  };
}

/** The names of the disk snapshots that a VM's snapshot consists of, by volume. */
export async function volumeSnapshots(
  host: Host,
  snapshot: VirtualMachineSnapshot,
  limits: Limits,
): Promise<ReadonlyMap<string, string>> {
  const { namespace } = snapshot.metadata;
  const name = snapshot.status?.virtualMachineSnapshotContentName;
  if (name == null) return new Map();
  const content = await insist(host, limits, `reading the content ${name}`, () =>
    host.kubernetes.get(VM_SNAPSHOT_CONTENTS, { namespace, name }, limits.signal),
  );
  const backups = content?.spec?.volumeBackups ?? [];
  return new Map(
    backups.flatMap(({ volumeName, volumeSnapshotName }) =>
      volumeSnapshotName == null ? [] : [[volumeName, volumeSnapshotName] as const],
    ),
  );
}
