import type { Disks, DiskSource } from '../ports.ts';
import { imageFiles } from './image.ts';

/** Volumes and snapshots in memory: each holds the files of a guest, path by path. */
export function makeDisks(): Disks {
  const held = new Map<string, Map<string, string>>();
  const filesOf = (id: string) => {
    const files = held.get(id);
    if (files === undefined) throw new Error(`there is no volume or snapshot ${id}`);
    return files;
  };
  const filesFrom = (from: DiskSource) => {
    if (from.kind === 'EMPTY') return new Map<string, string>();
    if (from.kind === 'IMAGE') return imageFiles(from.name);
    return new Map(filesOf(from.of));
  };
  return {
    write: (volume, from) => void held.set(volume, filesFrom(from)),
    snapshot: (snapshot, volume) => void held.set(snapshot, new Map(filesOf(volume))),
    exists: (id) => held.has(id),
    drop: (id) => void held.delete(id),
    files: filesOf,
  };
}
