import { expect, it, vi } from 'vitest';
import type { Store } from '../../db/store.ts';
import { parseGlobalId } from '../../schema/global-id.ts';
import { differences, Invariants } from '../kit/invariants.ts';
import { readAllRows } from '../kit/all-rows.ts';
import { seedsOf } from '../kit/campaign.ts';
import { ClaimingClient, type Held } from '../kit/claiming-client.ts';
import { whyNoVms } from '../kit/qemu.ts';
import { SavingClient } from '../kit/saving-client.ts';
import { seeded } from '../kit/seeded.ts';
import { Keeper } from '../kit/vm-keeper.ts';
import { inGuest, VmYard } from '../kit/vm-yard.ts';
import { listRecords } from '../../server/providers/vm-host/vm-record.ts';
import { isRunning } from '../../server/providers/vm-host/running-vm.ts';
import { makeFolders } from '../../server/providers/vm-host/folders.ts';
import { realWorld } from '../../server/world.ts';

/**
 * Clients claim, save and release real VMs while the server is killed, again and again; their VMs
 * live on, and in the end nothing is left that no row knows.
 */

vi.setConfig({ testTimeout: 7_200_000 });

const world = realWorld();
const missing = await whyNoVms();
const { all: campaign, seeds } = seedsOf('vms', 2);
const cycles = seeds.length;
const seed = campaign ? (seeds[0] ?? 1) : Math.floor(world.random() * 1e6);
const REST_MS = 180_000;

const POOLS = [
  // Its sets are soon stale, so that one is always being captured.
  { name: 'keep', size: 2, whenEmpty: 'QUEUE', snapshotMaxAgeSeconds: 60 },
  { name: 'make', size: 1, maxClusters: 3, whenEmpty: 'PROVISION' },
];
/** Pools of which nobody but one claims. */
const HOLD = { name: 'hold', size: 1, templateSets: 1, snapshotMaxAgeSeconds: 86_400 };
const SAVE = { ...HOLD, name: 'save', maxClusters: 3, whenEmpty: 'PROVISION' };
const ALL = [HOLD, SAVE, ...POOLS];

/** What is wrong while no server runs. */
function inspectDead(yard: VmYard, store: Store, held: readonly Held[]): string[] {
  const { sessions, clusters } = store.read(readAllRows);
  const records = listRecords(makeFolders(yard.state, undefined));
  const lost = held.flatMap(({ id, owner, cluster: told }) => {
    const session = sessions.find((row) => row.id === parseGlobalId(id)?.id);
    if (session === undefined) return [`the session of ${owner} is lost`];
    if (session.endedAt !== null) return [`${owner}'s has ended: ${session.statusMessage}`];
    if (session.status !== 'RUNNING') return [];
    const cluster = clusters.find((row) => row.id === session.clusterId);
    if (told !== null && cluster?.name !== told) return [`${owner} held ${told}`];
    const record = records.find((one) => one.owner.id === session.clusterId);
    const is = record?.state === 'AWAKE' && isRunning(record);
    return is ? [] : [`${owner} runs on ${cluster?.name}, whose VM is ${record?.state}`];
  });
  return [...new Invariants().broken(store), ...lost];
}

/** Processes and folders no row knows, and rows without theirs, at rest. */
async function strays(yard: VmYard): Promise<string[]> {
  return yard.withProvider(async (provider, store) => {
    const records = listRecords(makeFolders(yard.state, undefined));
    const known = new Set(records.map((record) => record.process?.pid));
    const orphans = yard.processes().filter((pid) => !known.has(pid));
    const dead = records.filter((record) => !isRunning(record));
    return [
      ...(await differences(store, provider)),
      ...orphans.map((pid) => `process ${pid} is nobody's`),
      ...dead.map(({ name }) => `${name} has no process`),
    ];
  });
}

/** What sets a guest of each running session apart; `seen` remembers those of other VMs. */
async function identities(yard: VmYard, seen: Map<string, string>): Promise<string[]> {
  return yard.withProvider(async (provider, store) => {
    const { sessions, clusters } = store.read(readAllRows);
    const running = sessions.filter((one) => one.status === 'RUNNING' && one.endedAt === null);
    const wrong: string[] = [];
    for (const { clusterId } of running) {
      const name = clusters.find(({ id }) => id === clusterId)?.name ?? '';
      const line = 'cat /proc/sys/kernel/hostname /etc/machine-id /proc/sys/kernel/random/uuid';
      const { stdout } = await inGuest(provider, store, name, line);
      const [host, machine = '', uuid = ''] = stdout.trim().split('\n');
      if (host !== name) wrong.push(`${name} calls itself ${host}`);
      for (const [key, holder] of [
        [machine, name],
        [uuid, `${name} ${uuid}`],
      ] as const) {
        if (key === '' || (seen.get(key) ?? holder) !== holder) wrong.push(`${name} has ${key}`);
        seen.set(key, holder);
      }
    }
    return wrong;
  });
}

