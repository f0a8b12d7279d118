import type { Step } from '../../provider.ts';
import type { Machine } from '../find-machines.ts';
import { insist } from '../insist.ts';
import { stopMachine } from '../machines.ts';
import { nameOf } from '../objects.ts';
import { together } from '../together.ts';
import type { Attempt } from './rung.ts';

/** Switches the VMs off at once: what their guests have not written is not wanted. */
export async function stopAll(
  { host, step }: Attempt,
  machines: readonly Machine[],
): Promise<void> {
  step.progress('stopping machines');
  await together(
    step,
    machines.map(({ vm }) => (by: Step) => {
      const name = nameOf(vm);
      return insist(host, by, `stopping ${name.name}`, () =>
        stopMachine(host, name, { graceful: false }, by),
      );
    }),
  );
}
