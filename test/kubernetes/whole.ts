import { afterEach } from 'vitest';
import { watchLoopback, type Loopback } from '../kit/loopback.ts';
import { virtualWorld, type VirtualWorld } from '../kit/virtual-world.ts';
import { openKubernetesSimulator, type KubernetesSimulator } from './simulator.ts';

/** A whole simulator in virtual time, asked over HTTP; it is closed after the test. */
export interface Whole {
  readonly world: VirtualWorld;
  readonly simulator: KubernetesSimulator;
  readonly loopback: Loopback;
  readonly ask: (
    method: string,
    path: string,
    body?: object,
  ) => Promise<{ status: number; text: string }>;
}

const opened: Whole[] = [];
afterEach(async () => {
  for (const { world, simulator, loopback } of opened.splice(0)) {
    await world.finish(simulator.close(), { withinMs: 60_000 });
    loopback.close();
  }
});

/** Opens one whose chances are those of a seed. */
export async function openWhole(seed: number): Promise<Whole> {
  const loopback = watchLoopback();
  const world = virtualWorld({ seed, isBusy: () => loopback.isBusy() });
  const opening = openKubernetesSimulator({ world });
  const simulator = await world.finish(opening, { withinMs: 1_000 });
  const ask: Whole['ask'] = async (method, path, body) => {
    const url = `http://127.0.0.1:${simulator.port}${path}`;
    const headers = { 'content-type': 'application/json', connection: 'close' };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const reading = fetch(url, { method, headers, ...sent }).then(async (answer) => ({
      status: answer.status,
      text: await answer.text(),
    }));
    return world.finish(reading, { withinMs: 10_000 });
  };
  const made = { world, simulator, ask, loopback };
  opened.push(made);
  return made;
}
