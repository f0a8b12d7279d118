import { insist } from '../insist.ts';
import { removeOne } from '../leftovers.ts';
import { nameOf, VMIS, VMS, type AnyObject } from '../objects.ts';
import { viewOfOurs } from '../our-views.ts';
import { until } from '../until.ts';
import { endOf } from '../within.ts';
import { isRestoredBy, type Attempt, type Rung } from './rung.ts';
import { switchOff } from './switch-off.ts';

/**
 * The VMs are deleted, and made again from their snapshots under the same names. It asks nothing
 * of what was there, so it also helps where a VM is gone or is another than the one captured.
 * The VMs that it makes are others, too: the set then goes onto them by this rung only.
 */
export const RECREATE: Rung = {
  name: 'recreate from snapshot',
  limitMs: 480_000,
  volumes: undefined,
  obstacle: () => undefined,
  clear: async (attempt, machines) => {
    const old = machines.filter(({ vm }) => !isRestoredBy(attempt, vm));
    await switchOff(attempt, old);
    const vms = new Map(old.map(({ vm }) => [vm.metadata.uid, vm]));
    await deleteAll(attempt, [...vms.values()]);
  },
};

async function deleteAll({ host, step }: Attempt, vms: readonly AnyObject[]): Promise<void> {
  if (vms.length === 0) return;
  step.progress('deleting machines');
  await Promise.all(vms.map((vm) => removeOne(host, VMS, vm, step)));
  const wait = {
    what: `${vms.map(({ metadata }) => metadata.name).join(' and ')} to be gone`,
    signal: step.signal,
    deadline: endOf(host, step),
  };
  const views = [viewOfOurs(host, VMS, step), viewOfOurs(host, VMIS, step)];
  await until(host, views, wait, () =>
    insist(host, step, wait.what, async () => {
      const gone = await Promise.all(
        vms.map(async (vm) => {
          const vmi = await host.kubernetes.get(VMIS, nameOf(vm), step.signal);
          const now = await host.kubernetes.get(VMS, nameOf(vm), step.signal);
          return vmi === undefined && now?.metadata.uid !== vm.metadata.uid;
        }),
      );
      return gone.every(Boolean) ? true : undefined;
    }),
  );
}
