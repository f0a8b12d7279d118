import { join } from 'node:path';
import type { RoleSpec } from '../../../schema/model/template.ts';
import { ProviderError } from '../provider.ts';
import type { Host } from './host.ts';
import type { MachineSize, Start } from './hypervisor.ts';
import { BASE_IMAGE, imageRef } from '../../../schema/model/image.ts';
import { type Image, findImage } from './image-manifest.ts';
import { rootFile } from './image/root-file.ts';
import type { StoredSet, StoredSnapshot } from './set-store.ts';

/** What a VM of this kind is given of its machine. */
export function sizeOf(spec: RoleSpec): MachineSize {
  if (spec.diskGiB !== null) {
    const reason = 'VMs of this provider have no disks: their image is all in memory';
    throw new ProviderError(reason, { retryable: false });
  }
  const { cpuCores, memoryMiB } = spec;
  return { cpuCores, memoryMiB };
}

/** Refuses a snapshot that would load here without a word and then never answer. */
export function refuseOtherMachine(host: Host, size: MachineSize, stored: StoredSnapshot): void {
  const here = host.hypervisor.describeMachine(size);
  if (stored.machine === here) return;
  const reason = `The snapshot was captured on another machine (${stored.machine}), not ${here}`;
  throw new ProviderError(`${reason}; capture a new set`, { retryable: false, lostSet: true });
}

/** The image that a role starts from: the version it names, or the newest of a name. */
export function imageFor(host: Host, spec: RoleSpec): Image {
  const wanted = spec.image ?? BASE_IMAGE;
  const image = findImage(host.imagesDir, wanted);
  if (image !== undefined) return image;
  const fix = spec.image === null ? '; build one: npm run qemu:image' : '';
  const reason = `There is no image ${wanted} in ${host.imagesDir}${fix}`;
  throw new ProviderError(reason, { retryable: false });
}

/** How a guest boots from an image. */
export function bootFrom({ folder, boot, ...image }: Image): Start {
  if (boot.kind === 'DISK') {
    const reason = `${imageRef(image)} is a disk, from which no guest can be started here yet`;
    throw new ProviderError(reason, { retryable: false });
  }
  const kernel = join(folder, boot.kernel.name);
  return { kind: 'BOOT', kernel, root: rootFile(folder, boot), commandLine: boot.commandLine };
}

/** The snapshot of a role in a set. */
export function snapshotOf(set: StoredSet, spec: RoleSpec): StoredSnapshot {
  const found = set.snapshots.find(({ role }) => role === spec.role);
  if (found !== undefined) return found;
  const reason = `${set.object.name} holds no snapshot of ${spec.role}`;
  throw new ProviderError(reason, { retryable: false, lostSet: true });
}
