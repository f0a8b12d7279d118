/** Builds the dashboard into dist/client, unless nothing it is made of has changed since. */
import { existsSync, globSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';

const FOLDER = 'dist/client';
const OUTPUT = `${FOLDER}/index.html`;
const INPUTS = [
  'client/**/*',
  'schema/model/**/*',
  'package-lock.json',
  'vite.config.ts',
  'scripts/shrink-assets.ts',
];

/** Whether the page is missing or older than what it is made of. */
function isStale(): boolean {
  if (!existsSync(OUTPUT)) return true;
  const builtAt = statSync(OUTPUT).mtimeMs;
  return globSync(INPUTS).some((path) => statSync(path).mtimeMs > builtAt);
}

/** Folders beside its place that builds of other processes left there, which are no more. */
function leftovers(): string[] {
  return globSync(`${FOLDER}-*`).filter((path) => {
    const pid = Number(/^client-(\d+)(-old)?$/.exec(basename(path))?.[1]);
    return pid !== process.pid && Number.isInteger(pid) && !isRunning(pid);
  });
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process runs too.
    return codeOf(error) === 'EPERM';
  }
}

/** Moves a folder; answers whether it could: not when another has just moved it, or one there. */
function move(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) return false;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Puts a build in its place. Who builds at the same time may do so too, at any moment. */
function place(fresh: string): void {
  const old = `${fresh}-old`;
  for (let attempt = 0; attempt < 10; attempt += 1) {
    move(FOLDER, old);
    const isPlaced = move(fresh, FOLDER);
    rmSync(old, { recursive: true, force: true });
    if (isPlaced) return;
    // Somebody else has built the same meanwhile.
    if (!isStale()) return rmSync(fresh, { recursive: true });
  }
  throw new Error(`${FOLDER} could not be replaced by ${fresh}`);
}

if (existsSync('client/index.html') && isStale()) {
  // Whoever starts us may be a test runner; the page is always the one that people get.
  process.env['NODE_ENV'] = 'production';
  // Loaded only now: most starts need no build.
  const { build } = await import('vite');
  for (const path of leftovers()) rmSync(path, { recursive: true, force: true });
  // Beside its place and then into it: a server that runs never sends half a page.
  const fresh = `${FOLDER}-${process.pid}`;
  await build({ build: { outDir: resolve(fresh) } });
  place(fresh);
}
