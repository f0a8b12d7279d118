import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import type { Sighting } from '../../../../server/providers/provider.ts';
import {
  createSimulator,
  type Simulator,
  type SimulatorOptions,
} from '../../../../server/providers/simulator/simulator.ts';
import { createSimulatorWorld } from '../../../../server/providers/simulator/outside.ts';
import { clusterRef, idle, setRef, stepOf } from '../../../kit/simulator.ts';
import { virtualWorld, type VirtualWorld } from '../../../kit/virtual-world.ts';

const IMAGE = { kind: 'IMAGE' } as const;
const MINUTE = 60_000;
const withinMs = 60 * MINUTE;
const { signal } = new AbortController();

const opened: { simulator: Simulator; world: VirtualWorld }[] = [];

afterEach(async () => {
  for (const { simulator, world } of opened.splice(0)) {
    await simulator.close();
    await world.settle();
    expect(world.pendingTimers()).toEqual([]);
  }
});

describe('time', () => {
  test('VMs are pending, then starting, then running, and answer last', async () => {
    const { world, simulator } = open();
    const cluster = clusterRef('a');
    const made = simulator.ensureCluster(cluster, IMAGE, stepOf(1));
    const seen: string[] = [];
    while (seen.at(-1) !== 'RUNNING answers, RUNNING answers') {
      await world.advance(1_000);
      const now = describeVms(await world.finish(simulator.look(cluster, signal), { withinMs }));
      if (now !== seen.at(-1)) seen.push(now);
    }
    await world.finish(made, { withinMs });
    expect(seen).toEqual([
      'PENDING, PENDING',
      'STARTING, PENDING',
      'RUNNING, PENDING',
      'RUNNING answers, PENDING',
      'RUNNING answers, STARTING',
      'RUNNING answers, RUNNING',
      'RUNNING answers, RUNNING answers',
    ]);
  });

  test('takes what real clusters take, divided by the speed', async () => {
    const real = open();
    const cluster = clusterRef('a');
    const set = setRef(cluster, 1, 'CLUSTER');
    const create = () => real.simulator.ensureCluster(cluster, IMAGE, stepOf(1));
    const capture = () => real.simulator.ensureSet(idle(cluster), set, 'ONLINE', stepOf(1));
    const reset = () => real.simulator.ensureReset(cluster, set, stepOf(1));
    const creation = await timed(real.world, create);
    expect(creation).toBeGreaterThan(400_000);
    expect(creation).toBeLessThan(700_000);
    expect(await timed(real.world, capture)).toBeLessThan(20_000);
    const resetting = await timed(real.world, reset);
    expect(resetting).toBeGreaterThan(40_000);
    expect(resetting).toBeLessThan(135_000);
    const fast = open({ speed: 100 });
    const faster = await timed(fast.world, () =>
      fast.simulator.ensureCluster(cluster, IMAGE, stepOf(1)),
    );
    expect(faster).toBeCloseTo(creation / 100, -1);
  });

  test('depends on the seed and the cluster, not on what else goes on', async () => {
    const alone = await timesOf(open(), ['a']);
    const among = await timesOf(open(), ['c', 'a', 'b']);
    const other = await timesOf(open({ seed: 2 }), ['a']);
    expect(among.get('a')).toBe(alone.get('a'));
    expect(among.get('b')).not.toBe(alone.get('a'));
    expect(other.get('a')).not.toBe(alone.get('a'));
  });

  test('without end to the speed nothing waits', async () => {
    const { world, simulator } = open({ speed: Infinity });
    const cluster = clusterRef('a');
    const set = setRef(cluster, 1, 'CLUSTER');
    await simulator.ensureCluster(cluster, IMAGE, stepOf(1));
    await simulator.ensureSet(idle(cluster), set, 'OFFLINE', stepOf(1));
    await simulator.mark(cluster, 'turn-1', stepOf(1));
    const { sighting } = await simulator.ensureReset(cluster, set, stepOf(1));
    expect(describeVms(sighting)).toBe('RUNNING answers, RUNNING answers');
    await simulator.ensureGone({ kind: 'CLUSTER', ...cluster }, stepOf(1));
    expect(await simulator.list(signal)).toEqual([]);
    expect(world.elapsed()).toBe(0);
  });

  test('deadlines leave room at any speed', () => {
    expect(open({ speed: 1 }).simulator.capabilities.deadlineMs.create).toBe(15 * MINUTE);
    expect(open({ speed: 100 }).simulator.capabilities.deadlineMs.create).toBe(9_000);
    expect(open({ speed: Infinity }).simulator.capabilities.deadlineMs.look).toBe(5_000);
  });

  test.each([0, -1, NaN])('a speed of %d is refused', (speed) => {
    const world = virtualWorld({ seed: 1 });
    const make = () => createSimulator({ world, speed, seed: 1, worldFile: null });
    expect(make).toThrow(RangeError);
  });

  test('a clock that is set back holds nothing up', async () => {
    const { world, simulator } = open();
    const made = simulator.ensureCluster(clusterRef('a'), IMAGE, stepOf(1));
    await world.advance(MINUTE);
    world.jumpClock(-24 * 60 * MINUTE);
    await world.finish(made, { withinMs: 15 * MINUTE });
  });
});

