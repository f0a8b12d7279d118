/** Builds the dashboard into dist/client, unless nothing it is made of has changed since. */
import { existsSync, globSync, renameSync, rmSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

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

if (existsSync('client/index.html') && isStale()) {
  // Whoever starts us may be a test runner; the page is always the one that people get.
  process.env['NODE_ENV'] = 'production';
  // Loaded only now: most starts need no build.
  const { build } = await import('vite');
  // Beside its place and then into it: a server that runs never sends half a page.
  const fresh = `dist/client-${process.pid}`;
  const old = `${fresh}-old`;
  await build({ build: { outDir: resolve(fresh) } });
  if (existsSync(FOLDER)) renameSync(FOLDER, old);
  try {
    renameSync(fresh, FOLDER);
  } catch (error) {
    // Somebody else has built the same meanwhile.
    if (isStale()) throw error;
    rmSync(fresh, { recursive: true });
  }
  rmSync(old, { recursive: true, force: true });
}
