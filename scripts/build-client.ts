/** Builds the dashboard into dist/client, unless nothing it is made of has changed since. */
import { existsSync, globSync, statSync } from 'node:fs';

const OUTPUT = 'dist/client/index.html';
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
  await build();
}
