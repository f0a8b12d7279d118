/** The server that is measured: the real one, in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pinned } from './machine.ts';

/** A server that runs. */
export interface ServerProcess {
  readonly address: string;
  readonly db: string;
  /** Processor time it has used so far, in seconds; NaN where the system does not tell. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

/** What it is started with. */
export interface Start {
  /** For all its files. */
  readonly folder: string;
  readonly pools: readonly string[];
  /** Where to write a profile of its processor time. */
  readonly profile: string | undefined;
}

/** Ticks per second in /proc, the same on every Linux that Node runs on. */
const TICKS = 100;

/** Starts a server whose pools have one cluster each, of the simulator. */
export async function startServer({ folder, pools, profile }: Start): Promise<ServerProcess> {
  const db = join(folder, 'server.db');
  const poolsFile = join(folder, 'pools.yaml');
  const wanted = pools.map((name) => ({ name, provider: 'SIMULATOR', size: 1 }));
  writeFileSync(poolsFile, JSON.stringify(wanted));
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const [command, ...args] = pinned('server', [
    process.execPath,
    ...profiling,
    join(import.meta.dirname, '../bin/snapyard.js'),
  ]);
  const log = join(folder, 'server.log');
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', openSync(log, 'w')],
    env: {
      ...process.env,
      SNAPYARD_HOST: '127.0.0.1',
      SNAPYARD_PORT: '0',
      SNAPYARD_DB: db,
      SNAPYARD_STATE: join(folder, 'vms'),
      SNAPYARD_POOLS: poolsFile,
      SNAPYARD_TOKENS: '',
      SNAPYARD_ORIGINS: '',
      SNAPYARD_LOG: 'info',
      SNAPYARD_SIMULATOR_SPEED: '1000000',
    },
  });
  const address = await addressOf(child, log);
  return { address, db, cpuSeconds: () => cpuSecondsOf(child), stop: () => stop(child) };
}

async function addressOf(child: ChildProcess, log: string): Promise<string> {
  let said = '';
  const found = new Promise<string>((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const address = /ready: (\S+)/.exec(said)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the server did not start: ${said}${readFileSync(log, 'utf8')}`);
  });
  return await Promise.race([found, ended]);
}

function cpuSecondsOf({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return NaN;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
