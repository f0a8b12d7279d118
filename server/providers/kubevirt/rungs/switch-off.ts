import type { Machine } from '../machines.ts';
import { stopAll } from '../power.ts';
import type { Attempt } from './rung.ts';

/** Switches the VMs off at once: what their guests have not written is not wanted. */
export function switchOff({ host, step }: Attempt, machines: readonly Machine[]): Promise<void> {
  return stopAll(host, machines, { graceful: false }, step);
}
