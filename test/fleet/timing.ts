/**
 * How long clusters of KUBEVIRT pools take before the simulated KubeVirt, in virtual time: from a
 * claim on an empty pool until the session runs, from the image and from a set, and from a release
 * until the cluster is free again. Beside it what it had to take (the critical path of the
 * simulated latencies), what polling took for the same work, and what was asked of the API.
 *
 *   npm run kubevirt:timing -- --seeds 5 --crowd 50
 */
// Loaded before virtual time begins, which does not wait for modules.
import '@kubernetes/client-node';
import 'ssh2';
import 'undici';
import { parseArgs } from 'node:util';
import { inWords, seconds } from './critical-path.ts';
import { playMany, playOurs, ratioOf, sumOf, type Measured } from './measure.ts';
import { playPolling, type Polled } from './polling.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    crowd: { type: 'string', default: '50' },
    verbose: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);

function line(seed: number, what: string, ours: Measured, polled: Polled | undefined): string {
  const parts = [
    `seed ${seed}`,
    what.padEnd(9),
    seconds(ours.totalMs).padStart(8),
    `critical path ${seconds(ours.path.ms)}`.padEnd(22),
    ratioOf(ours).toFixed(3),
    `${sumOf(ours.requests)} requests`,
  ];
  if (polled !== undefined) {
    parts.push(`| polling ${seconds(polled.totalMs)}, ${ratioOf(polled).toFixed(3)}`);
  }
  return parts.join('  ');
}

function requestsIn(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  return sorted.map(([what, count]) => `    ${count} ${what}`).join('\n');
}

for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
  const ours = await playOurs(seed);
  const polled = await playPolling(seed);
  console.log(line(seed, 'BOOTSTRAP', ours.bootstrap, polled.bootstrap));
  console.log(`  ${inWords(ours.bootstrap.path)}`);
  console.log(line(seed, 'SNAPSHOT', ours.snapshot, undefined));
  console.log(line(seed, 'reset', ours.reset, polled.reset));
  console.log(`seed ${seed}  idle       ${sumOf(ours.idle)} requests for a cluster in an hour`);
  if (values.verbose) {
    for (const what of ['bootstrap', 'snapshot', 'reset'] as const) {
      console.log(`  ${what}\n${requestsIn(ours[what].requests)}`);
    }
    console.log(`  idle\n${requestsIn(ours.idle)}`);
  }
}

const crowd = Number(values.crowd);
if (crowd > 0) {
  const { totalMs, longestMs, requests, failures } = await playMany(first, crowd);
  const each = (sumOf(requests) / crowd).toFixed(0);
  const perSecond = (sumOf(requests) / (totalMs / 1_000)).toFixed(1);
  console.log(
    `${crowd} clusters at once: ${seconds(totalMs)}, longest critical path ` +
      `${seconds(longestMs)}, ${failures} failed attempts, ${each} requests each, ` +
      `${perSecond} a second`,
  );
  if (failures > 0) process.exitCode = 1;
}
