/** What is measured of real VMs, one after the other in one run. */
import type { Line } from './load.ts';
import { VmPool } from './vm-pool.ts';
import { diskOf, memoryOfVms, type VmMemory, type VmServer } from './vm-server.ts';
import { Spawner, type Spawned } from './vm-spawner.ts';

/** How much is measured. */
export interface VmPlan {
  /** Spawns of each row of warm ones; a multiple of how many are at once, rounded up. */
  readonly count: number;
  readonly cold: number;
  readonly restored: number;
  readonly concurrency: readonly number[];
  /** The largest size of a pool. */
  readonly most: number;
}

/** One row: spawns of one kind. */
export interface VmRow {
  readonly name: string;
  readonly spawned: readonly Spawned[];
  /** Why others came to nothing. */
  readonly failures: readonly string[];
}

/** All that was found. */
export interface VmOutcome {
  readonly cold: VmRow;
  readonly restored: VmRow;
  readonly warm: readonly (VmRow & { readonly atOnce: number })[];
  readonly rows: readonly VmRow[];
  readonly memory: { readonly ready: readonly VmMemory[]; readonly awake: readonly VmMemory[] };
  /** MiB of each set, and of the files of each VM. */
  readonly disk: { readonly sets: readonly number[]; readonly vms: readonly number[] };
}

/** First spawns of pools of their own: nothing of those is there before, so the VM boots. */
export async function measureColds(server: VmServer, line: Line, count: number): Promise<VmRow> {
  const rows: VmRow[] = [];
  for (let n = 1; n <= count; n += 1) {
    const pool = await VmPool.create(line, `cold-${n}`, 2);
    const spawner = await Spawner.open(server.address, pool.name, 1);
    const row = await spawnAll(spawner, 'cold boot', 1, 1);
    for (const vm of row.spawned) await spawner.destroy(vm);
    spawner.close();
    await pool.delete();
    rows.push(row);
  }
  return joined('cold boot', rows);
}

/** All rows of one pool: its first spawn is cold too. */
export async function measureMain(
  server: VmServer,
  line: Line,
  plan: VmPlan,
  colds: VmRow,
): Promise<VmOutcome> {
  const pool = await VmPool.create(line, 'measured', plan.most);
  const size = Math.max(...plan.concurrency);
  const spawner = await Spawner.open(server.address, pool.name, size);
  const first = await spawnAll(spawner, 'cold boot', 1, 1);
  await giveBack(spawner, first.spawned);
  await pool.untilFull(1);
  const restored = await measureRestored(spawner, plan.restored);
  await pool.untilFull(1);
  await pool.resize(size);
  await pool.untilFull(size);
  const ready = memoryOfVms(server.stateFolder);
  const disk = { sets: diskOf(server.stateFolder, 'sets'), vms: diskOf(server.stateFolder, 'vms') };
  const warm: VmOutcome['warm'][number][] = [];
  for (const atOnce of plan.concurrency) {
    warm.push({ atOnce, ...(await measureWarm(pool, spawner, size, atOnce, plan.count)) });
  }
  const last = await spawnAll(spawner, 'warm', size, size);
  const awake = memoryOfVms(server.stateFolder);
  await giveBack(spawner, last.spawned);
  spawner.close();
  await pool.delete();
  const cold = joined('cold boot', [colds, first]);
  const rows = [cold, restored, ...warm, last];
  return { cold, restored, warm, rows, memory: { ready, awake }, disk };
}

/** The only VM of the pool is held meanwhile, so that each spawn has one made for it. */
async function measureRestored(spawner: Spawner, count: number): Promise<VmRow> {
  const held = await spawner.spawn();
  const rows: VmRow[] = [];
  for (let n = 1; n <= count; n += 1) {
    const row = await spawnAll(spawner, 'restored', 1, 1);
    await giveBack(spawner, row.spawned);
    rows.push(row);
  }
  await spawner.destroy(held);
  return joined('from a snapshot', rows);
}

/** Each batch finds the pool full and nothing else going on. */
async function measureWarm(
  pool: VmPool,
  spawner: Spawner,
  size: number,
  atOnce: number,
  count: number,
): Promise<VmRow> {
  const rows: VmRow[] = [];
  for (let done = 0; done < count; done += atOnce) {
    await pool.untilFull(size);
    const row = await spawnAll(spawner, '', atOnce, size);
    await giveBack(spawner, row.spawned);
    rows.push(row);
  }
  await pool.untilFull(size);
  return joined(`warm, ${atOnce} at once`, rows);
}

/** Spawns so many at the same moment, each over a line of its own. */
export async function spawnAll(
  spawner: Spawner,
  name: string,
  atOnce: number,
  lines: number,
): Promise<VmRow> {
  const asked = Array.from({ length: atOnce }, (_, n) => spawner.spawn(n % lines));
  const outcomes = await Promise.allSettled(asked);
  return {
    name,
    spawned: outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    failures: outcomes.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : [])),
  };
}

async function giveBack(spawner: Spawner, spawned: readonly Spawned[]): Promise<void> {
  for (const vm of spawned) await spawner.destroy(vm);
}

function joined(name: string, rows: readonly VmRow[]): VmRow {
  return {
    name,
    spawned: rows.flatMap(({ spawned }) => spawned),
    failures: rows.flatMap(({ failures }) => failures),
  };
}
