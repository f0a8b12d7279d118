/** A control plane of its own process: makes VMs as it is told, says so, and waits to be killed. */
import { microRef, microSet, qemuOn } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';
import { typistAt } from '../../../kit/typist.ts';

const [folder = ''] = process.argv.slice(2);
const provider = await qemuOn(folder);
const set = microSet(1);
await provider.ensureSet({ kind: 'IMAGE' }, set, 'OFFLINE', stepOf(1));
for (const name of ['awake', 'paused']) {
  await provider.ensureCluster(microRef(name), { kind: 'SET', set }, stepOf(1));
}
const cluster = microRef('awake');
await provider.wake(cluster, { id: 'session-1', owner: 'ada' }, stepOf(2));
const { signal } = stepOf(2);
const line = typistAt(await provider.open({ cluster, role: 'STANDALONE' }, 'SERIAL', signal));
line.type('\r');
await line.until(/# /);
line.type('typed=before\r');
await line.until(/# /);
const argv = ['sh', '-c', 'echo begun; sleep 1; echo finished > /root/work'];
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
