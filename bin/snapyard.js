#!/usr/bin/env node
/**
 * Starts the server. Plain JavaScript with nothing but Node's own modules at the top, so that an
 * old Node gets as far as the check below: it then hands over to the Node in node_modules, or says
 * in one line what is missing.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isSupportedNode, refusalLine } from './supported-node.js';

if (isSupportedNode(process.versions)) {
  await import(entry().href);
} else {
  handOver(findLocalNode());
}

/** The sources in a checkout, the compiled files in a published package. */
function entry() {
  const source = new URL('../server/main.ts', import.meta.url);
  return existsSync(source) ? source : new URL('../dist/server/main.js', import.meta.url);
}

/** @returns {string | undefined} the path of the Node that npm installed for this platform */
function findLocalNode() {
  const name = 'node-' + process.platform + '-' + process.arch;
  const places = ['../node_modules/', '../../'];
  return places
    .map((place) => fileURLToPath(new URL(place + name + '/bin/node', import.meta.url)))
    .find((path) => existsSync(path));
}

/** @param {string | undefined} node */
function handOver(node) {
  if (node === undefined) {
    console.error(refusalLine(process.versions.node));
    process.exitCode = 1;
    return;
  }
  const args = process.execArgv.concat(fileURLToPath(import.meta.url), process.argv.slice(2));
  const child = spawn(node, args, { stdio: 'inherit' });
  const forward = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, forward);
  }
  child.on('error', (error) => {
    console.error('snapyard: cannot start ' + node + ': ' + error.message);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
  });
}
