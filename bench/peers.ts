/** Others that serve GraphQL: they have packages of their own, for they need another graphql. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { launch, type PinnedProcess } from './pinned-process.ts';

const FOLDER = join(import.meta.dirname, 'peers');
const SCHEMA = join(import.meta.dirname, '../schema/schema.graphql');

/** By the name it is shown under: its file, and what it is told besides what to serve. */
const PEERS = new Map([
  ['Yoga, stock', ['yoga.mjs']],
  ['Mercurius', ['mercurius.mjs']],
  ['Mercurius with JIT', ['mercurius.mjs', 'jit']],
] as const);

/** Brings them in when they are not there; answers whether they can be run. */
export function havePeers(): boolean {
  if (existsSync(join(FOLDER, 'node_modules'))) return true;
  console.error('bringing in what the server is compared with: npm ci in bench/peers');
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', args, {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return status === 0;
}

/** Starts all of them, to serve what is in this file. */
export async function startPeers(
  folder: string,
  answerFile: string,
): Promise<Map<string, PinnedProcess>> {
  const running = new Map<string, PinnedProcess>();
  for (const [name, [file, ...more]] of PEERS) {
    const args = [join(FOLDER, file), SCHEMA, answerFile, ...more];
    running.set(name, await launch({ args, log: join(folder, `${file}.log`) }));
  }
  return running;
}