describe('a server that dies', () => {
  test('finds VMs further on: the outside world does not wait for it', async () => {
    const first = open();
    const cluster = clusterRef('a');
    void first.simulator.ensureCluster(cluster, IMAGE, stepOf(1));
    await first.world.advance(MINUTE);
    first.world.halt();
    const world = first.world.successor();
    await world.advance(14 * MINUTE);
    const next = open({ world, outside: first.outside });
    const look = next.simulator.look(cluster, signal);
    expect(describeVms(await world.finish(look, { withinMs }))).toBe(
      'RUNNING answers, RUNNING answers',
    );
  });

  test('is not held up by a clock that was set back meanwhile', async () => {
    const first = open();
    void first.simulator.ensureCluster(clusterRef('a'), IMAGE, stepOf(1));
    await first.world.advance(MINUTE);
    first.world.halt();
    const world = first.world.successor();
    world.jumpClock(-24 * 60 * MINUTE);
    const next = open({ world, outside: first.outside });
    const made = next.simulator.ensureCluster(clusterRef('a'), IMAGE, stepOf(1));
    await world.finish(made, { withinMs: 15 * MINUTE });
  });
});

describe('at once', () => {
  test('32 clusters are at work, and the next begins when one is done', async () => {
    const { world, simulator } = open();
    let begun = 0;
    const names = Array.from({ length: 40 }, (_, n) => `c-${n}`);
    const all = names.map((name) => {
      const step = stepOf(1, {
        progress: (what) => void (begun += Number(what.includes('disks'))),
      });
      return simulator.ensureCluster(clusterRef(name), IMAGE, step);
    });
    await world.advance(5 * MINUTE);
    expect(begun).toBe(32);
    await world.finish(Promise.race(all), { withinMs });
    await world.settle();
    expect(begun).toBe(33);
    await world.finish(Promise.all(all), { withinMs });
  });

  test('who waits for a turn can give up', async () => {
    const { world, simulator } = open();
    const controller = new AbortController();
    const names = Array.from({ length: 32 }, (_, n) => `c-${n}`);
    const all = names.map((name) => simulator.ensureCluster(clusterRef(name), IMAGE, stepOf(1)));
    const step = stepOf(1, { signal: controller.signal });
    const last = simulator.ensureCluster(clusterRef('last'), IMAGE, step);
    controller.abort(new Error('given up'));
    await expect(world.finish(last, { withinMs: 1 })).rejects.toThrow('given up');
    await world.finish(Promise.all(all), { withinMs });
  });

  test('a worker that is overtaken stops', async () => {
    const { world, simulator } = open();
    const cluster = clusterRef('a');
    const slow = simulator
      .ensureCluster(cluster, IMAGE, stepOf(1))
      .catch((error: unknown) => error);
    await world.advance(MINUTE);
    const removal = simulator.ensureGone({ kind: 'CLUSTER', ...cluster }, stepOf(2));
    await world.finish(removal, { withinMs });
    expect(await world.finish(slow, { withinMs })).toMatchObject({ name: 'ProviderError' });
    expect(await world.finish(simulator.list(signal), { withinMs })).toEqual([]);
  });
});

