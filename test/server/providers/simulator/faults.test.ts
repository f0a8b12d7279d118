import { describe, expect, test } from 'vitest';
import type { ClusterRef, SetRef, Step } from '../../../../server/providers/provider.ts';
import type {
  SimulatorFault,
  SimulatorFaults,
} from '../../../../server/providers/simulator/faults.ts';
import { createSimulatorWorld } from '../../../../server/providers/simulator/outside.ts';
import {
  createSimulator,
  type Simulator,
} from '../../../../server/providers/simulator/simulator.ts';
import { SIMULATOR_STEPS } from '../../../../server/providers/simulator/steps.ts';
import { faultAt, randomFaults, witness } from '../../../kit/faults.ts';
import { clusterRef, idle, setRef, stepOf, type TestStep } from '../../../kit/simulator.ts';
import { virtualWorld, type VirtualWorld } from '../../../kit/virtual-world.ts';

const IMAGE = { kind: 'IMAGE' } as const;
const MINUTE = 60_000;

/** After this long a step is given up, as its worker would. */
const PATIENCE_MS = 40 * MINUTE;
const withinMs = 2_000 * MINUTE;

test('the life of two clusters meets every step there is', async () => {
  const faults = witness();
  await live(faults);
  const seen = new Set(
    faults.seen.map(({ operation, step, when }) => [operation, step, when].join()),
  );
  const all = SIMULATOR_STEPS.flatMap(({ operation, step }) =>
    ['BEFORE', 'AFTER'].map((when) => [operation, step, when].join()),
  );
  expect([...seen].sort()).toEqual(all.sort());
});

const FAULTS: readonly SimulatorFault[] = [
  { kind: 'ERROR', retryable: true },
  { kind: 'HANG' },
  { kind: 'LATE', byMs: 30_000 },
  { kind: 'LATE', byMs: 2 * PATIENCE_MS },
  { kind: 'VANISH' },
  { kind: 'SLOW', factor: 3 },
];

const MOMENTS = SIMULATOR_STEPS.flatMap(({ operation, step }) =>
  (['BEFORE', 'AFTER'] as const).map((when) => ({ operation, step, when })),
);

describe.each(FAULTS)('$kind', (fault) => {
  test.each(MOMENTS)('$when $operation $step: tried again, it comes right', async (moment) => {
    const faults = faultAt(moment, fault, 1);
    await live(faults);
    expect(faults.met).toHaveLength(1);
  });
});

test('an error before a step means that nothing was done, one after it that all was', async () => {
  for (const [when, listed] of [
    ['BEFORE', 0],
    ['AFTER', 1],
  ] as const) {
    const fault = { kind: 'ERROR', retryable: false, reason: 'no room' } as const;
    const { world, simulator } = open(faultAt({ operation: 'create', step: 'place', when }, fault));
    const made = simulator.ensureCluster(clusterRef('a'), IMAGE, stepOf(1));
    await expect(world.finish(made, { withinMs })).rejects.toMatchObject({ ...told(fault) });
    expect(await world.finish(simulator.list(stepOf(0).signal), { withinMs })).toHaveLength(listed);
    await simulator.close();
  }
});

test('a restore in place that breaks falls to recreating, and says so', async () => {
  const fault = { kind: 'ERROR', retryable: true, reason: 'the disk is held' } as const;
  const { world, simulator } = open(faultAt({ operation: 'reset', step: 'restore' }, fault));
  const cluster = clusterRef('a');
  const set = setRef(cluster, 1, 'CLUSTER');
  const step = stepOf(2);
  const work = async () => {
    await simulator.ensureCluster(cluster, IMAGE, stepOf(1));
    await simulator.ensureSet(idle(cluster), set, 'ONLINE', stepOf(1));
    return simulator.ensureReset(cluster, set, step);
  };
  const { rung } = await world.finish(work(), { withinMs });
  expect(rung).toBe('recreate from snapshot');
  expect(step.notes.get('simulator.rung')).toBe(rung);
  expect(step.told).toContain('recreating, because: the disk is held');
  await simulator.close();
});

test('what hangs ends with its signal and leaves nothing behind', async () => {
  const { world, simulator } = open(faultAt({ operation: 'look' }, { kind: 'HANG' }));
  const controller = new AbortController();
  const look = simulator.look(clusterRef('a'), controller.signal);
  await world.advance(10 * MINUTE);
  controller.abort(new Error('given up'));
  await expect(look).rejects.toThrow('given up');
  await simulator.close();
  expect(world.pendingTimers()).toEqual([]);
});

test.each(Array.from({ length: 25 }, (_, seed) => seed))('random faults, seed %i', async (seed) => {
  const faults = randomFaults({ seed, probability: 0.08 });
  const once = await live(faults, seed);
  const again = await live(randomFaults({ seed, probability: 0.08 }), seed);
  expect(again).toEqual(once);
});

/**
 * Two clusters from their making to their removal, each step tried until it succeeds, as workers
 * do. Answers when each step was done.
 */
async function live(faults: SimulatorFaults, seed = 1): Promise<string[]> {
  const { world, simulator, outside } = open(faults, seed);
  const diary: string[] = [];
  const life = new Life(world, simulator, diary);
  const both = Promise.all([
    life.ofOwner(clusterRef('a')),
    life.ofMember(clusterRef('b', 'micro')),
  ]);
  await world.finish(both, { withinMs });
  await world.finish(world.sleep(3 * PATIENCE_MS), { withinMs });
  expect(outside.size).toBe(0);
  await simulator.close();
  expect(world.pendingTimers()).toEqual([]);
  return diary;
}

