/** A control plane of its own process: makes VMs as it is told, says so, and waits to be killed. */
import { existingFake, firecrackerOn } from '../../../kit/firecracker.ts';
import { microRef, microSet } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

const [folder = ''] = process.argv.slice(2);
const provider = await firecrackerOn(existingFake(folder));
const set = microSet(1);
await provider.ensureSet({ kind: 'IMAGE' }, set, 'OFFLINE', stepOf(1));
for (const name of ['awake', 'paused']) {
  await provider.ensureCluster(microRef(name), { kind: 'SET', set }, stepOf(1));
}
const cluster = microRef('awake');
await provider.wake(cluster, { id: 'session-1', owner: 'ada' }, stepOf(2));
const { signal } = stepOf(2);
const argv = ['sh', '-c', 'sleep 1; echo finished > /root/work'];
provider.run({ cluster, role: 'STANDALONE' }, argv, { signal }).catch(() => null);
await provider.run({ cluster, role: 'STANDALONE' }, ['true'], { signal });
// Killed while this is being made.
const half = provider.ensureCluster(
  microRef('half-made'),
  { kind: 'SET', set },
  {
    ...stepOf(1),
    progress: (name) => name === 'warm up' && console.log('ready'),
  },
);
half.catch(() => null);
setInterval(() => {}, 60_000);
