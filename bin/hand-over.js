/**
 * Runs a file under a Node that can: the one that npm installed for this platform.
 *
 * Plain JavaScript with nothing but Node's own modules, as an old Node has to read it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isSupportedNode, refusalLine } from './supported-node.js';

/** @returns {string | undefined} this Node, or the one in node_modules; undefined when neither will do */
export function findNode() {
  if (isSupportedNode(process.versions)) return process.execPath;
  const name = 'node-' + process.platform + '-' + process.arch;
  return ['../node_modules/', '../../']
    .map((place) => fileURLToPath(new URL(place + name + '/bin/node', import.meta.url)))
    .find((path) => existsSync(path));
}

/**
 * Runs Node with these arguments, hands signals on to it, and ends as it ends. What it starts finds
 * the same Node first. Without a Node that will do it refuses in one line.
 *
 * @param {string[]} args
 */
export function handOver(args) {
  const node = findNode();
  if (node === undefined) {
    console.error(refusalLine(process.versions.node));
    process.exitCode = 1;
    return;
  }
  const env = { ...process.env, PATH: dirname(node) + delimiter + (process.env['PATH'] ?? '') };
  const child = spawn(node, args, { stdio: 'inherit', env });
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
