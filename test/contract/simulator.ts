import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimulator, type Simulator } from '../../server/providers/simulator/simulator.ts';
import { virtualWorld, type VirtualWorld } from '../kit/virtual-world.ts';
import type { Bench, ProviderUnderTest } from './under-test.ts';

const INSTALLATION = 'installation-1';

/** Longer than anything it does at the speed of reality. */
const withinMs = 3_600_000;

/** The simulator in virtual time, at the speed of reality, with its world in a file. */
export function simulatorUnderTest(template: string): ProviderUnderTest {
  const probe = simulatorIn(virtualWorld({ seed: 0 }), null);
  return {
    name: `simulator of ${template}`,
    missing: null,
    capabilities: probe.capabilities,
    template,
    hasSerialShell: true,
    interruptions: [0, 1, 5_000, 15_000, 30_000, 60_000, 400_000],
    open: () => Promise.resolve(openBench()),
  };
}

function simulatorIn(world: VirtualWorld, worldFile: string | null): Simulator {
  return createSimulator({ world, speed: 1, seed: 1, worldFile, installation: INSTALLATION });
}

function openBench(): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-contract-'));
  const worldFile = join(folder, 'simulator.jsonl');
  const killed: Simulator[] = [];
  let world = virtualWorld({ seed: 1 });
  let provider = simulatorIn(world, worldFile);
  return {
    get provider() {
      return provider;
    },
    installation: INSTALLATION,
    wait: (promise) => world.finish(promise, { withinMs }),
    abortAfter: (ms) => {
      const controller = new AbortController();
      world.after(ms, () => controller.abort(new Error('interrupted')));
      return controller.signal;
    },
    restart: async () => {
      world.halt();
      killed.push(provider);
      world = world.successor();
      provider = simulatorIn(world, worldFile);
      await world.settle();
    },
    close: async () => {
      for (const each of [...killed, provider]) await each.close();
      rmSync(folder, { recursive: true });
    },
  };
}
