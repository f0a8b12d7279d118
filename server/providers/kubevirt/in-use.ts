import { ProviderError, type ClusterRef, type Step } from '../provider.ts';
import { forgetMarks, notedMarks, putMarksBack } from './guest-traces.ts';
import type { Host } from './host.ts';
import { machinesOf, type Machine } from './machines.ts';
import { startAll } from './power.ts';
import { forgetKeys, notedKeys, putKeysBack } from './session-keys.ts';
import { refuseWhileTaken } from './shots.ts';
import { until } from './until.ts';
import { endOf } from './within.ts';

/**
 * What guests are made to forget for their snapshots, by their VMs. Those that somebody uses get
 * it back, however the capture ends: else their owner is locked out, and no reset proven.
 */
export interface Traces {
  readonly marks: Map<string, readonly string[]>;
  readonly keys: Map<string, string>;
}

/** How often guests are tried that are still booting. */
const AGAIN_MS = 5_000;

/** What passes before this one took away, as they noted. */
export function tracesNoted(step: Step): Traces {
  return { marks: new Map(notedMarks(step)), keys: new Map(notedKeys(step)) };
}

/** Takes the traces away; they are kept one by one, for whoever fails half-way. */
export async function forgetTraces(
  host: Host,
  machines: readonly Machine[],
  { marks, keys }: Traces,
  step: Step,
): Promise<void> {
  await forgetMarks(host, machines, step, marks);
  await forgetKeys(host, machines, step, keys);
}

/** Gives the traces back to guests that answer. */
export async function putTracesBack(
  host: Host,
  machines: readonly Machine[],
  { marks, keys }: Traces,
  step: Step,
): Promise<void> {
  await putMarksBack(host, machines, marks, step);
  await putKeysBack(host, machines, keys, step);
}

/**
 * Has the guests of a failed capture run, and gives their traces back as soon as they take them.
 * Not before what was begun of the snapshots is over: they would hold the keys then.
 */
export async function makeWhole(
  host: Host,
  ref: ClusterRef,
  traces: Traces,
  assertOurs: (step: Step) => Promise<void>,
  step: Step,
): Promise<void> {
  if (traces.marks.size === 0 && traces.keys.size === 0) return;
  let last: string | undefined;
  const wait = {
    what: `the guests of ${ref.name} to take back what they had`,
    signal: step.signal,
    deadline: endOf(host, step),
    everyMs: AGAIN_MS,
    detail: () => last,
  };
  await startAll(host, ref, step);
  await until(host, [], wait, async () => {
    await assertOurs(step);
    try {
      await refuseWhileTaken(host, ref, step);
      await putTracesBack(host, await machinesOf(host, ref, step), traces, step);
      return true;
    } catch (error) {
      if (step.signal.aborted || !(error instanceof ProviderError)) throw error;
      last = error.reason;
      return undefined;
    }
  });
}
