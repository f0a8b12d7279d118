import { createSimulator } from '../../../../server/providers/simulator/simulator.ts';
import { realWorld } from '../../../../server/world.ts';
import { clusterRef, stepOf } from '../../../kit/simulator.ts';

// A process that makes clusters and says so, one line each, until it is killed.

const [, , worldFile = '', from = '0'] = process.argv;
const simulator = createSimulator({ world: realWorld(), speed: Infinity, seed: 1, worldFile });
for (let number = Number(from); ; number += 1) {
  const cluster = clusterRef(`c-${number}`);
  await simulator.ensureCluster(cluster, { kind: 'IMAGE' }, stepOf(1));
  await simulator.mark(cluster, 'turn-1', stepOf(1));
  if (number % 3 === 0) await simulator.ensureGone({ kind: 'CLUSTER', ...cluster }, stepOf(1));
  await new Promise((resolve) => {
    process.stdout.write(`${number}\n`, resolve);
  });
}
