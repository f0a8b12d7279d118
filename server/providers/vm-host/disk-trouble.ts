import { statfs } from 'node:fs/promises';
import type { RoleSpec } from '../../../schema/model/template.ts';
import { ProviderError } from '../provider.ts';
import { codeOf } from './error-code.ts';

/** What the operating system says of a disk, in words. */
const TROUBLES: ReadonlyMap<unknown, string> = new Map([
  ['ENOSPC', 'there is no room left on its disk'],
  ['EDQUOT', 'no more may be stored there'],
  ['EROFS', 'its disk can only be read'],
  ['EIO', 'its disk cannot be read or written'],
]);
const MIB = 2 ** 20;
/** Left for the disks of guests, which stand still where there is none, and for everybody else. */
const RESERVE_MIB = 256;

/**
 * What went wrong, told so that people know what to mend: trouble with the disk below the folder
 * passes when somebody makes room there, and until then it is no fault of ours.
 */
export function toldOfDisk(error: unknown, folder: string): unknown {
  const trouble = TROUBLES.get(codeOf(error));
  if (trouble === undefined) return error;
  return new ProviderError(`Nothing can be stored in ${folder}: ${trouble}`, {
    retryable: true,
    cause: error,
  });
}

/** How much room there is in a folder. */
export async function freeMiB(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return Math.floor((bavail * bsize) / MIB);
}

/** Refuses to begin what may take so much, where there is not that room and some more. */
export async function refuseToFill(folder: string, neededMiB: number): Promise<void> {
  const free = await freeMiB(folder);
  if (free >= neededMiB + RESERVE_MIB) return;
  const room = `in ${folder} there is room for ${free}, of which ${RESERVE_MIB} are kept free`;
  const reason = `Too little room for a capture: it may take ${neededMiB} MiB, and ${room}`;
  throw new ProviderError(reason, { retryable: true });
}

/**
 * Why a set could not be made, with the room there is where it is less than its memory may take:
 * a VM whose memory finds no room on the disk just ends, and says nothing.
 */
export async function toldOfRoom(
  error: unknown,
  folder: string,
  roles: readonly Pick<RoleSpec, 'memoryMiB'>[],
): Promise<unknown> {
  if (!(error instanceof ProviderError)) return error;
  const { reason, retryable, lostSet } = error;
  const needed = roles.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0);
  const free = await freeMiB(folder);
  if (free >= needed) return error;
  const room = `its memory may take ${needed} MiB, and in ${folder} there is room for ${free}`;
  return new ProviderError(`${reason}; ${room}`, { retryable, lostSet, cause: error });
}
