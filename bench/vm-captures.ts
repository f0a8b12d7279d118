/**
 * Shows how long a VM in use is away while it is captured, on this machine:
 * `npm run bench:captures -- [captures] [folder of images]`. Beside it, how
 * long it takes until the set that is made of it can be used.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createQemuProvider } from '../server/providers/qemu/provider.ts';
import { realWorld } from '../server/world.ts';
import { microRef, microSet } from '../test/kit/qemu.ts';
import { stepOf } from '../test/kit/simulator.ts';

const [captures = '20', images = './data/vms/images'] = process.argv.slice(2);
const world = realWorld();
const stateDir = mkdtempSync(join(tmpdir(), 'capture-'));
const away: number[] = [];
const ready: number[] = [];
const log = (line: string) => {
  const ms = /was away for (\d+) ms/.exec(line)?.[1];
  if (ms !== undefined) away.push(Number(ms));
};
const provider = await createQemuProvider({ world, stateDir, imageDir: images, log });
const cluster = microRef('in-use');

await provider.ensureSet({ kind: 'IMAGE' }, microSet(1), 'OFFLINE', stepOf(1));
await provider.ensureCluster(cluster, { kind: 'SET', set: microSet(1) }, stepOf(1));
await provider.wake(cluster, { id: 'session-1', owner: 'ada' }, stepOf(1));
for (let number = 2; number < Number(captures) + 2; number += 1) {
  const start = world.elapsed();
  const source = { kind: 'CLUSTER', cluster, inUse: true } as const;
  await provider.ensureSet(source, microSet(number), 'ONLINE', stepOf(1));
  ready.push(world.elapsed() - start);
}
tell('away', away);
tell('until the set is ready', ready);
for (const object of await provider.list(stepOf(1).signal)) {
  await provider.ensureGone(object, stepOf(9));
}
await provider.close();
rmSync(stateDir, { recursive: true });

function tell(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const quantile = (share: number) => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
  const all = `max ${Math.round(sorted.at(-1) ?? 0)}`;
  console.info(`${what}: p50 ${quantile(0.5)} ms, p95 ${quantile(0.95)}, ${all} (${times.length})`);
}
