import { beforeEach, expect, test } from 'vitest';
import { moveCluster, type ClusterPatch } from '../../db/cluster.ts';
import { trimHistory } from '../../db/history.ts';
import { updateVm } from '../../db/vm-handle.ts';
import type { ClusterStatus } from '../../schema/model/cluster.ts';
import type { Session } from '../../schema/model/session.ts';
import { ConsoleTickets } from '../../server/console-tickets.ts';
import type { ConsoleGrant } from '../../server/console-grant.ts';
import { CONSOLES_PATH } from '../../server/consoles.ts';
import { ADMIN, ALICE, BOB, WATCHER } from '../kit/ask.ts';
import { type ConsoleBench, openConsoleBench } from '../kit/console-bench.ts';
import { virtualWorld } from '../kit/virtual-world.ts';

let bench: ConsoleBench;
let session: Session;
let vmId: string;

beforeEach(async () => {
  bench = await openConsoleBench();
  session = await bench.yard.done(bench.as(ALICE).createSession({ pool: 'cks' }));
  vmId = bench.vm('cluster1').id;
});

const ask = (viewer = ALICE, id = vmId, kind: 'SERIAL' | 'VNC' = 'SERIAL') =>
  bench.yard.done(bench.as(viewer).openConsole({ vmId: id, kind }));

const redeem = (url: string) => bench.consoles.redeem(url.slice(CONSOLES_PATH.length));

test('a ticket is a secret of 256 bits, good once, for one stream of one VM', async () => {
  const { url, expiresAt } = await ask();
  expect(url).toMatch(/^\/consoles\/[0-9a-f]{64}$/);
  expect(expiresAt).toBe(bench.yard.world.now() + 60_000);
  const mine = { viewer: ALICE, kind: 'SERIAL', vmId, holder: session.id };
  expect(redeem(url)).toMatchObject(mine);
  expect(redeem(url)).toBeUndefined();
  expect(redeem(`${CONSOLES_PATH}${'0'.repeat(64)}`)).toBeUndefined();
  expect(redeem(CONSOLES_PATH)).toBeUndefined();
});

test('it expires by the clock of the world, whatever the clock on the wall says', async () => {
  const tickets = [await ask(), await ask()];
  bench.yard.world.jumpClock(3_600_000);
  await bench.yard.world.advance(59_000);
  expect(redeem(tickets[0]?.url ?? '')).toBeDefined();
  await bench.yard.world.advance(1_000);
  expect(redeem(tickets[1]?.url ?? '')).toBeUndefined();
});

test('a VM of somebody else is like one that does not exist', async () => {
  const unknown = { name: 'Error', code: 'NOT_FOUND', message: 'VM not found' };
  for (const viewer of [BOB, WATCHER]) await expect(ask(viewer)).rejects.toMatchObject(unknown);
  await expect(ask(ALICE, 'nothing')).rejects.toMatchObject(unknown);
  await expect(ask(ALICE, bench.vm('cluster2').id)).rejects.toMatchObject(unknown);
  expect(bench.audits()).toEqual([]);
});

test('an admin may look at any VM that was handed over; each asking is on record', async () => {
  expect(redeem((await ask(ADMIN)).url)?.holder).toBe(session.id);
  await ask();
  expect(bench.audits()).toEqual(['root openConsole SERIAL', 'alice openConsole SERIAL']);
});

test('what waits for its next owner is opened to nobody', async () => {
  await expect(ask(ADMIN, bench.vm('cluster2').id)).rejects.toMatchObject({
    code: 'WRONG_STATE',
    message:
      'wk-cluster2 was not handed over; others are opened only while their cluster is in ERROR',
  });
  expect(bench.audits()).toEqual([]);
});

test('a stream that the VM does not have is refused with those it has', async () => {
  await expect(ask(ALICE, vmId, 'VNC')).rejects.toMatchObject({
    code: 'WRONG_STATE',
    state: 'RUNNING',
    message: 'wk-cluster1 has no VNC stream; it has SERIAL',
  });
});

