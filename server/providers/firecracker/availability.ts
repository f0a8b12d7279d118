import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { BASE_IMAGE } from '../../../schema/model/image.ts';
import { type Image, findImage } from '../vm-host/image-manifest.ts';
import { DEFAULT_FIRECRACKER_SETTINGS } from './settings.ts';
import { type FirecrackerVersion, faultOfVersion, firecrackerVersion } from './version.ts';

const KVM = '/dev/kvm';

/** Whether VMs can be made here, and if not, why and what to do about it. */
export type FirecrackerAvailability =
  | { readonly available: true; readonly version: FirecrackerVersion; readonly image: Image }
  | { readonly available: false; readonly why: string; readonly fix: string };

/**
 * Finds out whether this machine has KVM, Firecracker and our base image. Starts nothing but the
 * program, to be told its version.
 */
export async function firecrackerAvailability(options: {
  readonly imageDir: string;
  readonly binary?: string | undefined;
  readonly device?: string | undefined;
}): Promise<FirecrackerAvailability> {
  const { binary = DEFAULT_FIRECRACKER_SETTINGS.binary, device = KVM } = options;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const here = `${process.platform} on ${process.arch}`;
    return missing(`the FIRECRACKER provider runs on Linux on x64, not on ${here}`, 'use Linux');
  }
  const version = await firecrackerVersion(binary);
  if (version === null) {
    return missing(`${binary} is not a Firecracker program`, 'set SNAPYARD_FIRECRACKER');
  }
  const fault = faultOfVersion(version);
  if (fault !== null) {
    return missing(`Firecracker ${version.text} is ${fault}`, 'install another release');
  }
  if (!(await canOpen(device))) {
    const fix = 'use a machine with KVM, and an account that may open it for reading and writing';
    return missing(`${device} cannot be opened, and Firecracker emulates nothing`, fix);
  }
  const image = findImage(options.imageDir, BASE_IMAGE);
  if (image === undefined) return missing(`no image in ${options.imageDir}`, 'npm run qemu:image');
  return { available: true, version, image };
}

async function canOpen(device: string): Promise<boolean> {
  try {
    await access(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(why: string, fix: string): FirecrackerAvailability {
  return { available: false, why, fix };
}
