import { closeSync, fstatSync, ftruncateSync, openSync, statSync } from 'node:fs';
import { readEnd } from '../vm-host/process.ts';

/** What a log may hold before it begins anew. */
const MOST = 1024 * 1024;
const TAIL = 64 * 1024;

/**
 * Empties a log that has grown beyond its bound: Firecracker writes the guest's console to it, and
 * a guest may write for ever. The process appends, so it goes on at the new end.
 */
export function boundLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= MOST) return;
  const file = openSync(path, 'r+');
  try {
    if (fstatSync(file).size > MOST) ftruncateSync(file, 0);
  } finally {
    closeSync(file);
  }
}

/** What the guest and its process wrote last; empty when there is nothing. */
export function tailOf(path: string): string {
  return readEnd(path, TAIL);
}
