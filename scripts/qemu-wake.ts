/**
 * Measures how long a warm VM takes from its wake to a guest that answers, on this machine:
 * `node scripts/qemu-wake.ts [wakes] [folder of images]`. Beside it, the same from a snapshot and
 * from a boot.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUILT_IN_TEMPLATES } from '../schema/model/template.ts';
import type { ClusterRef, Provider, SetRef, Step } from '../server/providers/provider.ts';
import { createQemuProvider } from '../server/providers/qemu/provider.ts';
import { realWorld } from '../server/world.ts';

const [wakes = '25', images = './data/vms/images'] = process.argv.slice(2);
const world = realWorld();
const roles = BUILT_IN_TEMPLATES['micro']?.roles ?? [];
const pool = { poolId: 'measured', poolName: 'measured' };
const times = { boot: [] as number[], restore: [] as number[], wake: [] as number[] };
const commands: number[] = [];

const folder = mkdtempSync(join(tmpdir(), 'wake-'));
const provider = await createQemuProvider({
  world,
  stateDir: folder,
  imageDir: images,
  log: (line) => console.log(line),
});
try {
  await measure(provider, Number(wakes));
} finally {
  for (const object of await provider.list(step().signal))
    await provider.ensureGone(object, step());
  await provider.close();
  rmSync(folder, { recursive: true });
}
console.log(`load average ${loadavg()[0]?.toFixed(1) ?? ''}`);

async function measure(vms: Provider, count: number): Promise<void> {
  const set: SetRef = {
    id: 'set',
    ...pool,
    number: 1,
    cluster: null,
    readiness: 'SSH',
    snapshots: [],
    roles,
  };
  await timed(times.boot, () => vms.ensureSet({ kind: 'IMAGE' }, set, 'OFFLINE', step()));
  for (let number = 1; number <= count; number += 1) {
    const cluster = clusterRef(number);
    const source = { kind: 'SET', set } as const;
    await timed(times.restore, () => vms.ensureCluster(cluster, source, step()));
    const session = { id: `session-${number}`, owner: 'measured' };
    await timed(times.wake, () => vms.wake(cluster, session, step()));
    const vm = { cluster, role: 'STANDALONE' } as const;
    await timed(commands, () => vms.run(vm, ['true'], { signal: step().signal }));
    await vms.ensureGone({ kind: 'CLUSTER', ...cluster }, step());
  }
  tell('boot and capture', times.boot);
  tell('restore and warm up', times.restore);
  tell('wake to answer', times.wake);
  tell('first command', commands);
}

async function timed(into: number[], work: () => Promise<unknown>): Promise<void> {
  const start = world.elapsed();
  await work();
  into.push(world.elapsed() - start);
}

function tell(what: string, measured: readonly number[]): void {
  const sorted = measured.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]?.toFixed(1) ?? '-';
  const figures = `p50 ${at(0.5)}, p95 ${at(0.95)}, longest ${at(1)} ms`;
  console.log(`${what.padEnd(20)} ${figures} (${sorted.length} times)`);
}

function clusterRef(number: number): ClusterRef {
  const name = `measured-${number}`;
  const vms = roles.map((role) => ({ ...role, name: `vm-${name}` }));
  const proofs = { identity: 'REKEYED', readiness: 'SSH' } as const;
  return { id: name, name, namespace: name, ...pool, ...proofs, vms };
}

function step(): Step {
  return {
    signal: new AbortController().signal,
    deadline: Number.MAX_SAFE_INTEGER,
    fence: 1,
    installation: 'measured',
    progress: () => {},
    notes: new Map(),
    note: () => Promise.resolve(),
  };
}
