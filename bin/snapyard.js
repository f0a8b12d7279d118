#!/usr/bin/env node
/**
 * Starts the server. Plain JavaScript with nothing but Node's own modules at the top, so that an
 * old Node gets as far as the check below: it then hands over to the Node in node_modules, or says
 * in one line what is missing.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { handOver } from './hand-over.js';
import { isSupportedNode } from './supported-node.js';

if (isSupportedNode(process.versions)) {
  await import(entry().href);
} else {
  handOver(process.execArgv.concat(fileURLToPath(import.meta.url), process.argv.slice(2)));
}

/** The sources in a checkout, the compiled files in a published package. */
function entry() {
  const source = new URL('../server/main.ts', import.meta.url);
  return existsSync(source) ? source : new URL('../dist/server/main.js', import.meta.url);
}
