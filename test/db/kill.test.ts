import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { changesAfter } from '../../db/change.ts';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { poolStats } from '../../db/pool-stats.ts';
import { countMembers } from '../../db/cluster-count.ts';
import type { Db } from '../../db/connection.ts';
import { openStore } from '../../db/store.ts';
import { realWorld } from '../../server/world.ts';
import { seeded } from '../kit/seeded.ts';

const CHILD = fileURLToPath(new URL('claiming-child.ts', import.meta.url));
const ROUNDS = 6;
const SEED = 20_260_101;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'snapyard-kill-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Lets a child work, kills it, and answers the whole lines it had said. */
async function liveAndDie(path: string, run: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, path, `run${run}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let complained = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained += text;
  });
  const signal = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_code, by) => resolve(by));
  });
  // Otherwise it had ended by itself, and nothing was tested.
  expect({ signal, complained }).toEqual({ signal: 'SIGKILL', complained: '' });
  return said.split('\n').slice(0, -1);
}

/** What children have been told, over all rounds. */
class Acknowledged {
  readonly claims = new Map<string, { owner: string; clusterId: string }>();
  readonly maybeReleased = new Set<string>();
  readonly released = new Set<string>();

  note(lines: readonly string[]): void {
    for (const line of lines) {
      const [what, id = '', owner = '', clusterId = ''] = line.split(' ');
      if (what === 'claimed') this.claims.set(id, { owner, clusterId });
      if (what === 'releasing') this.maybeReleased.add(id);
      if (what === 'released') this.released.add(id);
    }
  }

  /** What the database does not hold as it was acknowledged. */
  findLost(db: Db): string[] {
    const sessions = new Map(
      db.query.sessions
        .findMany()
        .sync()
        .map((row) => [row.id, row]),
    );
    const lost: string[] = [];
    for (const [id, { owner, clusterId }] of this.claims) {
      const session = sessions.get(id);
      if (session?.owner !== owner || session.lastClusterId !== clusterId) lost.push(`claim ${id}`);
      const isLive = session?.status === 'RUNNING' && session.clusterId === clusterId;
      if (this.released.has(id) ? isLive : !isLive && !this.maybeReleased.has(id)) {
        lost.push(`${id} is ${session?.status}`);
      }
    }
    return lost;
  }
}

/** Clusters and sessions that are not in step, and counts that do not count. */
function findBroken(db: Db): string[] {
  const broken: string[] = [];
  const clusters = db.query.clusters.findMany().sync();
  const live = db.query.sessions
    .findMany()
    .sync()
    .filter((one) => one.clusterId !== null);
  const holders = new Map(live.map((one) => [one.clusterId, one.id]));
  if (holders.size !== live.length) broken.push('a cluster with two sessions');
  for (const { id, name, status, sessionId } of clusters) {
    const holder = holders.get(id) ?? null;
    if (holder !== sessionId) broken.push(`${name} says ${sessionId}, is held by ${holder}`);
    if ((status === 'LOCKED') !== (holder !== null)) broken.push(`${name} is ${status}`);
  }
  const pool = findPoolByName(db, 'cks');
  const locked = clusters.filter(({ status }) => status === 'LOCKED').length;
  const stats = pool && poolStats(db, pool.id);
  if (stats?.lockedClusters !== locked) broken.push(`${stats?.lockedClusters} counted as locked`);
  if (pool && countMembers(db, pool.id) !== clusters.length) broken.push('members miscounted');
  return broken;
}

/** The log goes on without a hole, and its verbs stand one after the other. */
function findLogFaults(db: Db): string[] {
  const rows = changesAfter(db, 0, 1_000_000);
  return rows.flatMap((row, n) => {
    const before = rows[n - 1];
    if (before === undefined) return row.seq === 1 ? [] : [`begins with ${row.seq}`];
    return row.seq === before.seq + 1 && row.tx >= before.tx ? [] : [`hole before ${row.seq}`];
  });
}

it(`loses nothing acknowledged to kill -9 (seed ${SEED})`, { timeout: 120_000 }, async () => {
  const random = seeded(SEED);
  const path = join(folder, 'snapyard.db');
  const acknowledged = new Acknowledged();
  for (let round = 0; round < ROUNDS; round += 1) {
    acknowledged.note(await liveAndDie(path, round, 20 + Math.floor(random() * 250)));
    const store = openStore(path, realWorld());
    try {
      expect(store.read((db) => acknowledged.findLost(db))).toEqual([]);
      expect(store.read(findBroken)).toEqual([]);
      expect(store.read(findLogFaults)).toEqual([]);
    } finally {
      await store.close();
    }
  }
  console.info(`${acknowledged.claims.size} claims were acknowledged, ${ROUNDS} times killed`);
  expect(acknowledged.claims.size).toBeGreaterThan(10 * ROUNDS);
});