describe('sets', () => {
  test('a set of the pool makes new clusters, and puts back by recreating', async () => {
    const { world, simulator } = open();
    const [from, to] = [clusterRef('a'), clusterRef('b')];
    const set = setRef(from, 1, 'POOL');
    const work = async () => {
      await simulator.ensureCluster(from, IMAGE, stepOf(1));
      await simulator.run(worker(from), ['tee', '/golden'], { stdin: 'gold', signal });
      await simulator.mark(from, 'turn-1', stepOf(1));
      const source = { kind: 'CLUSTER', cluster: from, inUse: true } as const;
      await simulator.ensureSet(source, set, 'ONLINE', stepOf(1));
      const made = await simulator.ensureCluster(to, { kind: 'SET', set }, stepOf(1));
      expect(made.marks).toEqual([]);
      expect(made.vms.map(({ origin }) => origin)).toEqual(['SNAPSHOT', 'SNAPSHOT']);
      const golden = await simulator.run(worker(to), ['cat', '/golden'], { signal });
      expect(golden.stdout).toBe('gold');
      expect((await simulator.look(from, signal)).marks).toEqual(['turn-1']);
      return simulator.ensureReset(to, set, stepOf(2));
    };
    const { rung } = await world.finish(work(), { withinMs });
    expect(rung).toBe('recreate from snapshot');
  });

  test('a set is made from the image without any cluster', async () => {
    const { world, simulator } = open();
    const set = setRef(clusterRef('a', 'micro'), 1, 'POOL');
    const capture = simulator.ensureSet(IMAGE, set, 'OFFLINE', stepOf(1));
    const [captured] = await world.finish(capture, { withinMs });
    expect(captured).toMatchObject({ role: 'STANDALONE', k8sVersion: null });
    expect(captured?.sizeBytes).toBeGreaterThan(2 ** 30);
    const listed = await world.finish(simulator.list(signal), { withinMs });
    expect(listed).toEqual([{ kind: 'SET', id: set.id, name: 'pool/set-1', poolId: set.poolId }]);
  });

  test('a set somebody deleted behind our back is missed', async () => {
    const { world, simulator, cluster, set } = await golden();
    simulator.loseSet(set.id);
    const reset = simulator.ensureReset(cluster, set, stepOf(3));
    await expect(world.finish(reset, { withinMs })).rejects.toMatchObject({
      retryable: false,
      reason: 'no such snapshot set: a/set-1',
    });
  });

  test('a cluster without a VM is recreated from its set', async () => {
    const { world, simulator, cluster, set } = await golden();
    simulator.vanish(cluster.id, 'WORKER');
    const { rung, sighting } = await world.finish(simulator.ensureReset(cluster, set, stepOf(3)), {
      withinMs,
    });
    expect(rung).toBe('recreate from snapshot');
    expect(describeVms(sighting)).toBe('RUNNING answers, RUNNING answers');
  });

  test('a removed cluster takes its own sets along', async () => {
    const { world, simulator, cluster } = await golden();
    const removal = simulator.ensureGone({ kind: 'CLUSTER', ...cluster }, stepOf(3));
    await world.finish(removal, { withinMs });
    expect(await world.finish(simulator.list(signal), { withinMs })).toEqual([]);
  });
});

describe('mishaps', () => {
  test('what happens to a VM is told to those who watch, and seen', async () => {
    const { world, simulator, cluster } = await golden();
    const dirty: string[] = [];
    const stop = simulator.watch((id) => dirty.push(id));
    simulator.shutDown(cluster.id, 'WORKER');
    simulator.silence(cluster.id, 'CONTROL_PLANE');
    await world.settle();
    expect(dirty).toEqual([cluster.id, cluster.id]);
    const seen = await world.finish(simulator.look(cluster, signal), { withinMs });
    expect(describeVms(seen)).toBe('RUNNING, STOPPED');
    stop();
    expect(simulator.vanish(cluster.id)).toBe(true);
    expect(simulator.vanish(cluster.id)).toBe(false);
    await world.settle();
    expect(dirty).toHaveLength(2);
    const gone = await world.finish(simulator.look(cluster, signal), { withinMs });
    expect(gone.vms.map(({ exists }) => exists)).toEqual([false, false]);
  });

  test('what is shut down is started, and what hangs is made again', async () => {
    const { world, simulator, cluster } = await golden();
    simulator.shutDown(cluster.id, 'WORKER');
    await world.finish(simulator.ensureCluster(cluster, IMAGE, stepOf(2)), { withinMs });
    simulator.silence(cluster.id, 'WORKER');
    const made = simulator.ensureCluster(cluster, IMAGE, stepOf(2));
    expect(describeVms(await world.finish(made, { withinMs }))).toBe(
      'RUNNING answers, RUNNING answers',
    );
  });

  test('a guest that does not answer takes no command and no mark', async () => {
    const { world, simulator, cluster } = await golden();
    simulator.silence(cluster.id, 'WORKER');
    const told = { retryable: true, reason: 'the guest of wk-a does not answer' };
    const command = simulator.run(worker(cluster), ['true'], { signal });
    await expect(world.finish(command, { withinMs })).rejects.toMatchObject(told);
    const mark = simulator.mark(cluster, 'turn-1', stepOf(2));
    await expect(world.finish(mark, { withinMs })).rejects.toMatchObject(told);
  });

  test('a command ends with the machine it ran on', async () => {
    const { world, simulator, cluster } = await golden();
    const command = simulator.run(worker(cluster), ['sleep', '60'], { signal });
    const failure = expect(world.finish(command, { withinMs })).rejects.toMatchObject({
      retryable: true,
    });
    simulator.shutDown(cluster.id, 'WORKER');
    await failure;
  });

  test('a name that another installation uses is not ours to take', async () => {
    const { world, simulator, cluster } = await golden();
    const namesake = { ...cluster, id: 'another-id' };
    const foreign = stepOf(9, { installation: 'somebody-else' });
    for (const step of [foreign, stepOf(9)]) {
      const made = simulator.ensureCluster(namesake, IMAGE, step);
      await expect(world.finish(made, { withinMs })).rejects.toMatchObject({ retryable: false });
    }
  });
});

