import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BASE_IMAGE } from '../../../schema/model/image.ts';
import { type Image, findImage } from '../vm-host/image-manifest.ts';
import { DEFAULT_QEMU_SETTINGS } from './settings.ts';

const execute = promisify(execFile);
const VERSION_MS = 10_000;
/** The first version that knows the machine we use. */
const OLDEST = 702;

/** Of which QEMU the provider makes use. */
export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly text: string;
}

/** Whether VMs can be made here, and if not, why and what to do about it. */
export type QemuAvailability =
  | {
      readonly available: true;
      readonly version: QemuVersion;
      /** The base image; null where VMs are made of what a registry has. */
      readonly image: Image | null;
    }
  | { readonly available: false; readonly why: string; readonly fix: string };

/** Finds out whether this machine has QEMU, and what VMs are made of. Starts nothing. */
export async function qemuAvailability(options: {
  readonly imageDir: string;
  readonly binary?: string;
  /** Whether sets are fetched from a registry: an image on this machine is then no must. */
  readonly fetches?: boolean;
}): Promise<QemuAvailability> {
  const binary = options.binary ?? DEFAULT_QEMU_SETTINGS.binary;
  if (process.platform !== 'linux') {
    return missing(`the QEMU provider runs on Linux, not on ${process.platform}`, 'use Linux');
  }
  const version = await qemuVersion(binary);
  if (version === null) {
    const fix = 'apt-get install --no-install-recommends qemu-system-x86';
    return missing(`${binary} is not installed`, fix);
  }
  if (version.major * 100 + version.minor < OLDEST) {
    return missing(`QEMU ${version.text} is too old`, 'install QEMU 7.2 or newer');
  }
  const image = findImage(options.imageDir, BASE_IMAGE) ?? null;
  if (image === null && options.fetches !== true) {
    return missing(`no image in ${options.imageDir}`, 'npm run qemu:image');
  }
  return { available: true, version, image };
}

/** The version of a QEMU program; null when it is not there or does not say. */
export async function qemuVersion(binary: string): Promise<QemuVersion | null> {
  try {
    const { stdout } = await execute(binary, ['--version'], { timeout: VERSION_MS });
    const [text, major, minor] = /(\d+)\.(\d+)\.\d+/.exec(stdout) ?? [];
    if (text === undefined) return null;
    return { major: Number(major), minor: Number(minor), text };
  } catch {
    return null;
  }
}

function missing(why: string, fix: string): QemuAvailability {
  return { available: false, why, fix };
}
