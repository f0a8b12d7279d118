import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterRef, SetRef } from '../../../../server/providers/provider.ts';
import { idle, setRef, type TestStep } from '../../../kit/simulator.ts';
import { openOutside, type Outside } from './outside.ts';

const PATIENCE_MS = 600_000;

/** Every so many writing requests one is the last; `SNAPYARD_DEATHS=1` tries each of them. */
const STRIDE = Number(process.env['SNAPYARD_DEATHS'] ?? 5);

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
});
