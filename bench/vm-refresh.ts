/**
 * Warm spawns while template sets are replaced again and again; then, with nobody spawning, how
 * many VMs were ready at least while sets were replaced once more.
 */
import { bodyOf, type Line } from './load.ts';
import { describeMachine, loadAverage } from './machine.ts';
import { spawnAll, type VmRow } from './vm-measure.ts';
import { VmPool } from './vm-pool.ts';
import { HEADER, lineOf } from './vm-report.ts';
import type { VmServer } from './vm-server.ts';
import { Spawner } from './vm-spawner.ts';

/** What was found. */
export interface RefreshOutcome {
  readonly row: VmRow;
  readonly failures: readonly string[];
  /** Sets that became ready while VMs were spawned, and while none was. */
  readonly replaced: number;
  readonly replacedQuietly: number;
  /** VMs that the pool keeps, and the lowest number ready while nobody spawned. */
  readonly size: number;
  readonly lowest: number;
}

const SIZE = 6;
const AT_ONCE = 2;
/** The youngest age at which a set may be called old, in seconds. */
const SHORTEST_AGE_S = 60;

const AGE = `mutation Age($name: String!, $seconds: Int!) {
  updateClusterPool(input: { name: $name, snapshotMaxAgeSeconds: $seconds }) { __typename }
}`;

/** Counts what the feed tells of clusters and sets. */
class Tally {
  available = 0;
  lowest = Infinity;
  sets = 0;

  move(type: string, from: string | null, to: string | null): void {
    if (type === 'SNAPSHOT' && from !== 'READY' && to === 'READY') this.sets += 1;
    if (type !== 'CLUSTER') return;
    if (from === 'AVAILABLE' && to !== null && to !== from) this.available -= 1;
    if (to === 'AVAILABLE' && from !== to) this.available += 1;
    this.lowest = Math.min(this.lowest, this.available);
  }
}

/** Spawns so many VMs while sets are replaced, then only looks while they are replaced again. */
export async function measureRefresh(
  server: VmServer,
  line: Line,
  count: number,
): Promise<RefreshOutcome> {
  const pool = await VmPool.create(line, 'refreshed', 2 * SIZE);
  const tally = new Tally();
  const spawner = await Spawner.open(server.address, pool.name, AT_ONCE, (type, from, to) =>
    tally.move(type, from, to),
  );
  const first = await spawnAll(spawner, '', 1, 1);
  await pool.resize(SIZE);
  for (const vm of first.spawned) await spawner.destroy(vm);
  await pool.untilFull(SIZE);
  await line.ask(bodyOf(AGE, { name: pool.name, seconds: SHORTEST_AGE_S }));
  const before = tally.sets;
  const row = await spawnMany(pool, spawner, count);
  const replaced = tally.sets - before;
  const quiet = await lookOnly(pool, tally);
  spawner.close();
  await pool.delete();
  const failures = [...first.failures, ...row.failures];
  return { row, failures, replaced, size: SIZE, ...quiet };
}

async function spawnMany(pool: VmPool, spawner: Spawner, count: number): Promise<VmRow> {
  const rows: VmRow[] = [];
  for (let done = 0; done < count; done += AT_ONCE) {
    // As fast as warm ones come: it is of them that none may be missing.
    await pool.until(({ available }) => available >= AT_ONCE);
    const row = await spawnAll(spawner, '', Math.min(AT_ONCE, count - done), AT_ONCE);
    for (const vm of row.spawned) await spawner.destroy(vm);
    rows.push(row);
  }
  return {
    name: 'while sets are replaced',
    spawned: rows.flatMap(({ spawned }) => spawned),
    failures: rows.flatMap(({ failures }) => failures),
  };
}

/** Until each set was replaced, and all VMs are of the new ones. */
async function lookOnly(
  pool: VmPool,
  tally: Tally,
): Promise<Pick<RefreshOutcome, 'lowest' | 'replacedQuietly'>> {
  await pool.untilFull(SIZE);
  const { ready } = await pool.state();
  const before = tally.sets;
  tally.lowest = tally.available = SIZE;
  await pool.until(() => tally.sets >= before + ready);
  await pool.untilFull(SIZE);
  return { lowest: tally.lowest, replacedQuietly: tally.sets - before };
}

/** Prints what was found; answers how much of it must not be. */
export function reportRefresh(outcome: RefreshOutcome): number {
  const { row, failures, replaced, replacedQuietly, size, lowest } = outcome;
  console.log('Snapyard VMs: spawns while template sets are replaced\n');
  for (const line of describeMachine()) console.log(line);
  console.log(`\n${HEADER}`);
  console.log(lineOf(row));
  console.log(`\nsets that became ready meanwhile: ${replaced}`);
  console.log(
    `with nobody spawning: ${replacedQuietly} more sets, ` +
      `never fewer than ${lowest} of ${size} VMs ready`,
  );
  for (const failure of new Set(failures)) console.log(failure);
  console.log(`\nload average at the end ${loadAverage()}`);
  return failures.length + (lowest < size ? 1 : 0);
}
