import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createSimulator } from '../../../../server/providers/simulator/simulator.ts';
import { clusterRef } from '../../../kit/simulator.ts';
import { virtualWorld } from '../../../kit/virtual-world.ts';

const KILLS = 5;
const child = fileURLToPath(new URL('./acknowledging-child.ts', import.meta.url));

test('kill -9 loses nothing that was acknowledged', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-kill-'));
  const worldFile = join(folder, 'world.jsonl');
  let last = -1;
  for (let kill = 0; kill < KILLS; kill += 1) {
    last = await runAndKill(worldFile, last + 1, 60 * kill);
    expect(await wrongClusters(worldFile, last)).toEqual([]);
  }
  rmSync(folder, { recursive: true });
});

/** Lets the child acknowledge at least so many, kills it, and answers the last it acknowledged. */
async function runAndKill(worldFile: string, from: number, atLeast: number): Promise<number> {
  const running = spawn(process.execPath, ['--no-warnings', child, worldFile, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(running, 'exit');
  let last = from - 1;
  for await (const line of createInterface({ input: running.stdout })) {
    last = Number(line);
    if (last >= from + atLeast) running.kill('SIGKILL');
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
  return last;
}

/** The clusters that are not as they were acknowledged: every third removed, the others marked. */
async function wrongClusters(worldFile: string, last: number): Promise<string[]> {
  const simulator = createSimulator({
    world: virtualWorld({ seed: 1 }),
    speed: Infinity,
    seed: 1,
    worldFile,
  });
  const wrong: string[] = [];
  for (let number = 0; number <= last; number += 1) {
    const cluster = clusterRef(`c-${number}`);
    const { vms, marks } = await simulator.look(cluster, new AbortController().signal);
    const isThere = vms.every(({ answers }) => answers) && marks?.join() === 'turn-1';
    const isGone = vms.every(({ exists }) => !exists);
    if (number % 3 === 0 ? !isGone : !isThere) wrong.push(cluster.name);
  }
  await simulator.close();
  return wrong;
}
