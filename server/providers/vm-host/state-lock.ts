import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { isRecord, readJson } from './json-file.ts';
import { type ProcessId, isAlive, startOf } from './process.ts';
import { codeOf } from './error-code.ts';

/** The file in a folder that says which process has it. */
export const LOCK_FILE = 'lock';

/**
 * Takes a state folder for this process and answers how to give it back. Two control planes on one
 * folder would hand out the same VM twice. The lock of a process that has ended is taken over.
 */
export function lockState(world: World, stateDir: string): () => void {
  const path = join(stateDir, LOCK_FILE);
  const mine = join(stateDir, `lock-${world.newId()}`);
  const me: ProcessId & { token: string } = {
    pid: process.pid,
    startedAt: startOf(process.pid) ?? '',
    token: world.newId(),
  };
  writeFileSync(mine, JSON.stringify(me), { mode: 0o600 });
  try {
    if (!tryLink(mine, path)) takeOver(path, mine, stateDir);
  } finally {
    rmSync(mine, { force: true });
  }
  return () => {
    if (readText(path) === JSON.stringify(me)) rmSync(path, { force: true });
  };
}

function takeOver(path: string, mine: string, stateDir: string): void {
  const holder = readJson(path);
  const busy = `Another control plane works on ${stateDir}`;
  if (isProcess(holder) && isAlive(holder)) {
    throw new ProviderError(`${busy} (process ${holder.pid})`, { retryable: false });
  }
  const stale = `${mine}-stale`;
  renameSync(path, stale);
  // Whoever else found the lock stale may have taken it over meanwhile.
  const moved = readJson(stale);
  const isSame = JSON.stringify(moved) === JSON.stringify(holder);
  if (!isSame) tryLink(stale, path);
  rmSync(stale, { force: true });
  if (!isSame || !tryLink(mine, path)) throw new ProviderError(busy, { retryable: false });
}

/** A link appears complete or not at all, and never replaces another. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function isProcess(value: unknown): value is ProcessId {
  return (
    isRecord(value) && typeof value['pid'] === 'number' && typeof value['startedAt'] === 'string'
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
