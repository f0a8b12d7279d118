import { createHash } from 'node:crypto';
import type { KubeObject } from '../ports.ts';
import type { Restore, VolumeBackup } from './shapes.ts';

/** Names the restore that made a claim or a data volume. */
export const RESTORE_NAME = 'restore.kubevirt.io/name';
/** Tells the last restore that was done on a machine, or that made a claim. */
export const LAST_RESTORE = 'restore.kubevirt.io/lastRestoreUID';
/** Names the data volume that a claim is filled for. */
export const POPULATED_FOR = 'cdi.kubevirt.io/storage.populatedFor';
/** Tells CDI that a data volume's claim is there or will be, and is not to be made. */
export const PRE_POPULATED = 'cdi.kubevirt.io/storage.prePopulated';

/** What the mark of a restore says. */
export function markOf({ metadata }: Restore): string {
  return `${metadata.name}-${metadata.uid}`;
}

/** Whether a restore has left its mark on an object. */
export function isDoneOn(restore: Restore, object: KubeObject): boolean {
  return object.metadata.annotations?.[LAST_RESTORE] === markOf(restore);
}

/** The name of a restored volume, which its policy or an override decides. */
export function restoredName(restore: Restore, volume: string, claim: string): string {
  const { metadata, spec } = restore;
  const override = spec.volumeRestoreOverrides?.find(({ volumeName }) => volumeName === volume);
  if ((override?.restoreName ?? '') !== '') return override?.restoreName ?? claim;
  if (spec.volumeRestorePolicy === 'InPlace') return claim;
  if (spec.volumeRestorePolicy === 'PrefixTargetName') {
    return shortened(`${spec.target.name ?? ''}-${volume}`);
  }
  return `restore-${metadata.uid}-${volume}`;
}

/** The claim that a volume had when its snapshot was taken. */
export function claimOf({ persistentVolumeClaim }: VolumeBackup): string {
  return persistentVolumeClaim.metadata.name;
}

/** A name of at most 63 characters: a longer one ends in its hash. */
function shortened(name: string): string {
  if (name.length <= 63) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, 54)}-${hash}`;
}

/** The firmware UUID that a machine has by its name alone, written where it has none. */
export function legacyFirmwareUuid(machine: string): string {
  const digits = createHash('sha1').update(machine).digest('hex');
  const parts = [digits.slice(0, 8), digits.slice(8, 12), `5${digits.slice(13, 16)}`];
  return [...parts, `8${digits.slice(17, 20)}`, digits.slice(20, 32)].join('-');
}