test('closing ends what is under way and refuses what comes', async () => {
  const { world, simulator } = open();
  const made = simulator.ensureCluster(clusterRef('a'), IMAGE, stepOf(1));
  const failure = expect(made).rejects.toMatchObject({ reason: 'the simulator is closed' });
  await world.advance(MINUTE);
  await simulator.close();
  await failure;
  expect(world.pendingTimers()).toEqual([]);
  await expect(simulator.look(clusterRef('a'), signal)).rejects.toThrow('the simulator is closed');
});

test('the serial console runs what is typed', async () => {
  const { world, simulator, cluster } = await golden();
  const open = simulator.open(worker(cluster), 'SERIAL', signal);
  const stream = await world.finish(open, { withinMs });
  let shown = '';
  stream.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  stream.write('echo hel');
  stream.write('lo\ruptime\rip addr\rnothing\r');
  stream.end();
  await world.finish(once(stream, 'end'), { withinMs });
  const [greeting, , ...lines] = shown.replaceAll('\r', '').split('\n').slice(1);
  expect(greeting).toBe('wk-a ttyS0: a simulated machine, "help" says what it knows');
  expect(lines).toEqual([
    'hello',
    'root@wk-a:~# uptime',
    expect.stringMatching(/^ up \d+:\d\d, 1 user/),
    'root@wk-a:~# ip addr',
    '1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536',
    '    inet 127.0.0.1/8 scope host lo',
    '2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500',
    expect.stringMatching(/^ {4}inet 10\.\d+\.\d+\.\d+\/8 scope global eth0$/),
    'root@wk-a:~# nothing',
    'nothing: not found',
    'root@wk-a:~# ',
  ]);
  const other = simulator.open(worker(cluster), 'VNC', signal);
  await expect(other).rejects.toMatchObject({ retryable: false });
});

function open(options: Partial<SimulatorOptions> & { world?: VirtualWorld } = {}) {
  const world = options.world ?? virtualWorld({ seed: 1 });
  const outside = options.outside ?? createSimulatorWorld();
  const settings = { speed: 1, seed: 1, worldFile: null, ...options, world, outside };
  const simulator = createSimulator(settings);
  opened.push({ simulator, world });
  return { world, simulator, outside };
}

/** A simulator with one cluster that has its own set. */
async function golden() {
  const { world, simulator } = open();
  const cluster = clusterRef('a');
  const set = setRef(cluster, 1, 'CLUSTER');
  await world.finish(simulator.ensureCluster(cluster, IMAGE, stepOf(1)), { withinMs });
  const capture = simulator.ensureSet(idle(cluster), set, 'ONLINE', stepOf(1));
  await world.finish(capture, { withinMs });
  return { world, simulator, cluster, set };
}

function worker(cluster: ReturnType<typeof clusterRef>) {
  return { cluster, role: 'WORKER' } as const;
}

function describeVms({ vms }: Sighting): string {
  return vms.map(({ phase, answers }) => (answers ? `${phase} answers` : phase)).join(', ');
}

async function timed(world: VirtualWorld, work: () => Promise<unknown>): Promise<number> {
  const start = world.elapsed();
  await world.finish(work(), { withinMs });
  return world.elapsed() - start;
}

/** When each of these clusters was made, all begun at once. */
async function timesOf(
  { world, simulator }: ReturnType<typeof open>,
  names: readonly string[],
): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  const all = names.map(async (name) => {
    await simulator.ensureCluster(clusterRef(name), IMAGE, stepOf(1));
    times.set(name, world.elapsed());
  });
  await world.finish(Promise.all(all), { withinMs });
  return times;
}