class Life {
  readonly #world: VirtualWorld;
  readonly #simulator: Simulator;
  readonly #diary: string[];

  constructor(world: VirtualWorld, simulator: Simulator, diary: string[]) {
    this.#world = world;
    this.#simulator = simulator;
    this.#diary = diary;
  }

  /** A cluster that owns its set. */
  async ofOwner(cluster: ClusterRef): Promise<void> {
    const simulator = this.#simulator;
    const set = setRef(cluster, 1, 'CLUSTER');
    const vm = { cluster, role: 'WORKER' } as const;
    await this.#made(cluster, set, 1);
    await this.#until('mark', 3, async (step) => {
      await this.#healed(cluster, set, step);
      await simulator.mark(cluster, 'turn-3', step);
    });
    await this.#until('access', 3, async (step) => {
      await this.#healed(cluster, set, step);
      await simulator.access(cluster, 'ssh-ed25519 AAAA', step);
    });
    await this.#until('run', 3, async (step) => {
      await this.#healed(cluster, set, step);
      await simulator.run(vm, ['tee', '/tmp/x'], { stdin: 'x', signal: step.signal });
    });
    await this.#until('open', 3, async (step) => {
      await this.#healed(cluster, set, step);
      (await simulator.open(vm, 'SERIAL', step.signal)).destroy();
    });
    await this.#reset(cluster, set, 4);
    simulator.vanish(cluster.id, 'WORKER');
    await this.#reset(cluster, set, 5);
    await this.#gone({ kind: 'CLUSTER', ...cluster }, 6);
  }

  /** A cluster made from a set of its pool. */
  async ofMember(cluster: ClusterRef): Promise<void> {
    const simulator = this.#simulator;
    const set = setRef(cluster, 2, 'POOL');
    await this.#until('capture', 1, (step) => simulator.ensureSet(IMAGE, set, 'ONLINE', step));
    await this.#until('create', 1, (step) =>
      simulator.ensureCluster(cluster, { kind: 'SET', set }, step),
    );
    const session = { id: 'session-1', owner: 'ada' };
    await this.#until('wake', 2, (step) => simulator.wake(cluster, session, step));
    await this.#gone({ kind: 'CLUSTER', ...cluster }, 3);
    await this.#gone({ kind: 'SET', id: set.id, name: 'set', poolId: set.poolId }, 3);
    await this.#until('list', 3, (step) => simulator.list(step.signal));
  }

  async #made(cluster: ClusterRef, set: SetRef, fence: number): Promise<void> {
    const simulator = this.#simulator;
    for (const mode of ['ONLINE', 'OFFLINE'] as const) {
      const next = mode === 'ONLINE' ? setRef(cluster, 9, 'CLUSTER') : set;
      await this.#until(`capture ${mode}`, fence, async (step) => {
        await simulator.ensureCluster(cluster, IMAGE, step);
        await simulator.ensureSet(idle(cluster), next, mode, step);
      });
    }
  }

  async #reset(cluster: ClusterRef, set: SetRef, fence: number): Promise<void> {
    await this.#until('reset', fence, async (step) => {
      const { sighting } = await this.#simulator.ensureReset(cluster, set, step);
      expect(sighting.marks).toEqual([]);
      const { signal } = step;
      const { vms } = await this.#simulator.look(cluster, signal);
      if (vms.some(({ answers }) => !answers)) throw new Error('lost again');
    });
  }

  /** A worker's first look: what has vanished is put back before it goes on. */
  async #healed(cluster: ClusterRef, set: SetRef, step: Step): Promise<void> {
    const { vms } = await this.#simulator.look(cluster, step.signal);
    if (vms.every(({ answers }) => answers)) return;
    await this.#simulator.ensureReset(cluster, set, step);
  }

  #gone(object: Parameters<Simulator['ensureGone']>[0], fence: number): Promise<void> {
    return this.#until(`remove ${object.kind}`, fence, (step) =>
      this.#simulator.ensureGone(object, step),
    );
  }

  /** Tries until it succeeds, each time with the notes of the time before. */
  async #until(
    what: string,
    fence: number,
    work: (step: TestStep) => Promise<unknown>,
  ): Promise<void> {
    let notes = new Map<string, string>();
    for (let attempt = 1; attempt <= 20; attempt += 1) {
      const controller = new AbortController();
      const cancel = this.#world.after(PATIENCE_MS, () => controller.abort(new Error('too late')));
      const step = stepOf(fence, { signal: controller.signal, notes });
      const failed = await work(step).then(
        () => false,
        () => true,
      );
      cancel();
      ({ notes } = step);
      this.#diary.push(`${this.#world.elapsed()} ${what} ${failed ? 'failed' : 'done'}`);
      if (!failed) return;
    }
    throw new Error(`${what} never succeeded: ${this.#diary.join(', ')}`);
  }
}

function open(faults: SimulatorFaults, seed = 1) {
  const world = virtualWorld({ seed });
  const outside = createSimulatorWorld();
  const simulator = createSimulator({ world, speed: 1, seed, worldFile: null, outside, faults });
  return { world, simulator, outside };
}

function told({ reason, retryable }: { reason: string; retryable: boolean }) {
  return { reason, retryable };
}
