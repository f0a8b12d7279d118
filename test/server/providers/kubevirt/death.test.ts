import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterRef, SetRef } from '../../../../server/providers/provider.ts';
import { clusterRef, idle, setRef, type TestStep } from '../../../kit/simulator.ts';
import { openOutside, type Outside } from './outside.ts';

const PATIENCE_MS = 600_000;

/** Every so many writing requests one is the last; `SNAPYARD_DEATHS=1` tries each of them. */
const STRIDE = Number(process.env['SNAPYARD_DEATHS'] ?? 9);

describe('a worker that is killed at a request', { timeout: PATIENCE_MS }, () => {
  let outside: Outside;
  let ref: ClusterRef;
  let set: SetRef;
  let fence = 1;
  /** Kills the worker at the request of this number, before or after it is obeyed. */
  let deadly: { at: number; when: 'BEFORE' | 'AFTER'; kill: () => void } | undefined;
  let seen = 0;
  /** Nothing that a dead worker would still send arrives. */
  let isDead = false;

  beforeAll(async () => {
    outside = await openOutside({
      onRequest: (when, { verb }) => {
        if (isDead) return 'RESET';
        if (deadly === undefined || when !== deadly.when) return undefined;
        if (['get', 'list', 'watch'].includes(verb)) return undefined;
        seen += 1;
        if (seen < deadly.at) return undefined;
        deadly.kill();
        deadly = undefined;
        isDead = true;
        return 'RESET';
      },
    });
    ({ ref, set } = await outside.golden('a'));
  }, PATIENCE_MS);
  afterAll(() => outside.close(), PATIENCE_MS);

  /** Does the work of a step that dies at a request; answers whether it came so far. */
  async function dieAt(
    at: number,
    when: 'BEFORE' | 'AFTER',
    work: (by: TestStep) => Promise<unknown>,
  ): Promise<TestStep | undefined> {
    const controller = new AbortController();
    seen = 0;
    deadly = { at, when, kill: () => controller.abort(new Error('killed')) };
    const by = outside.step(fence, { signal: controller.signal });
    await work(by).catch((error: unknown) => error);
    deadly = undefined;
    isDead = false;
    return controller.signal.aborted ? by : undefined;
  }

  test.each(['BEFORE', 'AFTER'] as const)('%s it was obeyed: a reset', async (when) => {
    for (let at = 1; ; at += STRIDE) {
      fence += 1;
      await outside.dirty(ref);
      const by = await dieAt(at, when, (step) => outside.reset(ref, set, step));
      if (by === undefined) return;
      const { rung } = await outside.reset(ref, set, outside.step(fence, { notes: by.notes }));
      expect(rung).toBe('restore beside');
      expect(await outside.isClean(ref)).toBe(true);
      expect(outside.names('VirtualMachineRestore', ref.namespace)).toEqual([]);
      expect(outside.names('PersistentVolumeClaim', ref.namespace)).toHaveLength(2);
    }
  });

  test.each(['BEFORE', 'AFTER'] as const)('%s it was obeyed: a capture', async (when) => {
    for (let at = 1; ; at += STRIDE) {
      const wanted = setRef(ref, (fence += 1), 'CLUSTER');
      const take = (step: TestStep) =>
        outside.done(outside.provider.ensureSet(idle(ref), wanted, 'OFFLINE', step));
      const by = await dieAt(at, when, take);
      if (by === undefined) return;
      expect(await take(outside.step(fence, { notes: by.notes }))).toHaveLength(2);
      const { signal } = outside.step(0);
      const { vms } = await outside.done(outside.provider.look(ref, signal));
      expect(vms.map(({ answers }) => answers)).toEqual([true, true]);
    }
  });

  test('a capture for the pool, and a cluster made of it', async () => {
    for (let at = 1; ; at += STRIDE) {
      const wanted = setRef(ref, (fence += 1), 'POOL');
      const source = { kind: 'CLUSTER', cluster: ref, inUse: true } as const;
      const take = (step: TestStep) =>
        outside.done(outside.provider.ensureSet(source, wanted, 'ONLINE', step));
      const own = outside.names('VirtualMachineSnapshot', ref.namespace);
      const by = await dieAt(at, 'AFTER', take);
      if (by === undefined) break;
      expect(await take(outside.step(fence, { notes: by.notes }))).toHaveLength(2);
      expect(outside.names('VirtualMachineSnapshot', ref.namespace)).toEqual(own);
      expect(outside.names('VirtualMachine', 'vm-templates')).toHaveLength(2);
      expect(outside.names('PersistentVolumeClaim', 'vm-templates')).toHaveLength(3);
      const copy = clusterRef(`copy-${fence}`);
      const make = (step: TestStep) =>
        outside.done(outside.provider.ensureCluster(copy, { kind: 'SET', set: wanted }, step));
      const made = await dieAt(at, 'AFTER', make);
      const { vms } = await make(outside.step(fence, { notes: made?.notes ?? new Map() }));
      expect(vms.map(({ answers }) => answers)).toEqual([true, true]);
      expect(outside.names('PersistentVolumeClaim', copy.namespace)).toHaveLength(2);
      const { id, name, poolId } = copy;
      const goner = { kind: 'CLUSTER', id, name, poolId } as const;
      await outside.done(outside.provider.ensureGone(goner, outside.step(fence)));
      const set = { kind: 'SET', id: wanted.id, name: 'set', poolId } as const;
      await outside.done(outside.provider.ensureGone(set, outside.step(fence)));
    }
  });
});
