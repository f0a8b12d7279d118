import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ProviderError,
  type ClusterRef,
  type SetRef,
} from '../../../../server/providers/provider.ts';
import { openOutside, type Outside } from './outside.ts';

const PATIENCE_MS = 60_000;
describe('a reset', { timeout: PATIENCE_MS }, () => {
  let outside: Outside;
  let ref: ClusterRef;
  let set: SetRef;
  let fence = 1;
  /** How often VMs were looked at before this was told anything. */
  let looks = 0;
  let told: readonly string[] | undefined;

  beforeAll(async () => {
    outside = await openOutside({
      onRequest: (when, { verb, kind }) => {
        const isLook = when === 'BEFORE' && verb === 'list' && kind === 'VirtualMachine';
        if (isLook && told?.length === 0) looks += 1;
        return undefined;
      },
    });
    ({ ref, set } = await outside.golden('a'));
  }, PATIENCE_MS);
  beforeEach(() => {
    outside.kubernetes.mishaps.clear();
    fence += 1;
  });
  afterAll(() => outside.close(), PATIENCE_MS);

  /** Makes the restores of these tries hang for ever, as some do that say nothing. */
  const hang = (...tries: number[]) => {
    for (const each of tries) {
      outside.kubernetes.mishaps.add({ name: 'restore-hangs', object: `cp-a-*-t${each}` });
    }
  };
  const expectNothingLeft = () => {
    expect(outside.names('VirtualMachineRestore', ref.namespace)).toEqual([]);
    expect(outside.names('DataVolume', ref.namespace)).toEqual([]);
    expect(outside.names('PersistentVolumeClaim', ref.namespace)).toHaveLength(2);
    expect(outside.names('VirtualMachineSnapshot', ref.namespace)).toEqual(['cp-snap', 'wk-snap']);
    expect(outside.names('VirtualMachine', ref.namespace)).toEqual(['cp-a', 'wk-a']);
  };
  const uids = () =>
    outside.kubernetes.objects
      .list('VirtualMachine', { namespace: ref.namespace })
      .map(({ metadata }) => metadata.uid);

  test('leaves nothing behind, however often', async () => {
    const vms = uids();
    for (const last = fence + 3; fence < last; fence += 1) {
      await outside.dirty(ref);
      const by = outside.step(fence);
      expect((await outside.reset(ref, set, by)).rung).toBe('restore beside');
      expect(await outside.isClean(ref)).toBe(true);
      expectNothingLeft();
    }
    expect(uids()).toEqual(vms);
  });

  test.each([500, 12_000, 70_000])(
    'killed after %d ms is finished by the next, whoever that is',
    async (ms) => {
      for (const takesOver of [false, true]) {
        await outside.dirty(ref);
        const first = outside.step((fence += 1), { signal: outside.abortAfter(ms) });
        await outside.reset(ref, set, first).catch((error: unknown) => error);
        const next = takesOver
          ? outside.step((fence += 1))
          : outside.step(fence, { notes: first.notes });
        await outside.reset(ref, set, next);
        expect(await outside.isClean(ref)).toBe(true);
        expectNothingLeft();
      }
    },
  );

  test('that hangs twice goes on in place, and says why', async () => {
    hang(1, 2);
    await outside.dirty(ref);
    const by = outside.step(fence);
    expect((await outside.reset(ref, set, by)).rung).toBe('restore in place');
    expect(by.told).toContainEqual(
      expect.stringMatching(/^restore in place, because restore beside: .*cp-a to be restored/),
    );
    expect(await outside.isClean(ref)).toBe(true);
    expectNothingLeft();
    outside.kubernetes.mishaps.clear();
    const again = await outside.reset(ref, set, outside.step((fence += 1)));
    expect(again.rung).toBe('restore beside');
    expectNothingLeft();
  });

  test('of a cluster with a VM that somebody deleted makes both VMs anew', async () => {
    const vms = uids();
    const vm = outside.kubernetes.objects.get('VirtualMachine', ref.namespace, 'wk-a');
    if (vm !== undefined) outside.kubernetes.objects.remove(vm);
    await outside.dirty(ref).catch(() => undefined);
    const by = outside.step(fence);
    const result = await outside.reset(ref, set, by);
    expect(result.rung).toBe('recreate from snapshot');
    expect(by.told.join('\n')).toMatch(/because .*the VM wk-a is (gone|being deleted)/);
    expect(await outside.isClean(ref)).toBe(true);
    expectNothingLeft();
    expect(uids().filter((uid) => vms.includes(uid))).toEqual([]);
  });

  test('of VMs that were made anew makes them anew again', async () => {
    await outside.dirty(ref);
    const by = outside.step(fence);
    ({ told } = by);
    const result = await outside.reset(ref, set, by);
    // What is ruled out is not tried: one look for each rung.
    expect(looks).toBe(3);
    expect(result.rung).toBe('recreate from snapshot');
    const why = by.told.filter((line) => line.includes('because'));
    expect(why).toEqual([expect.stringMatching(/is not the VM that its snapshot was taken of$/)]);
    expect(await outside.isClean(ref)).toBe(true);
    expectNothingLeft();
    expect(await outside.reset(ref, set, outside.step(fence, { notes: by.notes }))).toEqual(result);
  });

  test.each([9_000, 25_000])(
    'that makes VMs anew and is killed after %d ms is finished by the next',
    async (ms) => {
      await outside.dirty(ref);
      const first = outside.step(fence, { signal: outside.abortAfter(ms) });
      await outside.reset(ref, set, first).catch((error: unknown) => error);
      await outside.reset(ref, set, outside.step(fence, { notes: first.notes }));
      expect(await outside.isClean(ref)).toBe(true);
      expectNothingLeft();
    },
  );

  test('for which no rung is left says what each of them said', async () => {
    outside.kubernetes.mishaps.add({ name: 'restore-hangs', object: 'cp-a-*', times: 0 });
    const by = outside.step(fence);
    const outcome: unknown = await outside.reset(ref, set, by).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(ProviderError);
    expect(String(outcome)).toMatch(/restore beside: .*; restore in place: .*; recreate/);
    outside.kubernetes.mishaps.clear();
    const next = outside.step(fence, { notes: by.notes });
    expect((await outside.reset(ref, set, next)).rung).toBe('recreate from snapshot');
    expect(await outside.isClean(ref)).toBe(true);
    expectNothingLeft();
  });

  test('to a set of which something was lost is refused', async () => {
    const { objects } = outside.kubernetes;
    const lost = objects.get('VirtualMachineSnapshot', ref.namespace, 'wk-snap');
    if (lost !== undefined) objects.remove(lost);
    const by = outside.step(fence);
    const outcome: unknown = await outside.reset(ref, set, by).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ retryable: false });
    expect(by.notes.size).toBe(0);
  });
});

describe.each([
  [6, 'restore in place'],
  [5, 'recreate from snapshot'],
] as const)('a reset on KubeVirt 1.%d', { timeout: PATIENCE_MS }, (minor, second) => {
  test('goes on as far as the release can', async () => {
    const outside = await openOutside({ kubevirt: { major: 1, minor } });
    const { ref, set } = await outside.golden('a');
    await outside.dirty(ref);
    expect((await outside.reset(ref, set, outside.step(2))).rung).toBe('restore beside');
    outside.kubernetes.mishaps.add({ name: 'restore-hangs', object: 'wk-a-*', times: 2 });
    await outside.dirty(ref);
    const by = outside.step(3);
    expect((await outside.reset(ref, set, by)).rung).toBe(second);
    expect(await outside.isClean(ref)).toBe(true);
    expect(outside.names('PersistentVolumeClaim', ref.namespace)).toHaveLength(2);
    expect(outside.names('VirtualMachineRestore', ref.namespace)).toEqual([]);
    if (minor < 6) expect(by.told.join()).toContain('KubeVirt 1.5 cannot restore in place');
    await outside.close();
  });
});