/** What was under way when the server was killed, counted over all kills. */
function countUnderWay(store: Store, counts: Map<string, number>): void {
  const { sessions, clusters, snapshots } = store.read(readAllRows);
  const present = clusters.filter(({ removedAt }) => removedAt === null);
  const saving = snapshots.filter(({ owner }) => owner !== null);
  const found = {
    making: present.some(({ status }) => status === 'CREATING'),
    removing: present.some(({ removingAt }) => removingAt !== null),
    waking: sessions.some(({ status }) => status === 'PROVISIONING'),
    capturing: snapshots.some(({ status, owner }) => status === 'CREATING' && owner === null),
    saving: saving.some(({ status }) => status === 'CREATING'),
    'removing a set': snapshots.some(({ status }) => status === 'DELETING'),
  };
  for (const [what, is] of Object.entries(found)) {
    if (is) counts.set(what, (counts.get(what) ?? 0) + 1);
  }
}

/** Long enough now and then that what takes long gets somewhere. */
function lifeMs(cycle: number, random: () => number): number {
  return 200 + random() * (cycle % 3 === 2 ? 20_000 : 6_000);
}

async function rested(yard: VmYard): Promise<number> {
  const since = world.elapsed();
  for (const { name, size } of POOLS) await yard.untilWhole(name, size, 2, REST_MS);
  return Math.round(world.elapsed() - since);
}

it.runIf(missing === null && campaign)('VMs outlive kills (needs QEMU)', async () => {
  const yard = new VmYard();
  const { server } = yard;
  const random = seeded(seed);
  const around = {
    origin: () => server.origin,
    random,
    sleep: (ms: number) => world.sleep(ms),
    pools: POOLS.map(({ name }) => name),
  };
  const clients = [1, 2].map((n) => new ClaimingClient(`client${n}`, around));
  const saver = new SavingClient('save', around);
  const wrong: string[] = [];
  const seen = new Map<string, string>();
  const keeper = new Keeper();
  const underWay = new Map<string, number>();
  const held = () => [keeper, ...clients].flatMap((one) => one.held ?? []);
  try {
    await server.start();
    for (const pool of ALL) await yard.addPool(pool.name, pool);
    for (const { name, size } of [HOLD, SAVE]) await yard.untilWhole(name, size, 1, REST_MS);
    await keeper.claim(yard, 'hold');
    const running = Promise.all([...clients, saver].map((client) => client.run()));
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      await Promise.race([running, world.sleep(lifeMs(cycle, random))]);
      await server.kill();
      wrong.push(
        ...(await yard.withStore((store) => inspectDead(yard, store, held()))).map(
          (line) => `cycle ${cycle}: ${line}`,
        ),
      );
      await yard.withStore((store) => countUnderWay(store, underWay));
      if (cycle % 3 === 0) wrong.push(...(await identities(yard, seen)));
      if (cycle % 3 === 0) wrong.push(...(await keeper.look(yard)));
      await server.start();
    }
    for (const client of [...clients, saver]) client.stop();
    await running;
    const took = await rested(yard);
    const served = clients.reduce((sum, client) => sum + client.served, 0);
    console.info(
      `${cycles} kills, seed ${seed}: ${served} sessions, ${saver.saved} from saved ones, ` +
        `${seen.size} identities, at rest after ${took} ms; not saved: ${saver.failed.join('; ')}`,
      Object.fromEntries(underWay),
    );
    await server.stop();
    wrong.push(...(await strays(yard)));
    await server.start();
    await yard.send('releaseSession', { sessionId: keeper.held?.id });
    for (const { name } of ALL) await yard.send('deleteClusterPool', { name });
    const isEmpty = () => yard.leftovers().length === 0 && yard.processes().length === 0;
    for (let n = 0; n < 600 && !isEmpty(); n += 1) await world.sleep(100);
    expect(yard.leftovers()).toEqual([]);
    expect(yard.processes()).toEqual([]);
    expect(served).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
    expect(server.log()).not.toMatch(/"level":(50|60)/);
    await server.stop();
  } finally {
    for (const client of [...clients, saver]) client.stop();
    await yard.close();
  }
});
