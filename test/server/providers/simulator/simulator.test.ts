import { expect, test } from 'vitest';
import { createSimulator } from '../../../../server/providers/simulator/simulator.ts';
import { clusterRef, idle, setRef, stepOf } from '../../../kit/simulator.ts';
import { virtualWorld } from '../../../kit/virtual-world.ts';

const withinMs = 3_600_000;

test('a cluster is made, captured, marked, used and reset', async () => {
  const world = virtualWorld({ seed: 1 });
  const simulator = createSimulator({ world, speed: 1, seed: 1, worldFile: null });
  const cluster = clusterRef('cluster1');
  const set = setRef(cluster, 1, 'CLUSTER');
  const { signal } = new AbortController();
  const steps = async () => {
    const made = await simulator.ensureCluster(cluster, { kind: 'IMAGE' }, stepOf(1));
    expect(made.vms.map((vm) => [vm.phase, vm.answers, vm.origin])).toEqual([
      ['RUNNING', true, 'COLD_BOOT'],
      ['RUNNING', true, 'COLD_BOOT'],
    ]);
    const [controlPlane] = await simulator.ensureSet(idle(cluster), set, 'OFFLINE', stepOf(2));
    expect(controlPlane?.k8sVersion).toBe('v1.33.0');
    await simulator.mark(cluster, 'turn-1', stepOf(3));
    const vm = { cluster, role: 'WORKER' } as const;
    await simulator.run(vm, ['tee', '/root/secret'], { stdin: 'mine', signal });
    expect((await simulator.look(cluster, signal)).marks).toEqual(['turn-1']);
    const reset = await simulator.ensureReset(cluster, set, stepOf(4));
    expect(reset.rung).toBe('restore in place');
    expect(reset.sighting.marks).toEqual([]);
    const { exitCode } = await simulator.run(vm, ['cat', '/root/secret'], { signal });
    expect(exitCode).toBe(1);
    await simulator.ensureGone({ kind: 'CLUSTER', ...cluster }, stepOf(5));
    expect(await simulator.list(signal)).toEqual([]);
  };
  await world.finish(steps(), { withinMs });
  await simulator.close();
  expect(world.pendingTimers()).toEqual([]);
});
