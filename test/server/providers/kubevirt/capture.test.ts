import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ProviderError,
  type ClusterRef,
  type SetRef,
  type Sighting,
} from '../../../../server/providers/provider.ts';
import { clusterRef, idle, setRef } from '../../../kit/simulator.ts';
import { openOutside, type Outside } from './outside.ts';

const PATIENCE_MS = 60_000;

describe('a set', { timeout: PATIENCE_MS }, () => {
  let outside: Outside;
  let ref: ClusterRef;
  let number = 1;

  beforeAll(async () => {
    outside = await openOutside();
    ref = clusterRef('a');
    const by = outside.step(1);
    await outside.done(outside.provider.ensureCluster(ref, { kind: 'IMAGE' }, by));
  }, PATIENCE_MS);
  beforeEach(() => {
    outside.kubernetes.mishaps.clear();
    number += 1;
  });
  afterAll(() => outside.close(), PATIENCE_MS);

  const ownSet = () => setRef(ref, number, 'CLUSTER');
  const look = (of: ClusterRef) =>
    outside.done(outside.provider.look(of, new AbortController().signal));
  const take = (set: SetRef, by = outside.step(1), mode: 'OFFLINE' | 'ONLINE' = 'OFFLINE') =>
    outside.done(outside.provider.ensureSet(idle(ref), set, mode, by));
  const failure = (work: Promise<unknown>) => work.catch((error: unknown) => error);
  const expectAnswering = ({ vms }: Sighting) =>
    expect(vms.map(({ exists, answers }) => ({ exists, answers }))).toEqual([
      { exists: true, answers: true },
      { exists: true, answers: true },
    ]);
  const befall = (name: string, times = 0) =>
    outside.kubernetes.mishaps.add({ name, object: 'wk-snap-*', times });

  test.each(['OFFLINE', 'ONLINE'] as const)('is captured %s, and told of', async (mode) => {
    const captured = await take(ownSet(), outside.step(1), mode);
    expect(captured.map(({ role }) => role)).toEqual(['CONTROL_PLANE', 'WORKER']);
    for (const { sizeBytes, k8sVersion } of captured) {
      expect(sizeBytes).toBe(10 * 2 ** 30);
      expect(k8sVersion).toMatch(/^v1/);
    }
    expectAnswering(await look(ref));
    expect(outside.names('VirtualMachineSnapshot', 'vm-templates')).toEqual([]);
  });

  test.each([
    ['excluded-disk', /without the disks rootdisk/, false],
    ['snapshot-fails', /failed/, true],
    ['snapshot-never-ready', /not ready to be used/, true],
  ])('with %s is refused, and its machines run', async (mishap, reason, retryable) => {
    befall(mishap);
    const set = ownSet();
    const outcome = await failure(take(set));
    expect(outcome).toBeInstanceOf(ProviderError);
    expect(String(outcome)).toMatch(reason);
    expect(outcome).toMatchObject({ retryable });
    // They have been told to start, and are left to boot.
    await outside.world.advance(180_000);
    expectAnswering(await look(ref));
    const left = outside.names('VirtualMachineSnapshot', ref.namespace);
    expect(left.filter((name) => name.endsWith(`-${set.number}`))).toEqual([]);
  });

  test('of which one snapshot failed once is taken anew as a whole', async () => {
    befall('snapshot-fails', 1);
    const by = outside.step(1);
    expect(await take(ownSet(), by)).toHaveLength(2);
    expect(by.told).toContainEqual(expect.stringMatching(/^capturing again, because .*failed/));
    expectAnswering(await look(ref));
  });

  test('ONLINE of guests without an agent is refused', async () => {
    const bare = clusterRef('bare');
    outside.kubernetes.mishaps.add({ name: 'no-agent', object: '*-bare', times: 0 });
    const by = outside.step(1);
    await outside.done(outside.provider.ensureCluster(bare, { kind: 'IMAGE' }, by));
    const set = setRef(bare, number, 'CLUSTER');
    const work = outside.provider.ensureSet(idle(bare), set, 'ONLINE', by);
    const outcome = await failure(outside.done(work));
    expect(outcome).toMatchObject({ retryable: false });
    expect(String(outcome)).toContain('was not still while it was captured');
    expectAnswering(await look(bare));
  });

  test.each([2_000, 20_000, 45_000])('given up after %d ms is taken by the next', async (ms) => {
    const set = ownSet();
    await failure(take(set, outside.step(1, { signal: outside.abortAfter(ms) })));
    expect(await take(set)).toHaveLength(2);
    expectAnswering(await look(ref));
  });

  test('of a pool is captured from a cluster in use, and makes clusters', async () => {
    await outside.dirty(ref);
    const set = setRef(ref, number, 'POOL');
    const source = { kind: 'CLUSTER', cluster: ref, inUse: true } as const;
    const by = outside.step(2);
    await outside.done(outside.provider.mark(ref, 'turn-2', by));
    const own = outside.names('VirtualMachineSnapshot', ref.namespace);
    const captured = await outside.done(outside.provider.ensureSet(source, set, 'OFFLINE', by));
    expect(captured.map(({ k8sVersion }) => k8sVersion?.slice(0, 2))).toEqual(['v1', 'v1']);
    expect(outside.names('VirtualMachineSnapshot', ref.namespace)).toEqual(own);
    expect(outside.names('VirtualMachineSnapshot', 'vm-templates')).toHaveLength(2);
    expect(outside.names('VirtualMachineInstance', 'vm-templates')).toEqual([]);
    // Its next reset is still proven by its mark, which is no part of the set.
    const used = await look(ref);
    expectAnswering(used);
    expect(used.marks).toEqual(['turn-2']);
    // What its user had on the disks stays there, and is a part of the set.
    expect(await outside.isClean(ref)).toBe(false);
    const copy = clusterRef('copy');
    const made = await outside.done(
      outside.provider.ensureCluster(copy, { kind: 'SET', set }, outside.step(1)),
    );
    expectAnswering(made);
    expect(made.marks).toEqual([]);
    expect(made.vms.map(({ origin }) => origin)).toEqual(['SNAPSHOT', 'SNAPSHOT']);
    expect(await outside.isClean(copy)).toBe(false);
    await removeSet(set);
    expect(outside.names('VirtualMachine', 'vm-templates')).toEqual([]);
    expectAnswering(await look(copy));
  });

  test('of a pool is captured from the image, in the templates namespace', async () => {
    const set = setRef(ref, number, 'POOL');
    const by = outside.step(1);
    const work = outside.provider.ensureSet({ kind: 'IMAGE' }, set, 'OFFLINE', by);
    expect(await outside.done(work)).toHaveLength(2);
    const failed = outside.lines.filter((line) => line.startsWith('cleaning'));
    expect(failed.filter((line) => !/-wk-base: sudo kubectl/.test(line))).toEqual([]);
    expect(outside.names('VirtualMachine', 'vm-templates')).toEqual([
      expect.stringMatching(`^pool-[0-9a-f]{6}-${number}-cp-base$`),
      expect.stringMatching(`^pool-[0-9a-f]{6}-${number}-wk-base$`),
    ]);
    expect(outside.names('VirtualMachineInstance', 'vm-templates')).toEqual([]);
    expect(outside.names('Service', 'vm-templates')).toEqual([]);
    outside.kubernetes.mishaps.add({ name: 'clone-hangs', object: 'wk-late-*' });
    const late = clusterRef('late');
    const making = outside.step(1);
    const made = outside.provider.ensureCluster(late, { kind: 'SET', set }, making);
    expectAnswering(await outside.done(made));
    expect(making.told).toContainEqual(expect.stringMatching(/^clone claim, because clone snap/));
    await removeSet(set);
  });

  async function removeSet(set: SetRef): Promise<void> {
    const { id, poolId } = set;
    const object = { kind: 'SET', id, name: `set ${set.number}`, poolId } as const;
    await outside.done(outside.provider.ensureGone(object, outside.step(1)));
  }
});
