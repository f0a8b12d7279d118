import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ProviderError,
  type ClusterRef,
  type OutsideObject,
  type RunResult,
  type SetRef,
  type SetSource,
  type Sighting,
  type Step,
} from '../../server/providers/provider.ts';
import { clusterRef, idle, setRef, stepOf, type TestStep } from '../kit/simulator.ts';
import { accessCases } from './access.ts';
import { type Case, streamCases } from './streams.ts';
import { clusterObject, sorted, UNDER_TEST, type Bench } from './under-test.ts';

// The cases of the contract, for the providers that the importing test file has put under test.

/** Words that a shell would take apart, expand or obey. */
const AWKWARD = ['two words', `"quotes" and 'quotes'`, 'a\nb', '$(reboot)', '`id`', '*', '\\', 'ü'];

/** Guests of real machines boot, some of them without help from the processor. */
const PATIENCE_MS = 120_000;

const POSSIBLE = UNDER_TEST.filter(({ missing }) => missing === null);

/** Real machines share theirs with other work. */
const PATIENCE = { timeout: Math.max(0, ...POSSIBLE.map((s) => s.patienceMs ?? 60_000)) };

describe.each(POSSIBLE)('$name', PATIENCE, (subject) => {
  let bench: Bench;
  let clusters = 0;
  const { capabilities, file: FILE = '/tmp/left-behind' } = subject;
  const [firstMode = 'ONLINE'] = capabilities.captureModes;

  beforeAll(async () => {
    bench = await subject.open();
  }, PATIENCE_MS);
  afterAll(() => bench.close(), PATIENCE_MS);

  // The words in which the cases speak.

  const newRef = () => clusterRef(`contract-${(clusters += 1)}`, subject.template);
  const step = (fence: number, options: Partial<Step> = {}): TestStep =>
    stepOf(fence, { installation: bench.installation, ...options });
  const look = (ref: ClusterRef) => bench.wait(bench.provider.look(ref, step(0).signal));
  const list = () => bench.wait(bench.provider.list(step(0).signal));
  const gone = (object: OutsideObject, by: Step) =>
    bench.wait(bench.provider.ensureGone(object, by));
  const create = (ref: ClusterRef, by: Step) =>
    bench.wait(bench.provider.ensureCluster(ref, { kind: 'IMAGE' }, by));
  const mark = (ref: ClusterRef, name: string, by: Step) =>
    bench.wait(bench.provider.mark(ref, name, by));
  const reset = (ref: ClusterRef, set: SetRef, by: Step) =>
    bench.wait(bench.provider.ensureReset(ref, set, by));
  const handOver = async (ref: ClusterRef, by: Step) => {
    if (!capabilities.wakes) return;
    await bench.wait(bench.provider.wake(ref, { id: 'session-1', owner: 'ada' }, by));
  };
  const run = (ref: ClusterRef, argv: readonly string[], stdin?: string): Promise<RunResult> => {
    const { signal } = step(0);
    const vm = { cluster: ref, role: ref.vms.at(-1)?.role ?? 'STANDALONE' };
    return bench.wait(bench.provider.run(vm, argv, { stdin, signal }));
  };
  /** The golden state that this provider resets a cluster to, captured as it captures it. */
  const capture = async (ref: ClusterRef, by: Step, mode = firstMode): Promise<SetRef> => {
    const owned = capabilities.goldenState === 'CLUSTER';
    const set = setRef(ref, clusters, owned ? 'CLUSTER' : 'POOL');
    const source: SetSource = owned ? idle(ref) : { kind: 'IMAGE' };
    await bench.wait(bench.provider.ensureSet(source, set, mode, by));
    return set;
  };

  /** The set a cluster is reset to; the one of a pool is captured once for all. */
  let poolSet: Promise<SetRef> | undefined;
  const goldenSet = (ref: ClusterRef, by: Step): Promise<SetRef> => {
    if (capabilities.goldenState === 'CLUSTER') return capture(ref, by);
    poolSet ??= capture(ref, by);
    return poolSet;
  };

  /** A cluster made as most are, of the pool's set where there is one: a boot each is dear. */
  const have = async (ref: ClusterRef, by: Step) => {
    if (capabilities.goldenState === 'CLUSTER') return create(ref, by);
    const source = { kind: 'SET', set: await goldenSet(ref, by) } as const;
    return bench.wait(bench.provider.ensureCluster(ref, source, by));
  };

  test('a cluster that does not exist is seen to be absent', async () => {
    const ref = newRef();
    const { vms } = await look(ref);
    expect(vms.map(({ role, exists, answers }) => ({ role, exists, answers }))).toEqual(
      ref.vms.map(({ role }) => ({ role, exists: false, answers: false })),
    );
  });

  test('from the image: every VM runs and its guest answers', async () => {
    const ref = newRef();
    const made = await create(ref, step(1));
    expectAnswering(ref, made);
    expectAnswering(ref, await look(ref));
    expect(made.vms.map(({ origin }) => origin)).toEqual(ref.vms.map(() => 'COLD_BOOT'));
  });

  test('made twice is made once', async () => {
    const ref = newRef();
    const first = await create(ref, step(1));
    await handOver(ref, step(1));
    await run(ref, ['tee', FILE], 'still here');
    const again = await create(ref, step(1));
    // Where a hand-over wakes a VM, that is all that has changed.
    const asAt = capabilities.wakes ? { phase: 'RUNNING' } : {};
    expect(again.vms).toEqual(first.vms.map((vm) => ({ ...vm, ...asAt })));
    expect((await run(ref, ['cat', FILE])).stdout).toBe('still here');
  });

  test.each(subject.interruptions)('interrupted after %d ms, the repeat finishes', async (ms) => {
    const ref = newRef();
    const first = step(1, { signal: bench.abortAfter(ms) });
    await create(ref, first).catch((error: unknown) => error);
    const repeated = step(1, { notes: first.notes });
    expectAnswering(ref, await create(ref, repeated));
    const ours = (await list()).filter(({ id }) => id === ref.id);
    expect(ours).toHaveLength(1);
  });

  test('killed in the middle, the next process finishes', async () => {
    const ref = newRef();
    const [moment = 0] = subject.interruptions.slice(-2);
    const first = step(1, { signal: bench.abortAfter(moment) });
    await create(ref, first).catch((error: unknown) => error);
    await bench.restart();
    expectAnswering(ref, await create(ref, step(1, { notes: first.notes })));
  });

  test('a command gives its output, its complaints and its exit code', async () => {
    const ref = newRef();
    await have(ref, step(1));
    await handOver(ref, step(1));
    expect(await run(ref, ['true'])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect((await run(ref, ['false'])).exitCode).toBe(1);
    const missing = await run(ref, ['cat', '/no/such/file']);
    expect(missing.exitCode).toBe(1);
    expect(missing.stdout).toBe('');
    expect(missing.stderr).toContain('/no/such/file');
    expect((await run(ref, ['cat'], 'from stdin\n')).stdout).toBe('from stdin\n');
    expect((await run(ref, ['no-such-command'])).exitCode).toBe(127);
  });

  test('arguments are data, whatever they look like', async () => {
    const ref = newRef();
    await have(ref, step(1));
    await handOver(ref, step(1));
    for (const word of AWKWARD) {
      expect((await run(ref, ['echo', word])).stdout).toBe(`${word}\n`);
      expect((await run(ref, ['cat'], word)).stdout).toBe(word);
    }
    expect((await run(ref, ['echo', ...AWKWARD])).stdout).toBe(`${AWKWARD.join(' ')}\n`);
  });

  test('a mark is seen, and no reset leaves it or what was written', async () => {
    const ref = newRef();
    await create(ref, step(1));
    const set = await goldenSet(ref, step(2));
    await mark(ref, 'turn-1', step(3));
    const marked = await look(ref);
    expect(marked.marks).toEqual(marked.marks === null ? null : ['turn-1']);
    await handOver(ref, step(3));
    await run(ref, ['tee', FILE], 'secret');
    expect((await run(ref, ['cat', FILE])).stdout).toBe('secret');
    const { rung, sighting } = await reset(ref, set, step(4));
    expect(rung).not.toBe('');
    expectAnswering(ref, sighting);
    expect(sighting.marks ?? []).toEqual([]);
    await handOver(ref, step(5));
    expect((await run(ref, ['cat', FILE])).exitCode).toBe(1);
  });

  test('a reset repeated by the same worker costs no second one', async () => {
    const ref = newRef();
    await have(ref, step(1));
    const set = await goldenSet(ref, step(2));
    const by = step(3);
    const first = await reset(ref, set, by);
    const again = await reset(ref, set, step(3, { notes: by.notes }));
    expect(again).toEqual(first);
  });

  test.each(subject.interruptions)('a reset interrupted after %d ms is finished', async (ms) => {
    const ref = newRef();
    await have(ref, step(1));
    const set = await goldenSet(ref, step(2));
    await mark(ref, 'turn-1', step(3));
    const first = step(4, { signal: bench.abortAfter(ms) });
    await reset(ref, set, first).catch((error: unknown) => error);
    const { sighting } = await reset(ref, set, step(4, { notes: first.notes }));
    expectAnswering(ref, sighting);
    expect(sighting.marks ?? []).toEqual([]);
  });

  test('a set that is not there is no reason to try again', async () => {
    const ref = newRef();
    await have(ref, step(1));
    const owner = capabilities.goldenState === 'CLUSTER' ? 'CLUSTER' : 'POOL';
    await expectRefused(reset(ref, setRef(ref, 99, owner), step(2)));
  });

  // Where a set is of the pool, it is captured from the image, which knows but one way.
  const modes = capabilities.goldenState === 'CLUSTER' ? capabilities.captureModes : [firstMode];
  test.each(modes)('captured %s, the cluster answers as before', async (mode) => {
    const ref = newRef();
    await have(ref, step(1));
    await handOver(ref, step(1));
    await run(ref, ['tee', FILE], 'kept');
    await capture(ref, step(2), mode);
    expectAnswering(ref, await look(ref));
    expect((await run(ref, ['cat', FILE])).stdout).toBe('kept');
  });

  test('a set tells of every role, and captured twice is captured once', async () => {
    const ref = newRef();
    await have(ref, step(1));
    const set = await goldenSet(ref, step(2));
    const source: SetSource = set.cluster === null ? { kind: 'IMAGE' } : idle(ref);
    const again = await bench.wait(bench.provider.ensureSet(source, set, firstMode, step(2)));
    expect(again.map(({ role }) => role).sort()).toEqual(set.roles.map(({ role }) => role).sort());
    expect((await list()).filter(({ id }) => id === set.id)).toHaveLength(1);
    expectAnswering(ref, await look(ref));
  });

  test('a cluster from a set has what the set had, and says so', async () => {
    const template = newRef();
    await have(template, step(1));
    const set = await goldenSet(template, step(2));
    const ref = newRef();
    const source = { kind: 'SET', set } as const;
    const made = await bench.wait(bench.provider.ensureCluster(ref, source, step(1)));
    expectAnswering(ref, made);
    for (const { origin } of made.vms) expect(['SNAPSHOT', 'WARM']).toContain(origin);
  });

  test('a worker that was overtaken is refused, and changes nothing', async () => {
    const ref = newRef();
    await have(ref, step(5));
    const set = await goldenSet(ref, step(6));
    await mark(ref, 'turn-6', step(6));
    await expectRefused(reset(ref, set, step(5)));
    await expectRefused(mark(ref, 'turn-5', step(5)));
    await expectRefused(gone(clusterObject(ref), step(5)));
    const { marks } = await look(ref);
    expect(marks ?? ['turn-6']).toEqual(['turn-6']);
  });

  test('what belongs to another installation is not touched', async () => {
    const ref = newRef();
    await have(ref, step(1));
    const foreign = (fence: number) => step(fence, { installation: 'somebody-else' });
    await expectRefused(create(ref, foreign(9)));
    await expectRefused(mark(ref, 'turn-9', foreign(9)));
    await expectRefused(gone(clusterObject(ref), foreign(9)));
    expectAnswering(ref, await look(ref));
    await mark(ref, 'turn-1', step(1));
  });

  test('everything there is listed until it is removed; then once more is fine', async () => {
    const ref = newRef();
    await have(ref, step(1));
    const set = await capture(ref, step(2));
    const listed = await list();
    expect(listed).toContainEqual(clusterObject(ref));
    const setObject = listed.find(({ kind, id }) => kind === 'SET' && id === set.id);
    expect(setObject?.poolId).toBe(set.poolId);
    await gone(clusterObject(ref), step(3));
    await gone(clusterObject(ref), step(3));
    if (setObject !== undefined) await gone(setObject, step(3));
    const ids = (await list()).map(({ id }) => id);
    expect(ids).not.toContain(ref.id);
    expect(ids).not.toContain(set.id);
    expect((await look(ref)).vms.every(({ exists }) => !exists)).toBe(true);
  });

  test('a cluster made again after its removal has nothing of the first', async () => {
    const ref = newRef();
    await have(ref, step(1));
    await handOver(ref, step(1));
    await run(ref, ['tee', FILE], 'secret');
    await gone(clusterObject(ref), step(2));
    expectAnswering(ref, await create(ref, step(3)));
    await handOver(ref, step(3));
    expect((await run(ref, ['cat', FILE])).exitCode).toBe(1);
  });

  test('another process finds every VM and set as the first left them', async () => {
    const ref = newRef();
    await have(ref, step(1));
    const set = await goldenSet(ref, step(2));
    await handOver(ref, step(3));
    await run(ref, ['tee', FILE], 'kept');
    const [before, listed] = [await look(ref), await list()];
    await bench.restart();
    expect(await look(ref)).toEqual(before);
    expect(sorted(await list())).toEqual(sorted(listed));
    expect((await run(ref, ['cat', FILE])).stdout).toBe('kept');
    expectAnswering(ref, (await reset(ref, set, step(4))).sighting);
  });

  test('an aborted question is not answered', async () => {
    const signal = AbortSignal.abort(new Error('no longer wanted'));
    await expect(bench.wait(bench.provider.look(newRef(), signal))).rejects.toThrow();
    await expect(bench.wait(bench.provider.list(signal))).rejects.toThrow();
  });

  // What a provider's capabilities rule out is left out here, by name.

  const cases: readonly Case[] = [
    [
      'wakes a cluster for its session',
      capabilities.wakes,
      async () => {
        const ref = newRef();
        await have(ref, step(1));
        const session = { id: 'session-1', owner: 'ada' };
        const awake = await bench.wait(bench.provider.wake(ref, session, step(2)));
        expectAnswering(ref, awake);
        expect(awake.vms.every(({ phase }) => phase === 'RUNNING')).toBe(true);
        await bench.wait(bench.provider.wake(ref, session, step(2)));
      },
    ],
    [
      'captures what its cluster has, but no turn mark',
      capabilities.goldenState === 'CLUSTER',
      async () => {
        const ref = newRef();
        await create(ref, step(1));
        await run(ref, ['tee', FILE], 'golden');
        await mark(ref, 'turn-1', step(1));
        const set = await capture(ref, step(2));
        await run(ref, ['rm', FILE]);
        expect((await reset(ref, set, step(3))).sighting.marks ?? []).toEqual([]);
        expect((await run(ref, ['cat', FILE])).stdout).toBe('golden');
      },
    ],
    ...accessCases(subject, { bench: () => bench, newRef, step, have, goldenSet, run }),
    ...streamCases(subject, { bench: () => bench, newRef, step, have, handOver, goldenSet, run }),
    [
      'saved in use goes on, and another has the same but no mark',
      capabilities.savesSessions,
      async () => {
        const ref = newRef();
        await have(ref, step(1));
        await mark(ref, 'turn-1', step(1));
        await handOver(ref, step(1));
        await run(ref, ['tee', FILE], 'saved');
        const set = setRef(ref, clusters + 1_000, 'POOL');
        const use = { ...idle(ref), inUse: true };
        await bench.wait(bench.provider.ensureSet(use, set, 'ONLINE', step(1)));
        expect((await look(ref)).marks ?? ['turn-1']).toEqual(['turn-1']);
        const [next, from] = [newRef(), { kind: 'SET', set } as const];
        const made = await bench.wait(bench.provider.ensureCluster(next, from, step(1)));
        expect(made.marks ?? []).toEqual([]);
        await handOver(next, step(1));
        expect((await run(next, ['cat', FILE])).stdout).toBe('saved');
      },
    ],
  ];
  const leftOut = cases.filter(([, applies]) => !applies).map(([name]) => name);
  test.each(cases.filter(([, applies]) => applies))('%s', (_name, _applies, body) => body());
  if (leftOut.length > 0) console.info(`${subject.name} has no capability for: ${leftOut.join()}`);
});

const missing = UNDER_TEST.filter((subject) => subject.missing !== null);
test.skipIf(missing.length > 0)('this host has all that is needed (needs all of it)', () => {
  expect(POSSIBLE).toEqual(UNDER_TEST);
});
for (const subject of missing) {
  console.info(`not tested here: ${subject.name}, because ${subject.missing}`);
}

function expectAnswering(ref: ClusterRef, { vms }: Sighting): void {
  const seen = vms.map(({ role, name, exists, answers }) => ({ role, name, exists, answers }));
  const wanted = ref.vms.map(({ role, name }) => ({ role, name, exists: true, answers: true }));
  expect(seen).toEqual(wanted);
}

async function expectRefused(work: Promise<unknown>): Promise<void> {
  const outcome: unknown = await work.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ProviderError);
  expect(outcome).toMatchObject({ retryable: false });
}
