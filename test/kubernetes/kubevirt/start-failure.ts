import type { Simulated } from '../ports.ts';
import { stamp } from './conditions.ts';
import { isFinal, runStrategyOf, type StartFailure, type Vm, type Vmi } from './shapes.ts';

/** No start is held back for longer. */
const MOST_SECONDS = 300;

/**
 * How often in a row instances failed before they ran. The n-th failure holds the next start back
 * for 10 n² seconds and up to half as much again.
 */
export function nextStartFailure(
  sim: Simulated,
  vm: Vm,
  vmi: Vmi | undefined,
): StartFailure | undefined {
  const before = vm.status?.startFailure;
  const hasRun = vmi?.status?.phaseTransitionTimestamps?.some(({ phase }) => phase === 'Running');
  const isRerun = ['Always', 'RerunOnFailure', 'Once'].includes(runStrategyOf(vm));
  if (hasRun === true || !isRerun) return undefined;
  if (vmi === undefined || !isFinal(vmi)) return before;
  const { uid } = vmi.metadata;
  if (before?.lastFailedVMIUID === uid) return before;
  const count = (before?.consecutiveFailCount ?? 0) + 1;
  const most = 10 * count ** 2;
  const seconds = Math.floor(sim.draw(`start back-off ${uid}`, [most, most * 1.5]));
  const delay = Math.min(seconds, MOST_SECONDS) * 1_000;
  const retryAfterTimestamp = stamp(sim.world, delay);
  return { consecutiveFailCount: count, lastFailedVMIUID: uid, retryAfterTimestamp };
}