test('a VM that does not run, or whose session has ended, is refused', async () => {
  const { url } = await ask();
  await bench.yard.done(bench.as(ALICE).releaseSession(session.id));
  await expect(ask()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const grant = redeem(url);
  expect(grant && bench.consoles.whyOver(grant)).toBe('The session has ended: it was released.');
  const why = { cause: 'PROBE' } as const;
  const stopped = bench.yard.store.transact((tx) => {
    updateVm(tx, bench.vm('cluster1'), { phase: 'STOPPED' }, why);
  });
  await bench.yard.done(stopped);
  await expect(ask(ADMIN)).rejects.toMatchObject({
    code: 'WRONG_STATE',
    message: 'wk-cluster1 does not run; when it does, it has SERIAL',
  });
});

/** Puts the second cluster into another state, from which it does not go by itself. */
function move(from: ClusterStatus, to: ClusterStatus, patch: ClusterPatch = {}): Promise<void> {
  const { yard } = bench;
  const why = { cause: 'PROBE' } as const;
  const { clusterId } = bench.vm('cluster2');
  const moved = yard.store.transact(
    (tx) => void moveCluster(tx, clusterId, { from: [from], to, patch }, why),
  );
  return yard.done(moved);
}

const fail = () => move('AVAILABLE', 'ERROR', { nextAttemptAt: Number.MAX_SAFE_INTEGER });

test('admins may look at what is in ERROR, until it is put right', async () => {
  await fail();
  const grant = redeem((await ask(ADMIN, bench.vm('cluster2').id)).url);
  expect(grant).toMatchObject({ holder: null, clusterStatus: 'ERROR' });
  const over = () => grant && bench.consoles.whyOver(grant);
  expect(over()).toBeUndefined();
  await move('ERROR', 'RESETTING', { work: 'RESET' });
  expect(over()).toBe('The cluster is in ERROR no more.');
  await bench.yard.settled('cks', 2, ['AVAILABLE', 'LOCKED']);
  expect(over()).toBe('The cluster is in ERROR no more.');
  await bench.yard.done(bench.as(BOB).createSession({ pool: 'cks' }));
  expect(over()).toBe('The VM was handed to a session.');
});

test('whatever gives or takes consoles is told as a change of the VM', async () => {
  const { yard } = bench;
  const seen = new Map<string, { kinds: string; version: number }>();
  const untold: string[] = [];
  let moves = 0;
  const look = () => {
    for (const { vm, kinds } of bench.openable([ADMIN, ALICE])) {
      const before = seen.get(vm.id);
      const hasMoved = before !== undefined && before.kinds !== kinds;
      if (hasMoved && vm.version === before.version) untold.push(`${vm.name}: ${kinds}`);
      moves += hasMoved ? 1 : 0;
      seen.set(vm.id, { kinds, version: vm.version });
    }
  };
  const pool = { name: 'cks', whenEmpty: 'PROVISION', maxClusters: 3 } as const;
  await yard.done(bench.as(ADMIN).updateClusterPool(pool));
  look();
  const stop = yard.store.onCommit(look);
  await fail();
  expect(moves).toBe(2);
  await move('ERROR', 'RESETTING', { work: 'RESET' });
  await yard.settled('cks', 2, ['AVAILABLE', 'LOCKED']);
  expect(moves).toBe(4);
  const others = [await yard.done(bench.as(ALICE).createSession({ pool: 'cks' }))];
  expect(moves).toBe(6);
  // One for which a cluster is made, which is locked when it is there.
  others.push(await yard.done(bench.as(ALICE).createSession({ pool: 'cks' })));
  await yard.settled('cks', 3, ['LOCKED']);
  expect(moves).toBe(8);
  for (const { id } of [session, ...others]) await yard.done(bench.as(ALICE).releaseSession(id));
  // The pool keeps two: the third goes, and is no member any more.
  expect(moves).toBe(12);
  expect(untold).toEqual([]);
  stop();
});

test('what is on record is kept for as long as is said, and goes in batches', async () => {
  const { yard } = bench;
  const { world } = yard;
  const trimUpTo = (records: number) => {
    const until = { calls: 0, ended: 0, records, batch: 2 };
    return yard.done(yard.store.transact((tx) => trimHistory(tx, until)));
  };
  // Records of provisioning go first; these are of no interest here.
  while ((await trimUpTo(world.now())) > 0);
  for (let n = 0; n < 3; n += 1) await ask();
  await world.advance(1_000);
  const until = world.now() - 1;
  await ask();
  const trim = () => trimUpTo(until);
  expect([await trim(), bench.audits().length]).toEqual([2, 2]);
  expect([await trim(), bench.audits().length]).toEqual([1, 1]);
  expect([await trim(), bench.audits().length]).toEqual([0, 1]);
});

test('of more tickets than a viewer needs the oldest give way, and others have theirs', () => {
  const tickets = new ConsoleTickets(virtualWorld({ seed: 1 }));
  const grant = (name: string): ConsoleGrant => ({
    viewer: { name, role: 'USER' },
    kind: 'SERIAL',
    vmId: 'vm1',
    role: 'WORKER',
    clusterId: 'cluster1',
    provider: 'SIMULATOR',
    clusterStatus: 'LOCKED',
    holder: null,
  });
  const ben = tickets.issue(grant('ben')).ticket;
  const anns = Array.from({ length: 20 }, () => tickets.issue(grant('ann')).ticket);
  expect(tickets.size).toBe(9);
  expect(anns.map((one) => tickets.redeem(one) !== undefined).lastIndexOf(false)).toBe(11);
  expect(tickets.redeem(ben)).toBeDefined();
  for (let n = 0; n < 1_000; n += 1) tickets.issue(grant(`viewer${n}`));
  expect(() => tickets.issue(grant('zoe'))).toThrow('too many console tickets are unused');
});
