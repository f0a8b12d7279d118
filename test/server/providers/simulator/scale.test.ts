import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  createSimulator,
  type Simulator,
} from '../../../../server/providers/simulator/simulator.ts';
import { clusterRef, stepOf } from '../../../kit/simulator.ts';
import { virtualWorld } from '../../../kit/virtual-world.ts';

const CLUSTERS = 100_000;
const WORKERS = 32;

test('100,000 clusters are made, listed, looked at and found again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-scale-'));
  const worldFile = join(folder, 'world.jsonl');
  const world = virtualWorld({ seed: 1 });
  const options = { world, speed: Infinity, seed: 1, worldFile };
  const { signal } = new AbortController();
  const first = createSimulator(options);
  await makeAll(first);
  await first.close();
  const next = createSimulator(options);
  expect(await next.list(signal)).toHaveLength(CLUSTERS);
  const { vms } = await next.look(clusterRef('c-77777'), signal);
  expect(vms.map(({ answers }) => answers)).toEqual([true, true]);
  await next.close();
  rmSync(folder, { recursive: true });
}, 60_000);

async function makeAll(simulator: Simulator): Promise<void> {
  let made = 0;
  const worker = async () => {
    while (made < CLUSTERS) {
      const cluster = clusterRef(`c-${made++}`);
      await simulator.ensureCluster(cluster, { kind: 'IMAGE' }, stepOf(1));
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}
