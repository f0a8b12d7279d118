import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { World } from '../../../world.ts';
import { type Folders, GONE, makeFolders } from '../folders.ts';
import { findByArgument, killProcess } from '../process.ts';
import { LOCK_FILE, lockState } from '../state-lock.ts';
import { listRecords } from '../vm-record.ts';

const PREFIX = '.work-';
/** A folder this young without a lock may be of somebody who is just about to lock it. */
const YOUNG_MS = 60_000;

/**
 * Lets something be made in a folder of its own beside the images, which is removed whatever
 * happens. It is locked for this process, so that others know that it is in use.
 */
export async function inWorkFolder<T>(
  world: World,
  imagesDir: string,
  body: (folders: Folders) => Promise<T>,
): Promise<T> {
  mkdirSync(imagesDir, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(join(imagesDir, PREFIX));
  const unlock = lockState(world, work);
  try {
    return await body(makeFolders(work, undefined));
  } finally {
    unlock();
    await rm(work, { recursive: true, force: true });
  }
}

/** Removes what builds that died have left: their folders, and the VMs they started. */
export async function sweepWork(world: World, imagesDir: string): Promise<void> {
  mkdirSync(imagesDir, { recursive: true, mode: 0o700 });
  const names = readdirSync(imagesDir);
  for (const name of names.filter((entry) => entry.startsWith(GONE))) {
    await rm(join(imagesDir, name), { recursive: true, force: true });
  }
  for (const name of names.filter((entry) => entry.startsWith(PREFIX))) {
    const work = join(imagesDir, name);
    const isYoung = world.now() - statSync(work).mtimeMs < YOUNG_MS;
    const isNew = isYoung && !existsSync(join(work, LOCK_FILE));
    const unlock = isNew ? null : tryLock(world, work);
    if (unlock === null) continue;
    for (const folder of [work, ...statesIn(work)]) await endVms(world, folder);
    await rm(work, { recursive: true, force: true });
  }
}

/** The folders in it that are as the state folder of a provider. */
function statesIn(work: string): string[] {
  const folders = readdirSync(work).map((name) => join(work, name));
  return folders.filter((folder) => existsSync(join(folder, 'vms')));
}

async function endVms(world: World, folder: string): Promise<void> {
  for (const { uuid } of listRecords(makeFolders(folder, undefined))) {
    const left = findByArgument(uuid);
    if (left !== null) await killProcess(world, left);
  }
}

function tryLock(world: World, work: string): (() => void) | null {
  try {
    return lockState(world, work);
  } catch {
    return null;
  }
}
