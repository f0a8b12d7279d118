/** The server that is measured: the real one, in a process of its own. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { launch, type PinnedProcess } from './pinned-process.ts';

/** A server that runs. */
export interface ServerProcess extends PinnedProcess {
  readonly db: string;
  /** What it holds, after everything that is not held was collected. */
  memory(): Promise<Memory>;
}

/** Bytes, as Node counts them. */
export type Memory = z.infer<typeof memory>;

/** What it is started with. */
export interface Start {
  /** Of the whole run; the server gets one of its own in it, by its name. */
  readonly folder: string;
  readonly name: string;
  readonly pools: readonly PoolWish[];
  /** Where to write a profile of its processor time. */
  readonly profile: string | undefined;
}

/** A pool of the simulator. */
export interface PoolWish {
  readonly name: string;
  readonly size: number;
}

const memory = z.object({ heapUsed: z.number(), rss: z.number() });

/** Starts a server with these pools. */
export async function startServer(start: Start): Promise<ServerProcess> {
  const folder = join(start.folder, start.name);
  mkdirSync(folder);
  const db = join(folder, 'server.db');
  const poolsFile = join(folder, 'pools.yaml');
  const wanted = start.pools.map((pool) => ({ ...pool, provider: 'SIMULATOR' }));
  writeFileSync(poolsFile, JSON.stringify(wanted));
  const { profile } = start;
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const probe = ['--expose-gc', '--import', join(import.meta.dirname, 'memory-probe.ts')];
  const running = await launch({
    args: [...profiling, ...probe, join(import.meta.dirname, '../bin/snapyard.js')],
    log: join(folder, 'server.log'),
    env: {
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
  return { ...running, db, memory: () => askMemory(running) };
}

async function askMemory({ child }: PinnedProcess): Promise<Memory> {
  const answer = once(child, 'message');
  child.send('memory');
  return z.tuple([memory]).parse((await answer).slice(0, 1))[0];
}
