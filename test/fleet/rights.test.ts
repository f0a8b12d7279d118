import { expect, it } from 'vitest';
import { RIGHTS, type Right } from '../../server/providers/kubevirt/rights.ts';
import type { Fleet } from '../kit/fleet.ts';
import { claim, clusterOf, ended, release, served, until } from '../kit/pool-under-test.ts';
import { runIn } from './deeds.ts';
import { fleetPerTest } from './fleet-per-test.ts';

// The account has just the rights of the manifest, and a whole life of a pool is played with it:
// the image, snapshots, a base cluster, a session, resets by two rungs, and the end of it all.

const RULES = RIGHTS.map(({ group, resource, verbs }) => {
  return { apiGroups: [group], resources: [resource], verbs };
});

/** Not asked in a life without mishaps, or asked by KubeVirt and CDI in our name. */
const UNSEEN = [
  'patch resourcequotas', // mends one that somebody changed
  'patch services', // the same
  'list events', // for the reason of a failure
  'get virtualmachineinstances/portforward', // streams are no requests of objects
  'get virtualmachineinstances/console',
  'get virtualmachineinstances/vnc',
  'create datavolumes/source', // a review by CDI
];

/** What every account may do: find out what there is and how old it is, and what it may. */
const OPEN = /^\w+ \/|reviews$|^get version$/;

const open = fleetPerTest();

it('asks for no more than the role of the manifest, and for all of it', async () => {
  const asked = new Set<string>();
  const fleet = await open({ rules: RULES });
  fleet.onRequest((_when, { verb, resource }) => {
    asked.add(`${verb} ${resource}`);
    return undefined;
  });
  await liveWholly(fleet);
  const granted = RIGHTS.flatMap(namesOf);
  const needed = RIGHTS.filter(({ need }) => need === 'POOL').flatMap(namesOf);
  expect([...asked].filter((one) => !OPEN.test(one) && !granted.includes(one))).toEqual([]);
  expect(needed.filter((one) => !asked.has(one) && !UNSEEN.includes(one))).toEqual([]);
}, 120_000);

function namesOf({ resource, verbs }: Right): string[] {
  return verbs.map((verb) => `${verb} ${resource}`);
}

async function liveWholly(fleet: Fleet): Promise<void> {
  const admin = fleet.as('admin');
  await fleet.addPool({ name: 'lab', size: 1 });
  await fleet.settled('lab', 1);
  await resetOnce(fleet);
  const base = await fleet.done(admin.createSnapshots({ pool: 'lab', baseCluster: true }));
  expect(await ended(fleet, base)).toMatchObject({ status: 'SUCCEEDED' });
  await fleet.done(admin.updateClusterPool({ name: 'lab', size: 2 }));
  await fleet.settled('lab', 2);
  loseOne(fleet);
  await resetOnce(fleet);
  await fleet.done(admin.deleteClusterPool('lab'));
  const { objects } = fleet.kubernetes;
  const left = (kind: string) => objects.list(kind).length;
  const labels = { 'cks.io/cluster-pool': 'true' };
  await until(fleet, () => objects.list('Namespace', { labels }).length === 0);
  await until(fleet, () => left('VirtualMachineSnapshot') + left('VirtualMachine') === 0);
}

async function resetOnce(fleet: Fleet): Promise<void> {
  const session = await served(fleet, await claim(fleet, 'lab'));
  expect(session.status).toBe('RUNNING');
  const { exitCode } = await runIn(fleet, session.clusterId, 'WORKER', ['true']);
  expect(exitCode).toBe(0);
  await release(fleet, session);
  await until(fleet, () => clusterOf(fleet, session.lastClusterId).status === 'AVAILABLE');
}

/** A VM that vanishes leaves the rungs that need it. */
function loseOne({ kubernetes }: Fleet): void {
  const [vm] = kubernetes.objects.list('VirtualMachine', { namespace: 'lab-1' });
  if (vm !== undefined) kubernetes.objects.remove(vm);
}
