import type { Host } from './host.ts';
import { insist, type Limits } from './insist.ts';
import {
  CLAIMS,
  VM_SNAPSHOT_CONTENTS,
  VM_SNAPSHOTS,
  type PersistentVolumeClaim,
} from './objects.ts';

/**
 * Some storage keeps a snapshot inside of the disk that it was taken of, and loses it with that
 * disk, without a word: it goes on calling the snapshot ready. Such disks stay as long as their
 * snapshots, though no VM has them any more.
 */

/** The drivers that do so. */
const IN_THE_DISK: ReadonlySet<string> = new Set(['driver.longhorn.io']);

/** Where Kubernetes notes the driver of a claim, in the words of all its releases. */
const PROVISIONER = [
  'volume.kubernetes.io/storage-provisioner',
  'volume.beta.kubernetes.io/storage-provisioner',
];

/** The disks of a namespace that snapshots there would be lost with. */
export async function disksOfSnapshots(
  host: Host,
  namespace: string,
  limits: Limits,
  known?: readonly PersistentVolumeClaim[],
): Promise<ReadonlySet<string>> {
  const claims = known ?? (await claimsOf(host, namespace, limits));
  const holders = claims.filter(keepsSnapshotsInIt).map(({ metadata }) => metadata.name);
  if (holders.length === 0) return new Set();
  const sources = await insist(host, limits, `looking at the snapshots of ${namespace}`, () =>
    sourcesIn(host, namespace, limits),
  );
  return new Set(holders.filter((name) => sources.has(name)));
}

function claimsOf(host: Host, namespace: string, limits: Limits): Promise<PersistentVolumeClaim[]> {
  return insist(host, limits, `listing the claims of ${namespace}`, () =>
    host.kubernetes.list(CLAIMS, { namespace }, limits.signal),
  );
}

function keepsSnapshotsInIt({ metadata }: PersistentVolumeClaim): boolean {
  return PROVISIONER.some((key) => IN_THE_DISK.has(metadata.annotations[key] ?? ''));
}

/** What the snapshots of a namespace were taken of. */
async function sourcesIn(
  { kubernetes }: Host,
  namespace: string,
  { signal }: Limits,
): Promise<ReadonlySet<string>> {
  const snapshots = await kubernetes.list(VM_SNAPSHOTS, { namespace }, signal);
  const contents = await Promise.all(
    snapshots.map(async ({ status }) => {
      const name = status?.virtualMachineSnapshotContentName;
      if (name == null) return undefined;
      return await kubernetes.get(VM_SNAPSHOT_CONTENTS, { namespace, name }, signal);
    }),
  );
  const backups = contents.flatMap((content) => content?.spec?.volumeBackups ?? []);
  return new Set(
    backups.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.metadata?.name ?? []),
  );
}
