import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterRef, SetRef } from '../../../../server/providers/provider.ts';
import type { Fault } from '../../../kubernetes/api/faults.ts';
import { openOutside, type Outside } from './outside.ts';

const PATIENCE_MS = 60_000;

/** What happens to a reset, and how it must end though it does. */
const FAULTS: readonly [what: string, rung: RegExp, plan: (outside: Outside) => void][] = [
  ['an API server that is gone for a minute', /./, ({ kubernetes }) => kubernetes.goAway(60_000)],
  ['a storm of errors', /beside/, strike({ does: 'ANSWER', status: 500, times: 40, chance: 0.5 })],
  [
    'being told to come back later',
    /beside/,
    strike({ does: 'ANSWER', status: 429, retryAfterSeconds: 3, times: 15, chance: 0.5 }),
  ],
  [
    'a restore whose creation is obeyed but not answered',
    /beside/,
    strike({
      kind: 'VirtualMachineRestore',
      verb: 'create',
      does: 'RESET',
      when: 'AFTER',
      times: 2,
    }),
  ],
  [
    'a webhook that does not answer',
    /./,
    strike({ kind: 'VirtualMachineRestore', verb: 'create', does: 'WEBHOOK_DOWN', times: 6 }),
  ],
  ['a start refused with 409', /beside/, befall('start-refused-409')],
  ['a start refused with 500', /beside/, befall('start-refused-500')],
  ['watches that send nothing', /beside/, strike({ verb: 'watch', does: 'SILENT', times: 6 })],
  ['watches that expire', /beside/, strike({ verb: 'watch', does: 'EXPIRE', times: 6 })],
  ['a restore that fails', /beside/, befall('restore-fails')],
  ['a restore that only gives a reason', /beside/, befall('restore-error-reason')],
  ['a claim that stays pending', /./, befall('claim-pending')],
];

describe('a reset is finished in spite of', { timeout: PATIENCE_MS }, () => {
  let outside: Outside;
  let ref: ClusterRef;
  let set: SetRef;
  let fence = 1;

  beforeAll(async () => {
    outside = await openOutside();
    ({ ref, set } = await outside.golden('a'));
  }, PATIENCE_MS);
  beforeEach(() => {
    outside.kubernetes.mishaps.clear();
    outside.kubernetes.faults.clear();
    fence += 1;
  });
  afterAll(() => outside.close(), PATIENCE_MS);

  test.each(FAULTS)('%s', async (_what, rung, plan) => {
    await outside.dirty(ref);
    plan(outside);
    const result = await outside.reset(ref, set, outside.step(fence));
    expect(result.rung).toMatch(rung);
    outside.kubernetes.faults.clear();
    expect(await outside.isClean(ref)).toBe(true);
    expect(outside.names('VirtualMachineRestore', ref.namespace)).toEqual([]);
    expect(outside.names('PersistentVolumeClaim', ref.namespace)).toHaveLength(2);
  });
});

function strike(fault: Fault): (outside: Outside) => void {
  return ({ kubernetes }) => void kubernetes.faults.add(fault);
}

function befall(name: string): (outside: Outside) => void {
  return ({ kubernetes }) => void kubernetes.mishaps.add({ name, object: 'wk-a*' });
}
