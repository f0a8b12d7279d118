import { join } from 'node:path';
import type { RoleSpec } from '../../../schema/model/template.ts';
import { ProviderError } from '../provider.ts';
import type { Fittings } from './fittings.ts';
import type { Host } from './host.ts';
import type { MachineSize, Start } from './hypervisor.ts';
import { BASE_IMAGE, imageRef } from '../../../schema/model/image.ts';
import { type Image, findImage } from './image-manifest.ts';
import { rootFile } from './image/root-file.ts';
import type { StoredSet, StoredSnapshot } from './set-store.ts';

const SECTOR = 512;

/** What a VM of this kind is given of its machine. */
export function sizeOf(spec: RoleSpec, fittings?: Fittings): MachineSize {
  const { cpuCores, memoryMiB } = spec;
  return { cpuCores, memoryMiB, fittings };
}

/** What a guest of an image has besides CPUs and memory: what the image asks for, and the role. */
export function fittingsOf(host: Host, spec: RoleSpec, image: Image): Fittings | undefined {
  const { boot } = image;
  const bytes = Math.ceil(((spec.diskGiB ?? 0) * 2 ** 30) / SECTOR) * SECTOR;
  if (boot.kind === 'LAYERS' && bytes === 0) return undefined;
  if (host.hypervisor.fits !== true) {
    const what = boot.kind === 'DISK' ? `${imageRef(image)} is a disk` : 'a disk is asked for';
    const reason = `${what}, and VMs of ${host.hypervisor.kind} have none: choose QEMU`;
    throw new ProviderError(reason, { retryable: false });
  }
  if (boot.kind === 'LAYERS') {
    return { disk: { bytes, bus: 'VIRTIO', format: 'qcow2' }, platform: null };
  }
  const { machine, video, agent, bus, disk } = boot;
  const fitted = { bytes: Math.max(bytes, disk.virtualBytes), bus, format: disk.format };
  return { disk: fitted, platform: { machine, video, agent } };
}

/** The files below the own layer of a guest's disk when it boots. */
export function lowerLayers({ folder, boot }: Image): readonly string[] {
  return boot.kind === 'DISK' ? [join(folder, boot.disk.file)] : [];
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
export function bootFrom({ folder, boot }: Image): Start {
  if (boot.kind === 'DISK') return { kind: 'BOOT_DISK' };
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
