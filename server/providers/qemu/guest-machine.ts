import { join } from 'node:path';
import type { RoleSpec } from '../../../schema/model/template.ts';
import { ProviderError } from '../provider.ts';
import { guestCpu } from './accelerator.ts';
import { type Hardware, type Memory, type Start, devices } from './command-line.ts';
import type { Host } from './host.ts';
import { type Image, KERNEL_FILE, ROOT_FILE, listImages } from './image-manifest.ts';
import type { StoredSet, StoredSnapshot } from './set-store.ts';
import { snapshotFiles } from './set-store.ts';

/** What a VM of this size sees of its machine here and now. */
export function hardwareFor(host: Host, spec: RoleSpec): Hardware {
  if (spec.diskGiB !== null) {
    const reason = 'VMs of this provider have no disks: their image is all in memory';
    throw new ProviderError(reason, { retryable: false });
  }
  const { current: accel } = host.accelerators;
  const { cpuCores, memoryMiB } = spec;
  return { machine: host.settings.machine, cpu: guestCpu(accel).cpu, accel, cpuCores, memoryMiB };
}

/** All that must be equal where a snapshot of such a machine is to be restored, as one text. */
export function describeMachine(host: Host, hardware: Hardware): string {
  const { major, minor } = host.version;
  const cpu = guestCpu(hardware.accel).host ?? 'any CPU';
  return [`QEMU ${major}.${minor} on ${cpu}:`, ...devices(hardware)].join(' ');
}

/** Refuses a snapshot that would load here without a word and then never answer. */
export function refuseOtherMachine(host: Host, hardware: Hardware, stored: StoredSnapshot): void {
  const here = describeMachine(host, hardware);
  if (stored.machine === here) return;
  const reason = `The snapshot was captured on another machine (${stored.machine}), not ${here}`;
  throw new ProviderError(`${reason}; capture a new set`, { retryable: false });
}

/** The image that a role starts from: the one it names, or the newest there is. */
export function imageFor(host: Host, spec: RoleSpec): Image {
  const images = listImages(host.imagesDir);
  const image = images.find(({ id }) => spec.image === null || id === spec.image);
  if (image !== undefined) return image;
  const what = spec.image === null ? 'There is no image' : `There is no image ${spec.image}`;
  const reason = `${what} in ${host.imagesDir}; build one: npm run qemu:image`;
  throw new ProviderError(reason, { retryable: false });
}

/** How a guest boots from an image. */
export function bootFrom(image: Image): Start {
  const { folder, commandLine } = image;
  const kernel = join(folder, KERNEL_FILE);
  return { kind: 'BOOT', kernel, root: join(folder, ROOT_FILE), commandLine };
}

/** A clone's memory: the set's file, of which only what the clone changes becomes its own. */
export function memoryFrom(host: Host, folder: string, stored: StoredSnapshot): Memory {
  const { major, minor } = host.version;
  // Before 8.2 QEMU opens the file for writing, or makes the guest's memory read-only.
  const canOpenReadOnly = major > 8 || (major === 8 && minor >= 2);
  return { kind: 'CLONED', file: snapshotFiles(folder, stored.role).memory, canOpenReadOnly };
}

/** The snapshot of a role in a set. */
export function snapshotOf(set: StoredSet, spec: RoleSpec): StoredSnapshot {
  const found = set.snapshots.find(({ role }) => role === spec.role);
  if (found !== undefined) return found;
  const reason = `${set.object.name} holds no snapshot of ${spec.role}`;
  throw new ProviderError(reason, { retryable: false });
}
