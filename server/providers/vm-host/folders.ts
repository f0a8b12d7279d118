import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { isMissing } from './unread.ts';

/** The kernel takes 108 bytes for the path of a socket; programs and Node add to it in places. */
const LONGEST_SOCKET_PATH = 100;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/;
/** Folders that are being made or removed; nobody reads them. */
const DRAFT = '.new-';
/** How the name of a folder begins whose content is being removed. */
export const GONE = '.gone-';

/** Where the state of all VMs and sets is. */
export interface Folders {
  readonly state: string;
  readonly vms: string;
  readonly sets: string;
}

/** The files of one VM. */
export interface VmFiles {
  readonly folder: string;
  readonly record: string;
  readonly control: string;
  readonly agent: string;
  /** The socket over which a snapshot comes or goes. */
  readonly transfer: string;
  readonly log: string;
  /** The socket of the guest's serial line, once somebody has wanted it. */
  readonly serial: string;
  /** The socket at which its screen is seen, if it has one. */
  readonly screen: string;
}

/** Makes the folders, readable by nobody else: they hold guests' memory. */
export function makeFolders(stateDir: string, snapshotDir: string | undefined): Folders {
  const state = resolve(stateDir);
  const sets = resolve(snapshotDir ?? join(state, 'sets'));
  const folders = { state, vms: join(state, 'vms'), sets };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folders;
}

/** The files of the VM with this name. */
export function vmFiles(folders: Folders, name: string): VmFiles {
  const folder = join(folders.vms, checkedName(name));
  const files = {
    folder,
    record: join(folder, 'vm.json'),
    control: join(folder, 'control.sock'),
    agent: join(folder, 'agent.sock'),
    transfer: join(folder, 'move.sock'),
    log: join(folder, 'process.log'),
    serial: join(folder, 'serial.sock'),
    screen: join(folder, 'screen.sock'),
  };
  if (Buffer.byteLength(files.agent) > LONGEST_SOCKET_PATH) {
    const reason = `${files.agent} is too long for a socket; choose a shorter state folder`;
    throw new ProviderError(reason, { retryable: false });
  }
  return files;
}

/** The folder of the set with this id. */
export function setFolder(folders: Folders, id: string): string {
  return join(folders.sets, checkedName(id));
}

/** The folder in which that set is being made. */
export function draftFolder(folders: Folders, id: string): string {
  return join(folders.sets, DRAFT + checkedName(id));
}

/** The names in a folder, without those being made or removed. */
export function listNames(folder: string): string[] {
  return readdirSync(folder).filter((name) => NAME.test(name));
}

/** The folders of all sets, those being made too, and of nothing else that may lie there. */
export function listSetFolders({ sets }: Folders): string[] {
  const drafts = readdirSync(sets).filter((name) => name.startsWith(DRAFT));
  return [...listNames(sets), ...drafts].map((name) => join(sets, name));
}

/** Makes a folder that appears with its content or not at all. */
export function publishFolder(parent: string, name: string, fill: (draft: string) => void): void {
  const draft = join(parent, DRAFT + name);
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  try {
    fill(draft);
    renameSync(draft, join(parent, name));
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

/** Removes a folder: it is gone from its place at once, its content a little later. */
export async function removeFolder(world: World, parent: string, name: string): Promise<void> {
  const gone = join(parent, `${GONE}${world.newId()}`);
  try {
    renameSync(join(parent, name), gone);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  await rm(gone, { recursive: true, force: true });
}

/** Removes what a control plane that died left half-made or half-removed. */
export async function removeLeftovers(folders: Folders): Promise<void> {
  const isGone = (name: string) => name.startsWith(GONE);
  const isLeft = (name: string) => isGone(name) || name.startsWith(DRAFT);
  const vms = readdirSync(folders.vms).filter(isLeft);
  // A set that is half-made is an object of its own: it is listed, and removed by order.
  const sets = readdirSync(folders.sets).filter(isGone);
  const paths = [
    vms.map((name) => join(folders.vms, name)),
    sets.map((name) => join(folders.sets, name)),
  ].flat();
  for (const path of paths) await rm(path, { recursive: true, force: true });
}

function checkedName(name: string): string {
  if (NAME.test(name)) return name;
  throw new ProviderError(`"${name}" cannot name a folder`, { retryable: false });
}
