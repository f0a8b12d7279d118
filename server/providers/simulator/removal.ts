import type { OutsideObject, Step } from '../provider.ts';
import { actOn, pause, perform } from './act.ts';
import { admit, findCluster, findSet, refuseForeign, writeCluster } from './simulation.ts';
import type { Simulation } from './simulation.ts';
import { switchedOff } from './vm.ts';

/** Removes a cluster with its sets, or a set. Absent is success. */
export function removeObject(sim: Simulation, object: OutsideObject, step: Step): Promise<void> {
  const target = { id: object.kind === 'CLUSTER' ? object.id : null, name: object.name };
  const act = actOn(sim, 'remove', target, step.signal);
  return sim.slots.hold(act.signal, () =>
    perform(sim, act, 'delete', async (slowness) => {
      await pause(sim, act, sim.latency('ask', object.id));
      const ms = sim.latency('remove', object.id) * slowness;
      const order = object.kind === 'CLUSTER' ? deleteCluster : deleteSet;
      for (;;) {
        const goneAt = order(sim, object.id, step, ms);
        if (goneAt === undefined) return;
        await pause(sim, act, goneAt - sim.now());
      }
    }),
  );
}

/** Orders a cluster's deletion; answers when it will be gone, undefined when it is. */
function deleteCluster(sim: Simulation, id: string, step: Step, ms: number): number | undefined {
  const cluster = findCluster(sim, id);
  if (cluster === undefined) return undefined;
  admit(cluster, step);
  if (cluster.goneAt !== null) return cluster.goneAt;
  const goneAt = sim.now() + Math.round(ms);
  const vms = cluster.vms.map((vm) => switchedOff(vm, sim.now(), Math.round(ms)));
  writeCluster(sim, { ...cluster, vms, goneAt }, step);
  return goneAt;
}

function deleteSet(sim: Simulation, id: string, step: Step, ms: number): number | undefined {
  const set = findSet(sim, id);
  if (set === undefined) return undefined;
  refuseForeign(set, step);
  if (set.goneAt !== null) return set.goneAt;
  const goneAt = sim.now() + Math.round(ms);
  sim.outside.change({ set: { ...set, goneAt, at: sim.now() } });
  return goneAt;
}
