import { constants, existsSync } from 'node:fs';
import { copyFile, link, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VmRole } from '../../../../schema/model/template.ts';
import { ProviderError } from '../../provider.ts';
import { type DiskLayer, type FittedDisk, layersAt } from '../fittings.ts';
import { type CopyTask, copyDisk } from './copy.ts';
import { writeEmptyQcow2 } from './qcow2.ts';
import { codeOf } from '../error-code.ts';

/** Each capture of a running VM puts a layer on its disk, and every read may go through all. */
const MOST_LAYERS = 24;
/** Over what is captured lies a layer in which the guest forgets, and over that its next own. */
const LAYERS_OF_A_CAPTURE = 2;

/** Where the layers of a disk are, by their number from the lowest, 0. */
export type LayerPlace = (at: number) => string;

/** The layers of a VM, in its folder. */
export function layersOfVm(folder: string): LayerPlace {
  return (at) => join(folder, `disk${at}`);
}

/** The layers of a role's snapshot, in the folder of its set. */
export function layersOfSet(folder: string, role: VmRole): LayerPlace {
  return (at) => join(folder, `${role.toLowerCase()}.disk${at}`);
}

/** The first so many layers. */
export function firstLayers(place: LayerPlace, count: number): string[] {
  return Array.from({ length: count }, (_, at) => place(at));
}

/**
 * Lays a disk: these files become its lower layers, under names of its own, and an empty layer
 * that takes what the VM writes comes over them. Without lower layers it is an empty disk.
 */
export async function layDisk(
  lower: readonly string[],
  place: LayerPlace,
  disk: FittedDisk,
): Promise<DiskLayer[]> {
  await takeLayers(lower, place);
  await rm(place(lower.length), { force: true });
  writeEmptyQcow2(place(lower.length), disk.bytes);
  return layersAt(firstLayers(place, lower.length + 1), disk);
}

/**
 * Gives files names of their own here: whoever removes the others takes nothing away. They are
 * copied where they lie on another disk, which takes long and can be given up with a task.
 */
export async function takeLayers(
  lower: readonly string[],
  place: LayerPlace,
  task?: CopyTask,
): Promise<void> {
  for (const [at, path] of lower.entries()) await take(path, place(at), task);
}

/**
 * Refuses to capture a disk of so many layers if what is made of it would have too many: a disk
 * that was captured once can always be restored.
 */
export function refuseMoreLayers(count: number): void {
  if (count + LAYERS_OF_A_CAPTURE <= MOST_LAYERS) return;
  const reason = `The disk has ${count} layers; it is captured no more`;
  throw new ProviderError(reason, { retryable: false });
}

/** The layers that are there. */
export function layersFound(place: LayerPlace): string[] {
  let count = 0;
  while (existsSync(place(count))) count += 1;
  return firstLayers(place, count);
}

/** Removes the layers from one on. */
export async function removeLayers(place: LayerPlace, from: number): Promise<void> {
  for (const path of layersFound(place).slice(from)) await rm(path);
}

/** What files take of the disk: what was never written in them takes nothing. */
export async function allocatedBy(paths: readonly string[]): Promise<number> {
  const found = await Promise.all(paths.map((path) => stat(path)));
  return found.reduce((sum, { blocks }) => sum + blocks * 512, 0);
}

async function take(path: string, to: string, task: CopyTask | undefined): Promise<void> {
  if (path === to) return;
  await rm(to, { force: true });
  try {
    await link(path, to);
  } catch (error) {
    if (!isOtherDisk(error)) throw error;
    if (task === undefined) return copyFile(path, to, constants.COPYFILE_FICLONE);
    const from = await open(path);
    try {
      await copyDisk(from, to, task);
    } finally {
      await from.close();
    }
  }
}

function isOtherDisk(error: unknown): boolean {
  return codeOf(error) === 'EXDEV';
}
