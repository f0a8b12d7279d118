import { connect } from 'node:net';
import type { World } from '../../world.ts';
import { type Folders, listNames, removeFolder, vmFiles } from './folders.ts';
import { codeOf } from './error-code.ts';
import { isUnreadable } from './vm-record.ts';

/**
 * Removes the VMs whose records a power loss has torn, once at the start: they ended with it, and
 * nobody could ever take them up, nor make others of their names. One that something still serves
 * is left to people: it may be a guest in use.
 */
export async function removeTorn(
  world: World,
  folders: Folders,
  log: (line: string) => void,
): Promise<void> {
  for (const name of listNames(folders.vms).filter((one) => isUnreadable(folders, one))) {
    const isServed = await answers(vmFiles(folders, name).control);
    const what = isServed ? 'its VM runs and is left alone' : 'it is removed: no VM of it runs';
    log(`${name}: what is stored of it cannot be read; ${what}`);
    if (!isServed) await removeFolder(world, folders.vms, name);
  }
}

/** What the kernel says of a socket on which no process listens. */
const UNSERVED: readonly unknown[] = ['ECONNREFUSED', 'ENOENT', 'ENOTDIR'];

/** Whether a process listens on a socket, or may. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', (error) => resolve(!UNSERVED.includes(codeOf(error))));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
