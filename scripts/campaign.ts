/**
 * Runs a test at full length:
 * `npm run check:failpoints -- --seeds 3` kills at every point of the story, for each seed in
 * another order of what is ready;
 * `npm run check:kill -- --cycles 100 --seed 1` kills the real server so often;
 * `npm run check:kubevirt -- --seeds 2` kills a server before a simulated KubeVirt at every request
 * by which it changes something and at every commit, for each seed in another order;
 * `npm run check:kubevirt-faults -- --seeds 3` lets every fault of a simulated KubeVirt strike at
 * every moment, and for each seed many of them a pool of twenty clusters;
 * `node bin/run.js scripts/campaign.ts provider-faults` lets every kind of fault strike at every
 * step of the simulator;
 * `npm run check:vms -- --cycles 20 --seed 1` kills the server as often over real VMs, damages
 * their sets, fills their disk, and ends their processes and guests;
 * `npm run check:spawns -- --seeds 1` spawns a thousand VMs while sets are replaced;
 * `npm run check:hostile -- --documents 10000 --seed 1` sends so many documents in bad faith.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const CAMPAIGNS = new Map([
  ['failpoints', 'test/server/failpoints.test.ts'],
  ['kill', 'test/story/kill.test.ts'],
  ['kubevirt', 'test/fleet/kill.long.test.ts test/contract/kubevirt-1-5.test.ts'],
  ['kubevirt-faults', 'test/fleet/faults.test.ts test/fleet/burst.long.test.ts'],
  ['provider-faults', 'test/server/failing-provider.test.ts'],
  ['spawns', 'test/server/reconcilers/turnover.test.ts'],
  ['vms', 'test/story/vm-kill.test.ts test/story/vm-damage.test.ts test/story/vm-ends.test.ts'],
  ['hostile', 'test/security/hostile.test.ts'],
]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string' },
    cycles: { type: 'string' },
    documents: { type: 'string' },
  },
});
const [name = ''] = positionals;
const file = CAMPAIGNS.get(name);
if (file === undefined) {
  throw new Error(`no such campaign: ${name}. Campaigns: ${[...CAMPAIGNS.keys()].join(', ')}`);
}
const env = {
  ...process.env,
  SNAPYARD_CAMPAIGN: name,
  SNAPYARD_SEED: values.seed,
  SNAPYARD_SEEDS: values.seeds ?? values.cycles ?? values.documents ?? '1',
};
const args = ['node_modules/vitest/vitest.mjs', 'run', ...file.split(' ')];
process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit', env }).status ?? 1;
