import { afterEach, beforeEach, expect, it } from 'vitest';
import { trimChanges } from '../../db/change.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { FeedClient, stateNow, type Subscription } from '../kit/feed-client.ts';
import { FeedClients } from '../kit/feed-clients.ts';
import { ADMIN, openTestStore, viewer, type TestStore } from '../kit/store.ts';

/** The state that a reader of the feed is given first; readers that do not take it. */
let kit: TestStore;
let clients: FeedClients;

beforeEach(() => {
  kit = openTestStore();
  clients = new FeedClients(kit);
});
afterEach(async () => {
  await clients.close();
  await kit.close();
});

const alice = viewer('alice');
const bob = viewer('bob');
const connect = (subscription: Subscription) => clients.connect(subscription);
const claim = (who: Viewer, pool?: string) => clients.claim(who, pool);
const touch = (poolId: string, times?: number) => clients.touch(poolId, times);
const kinds = (client: FeedClient) => client.messages.map(({ kind }) => kind);

/** Readers that do not take what they are sent: as many as may read a state at once, or more. */
async function stalled(number = 4): Promise<FeedClient[]> {
  const slow = Array.from({ length: number }, () => new FeedClient(kit, { viewer: ADMIN }));
  for (const client of slow) {
    client.isPaused = true;
    client.connect();
  }
  await kit.world.settle();
  return slow;
}

it('comes first, at one position, in portions that say whether another follows', async () => {
  await kit.addPool({ size: 150 }, 150);
  const client = await connect({ viewer: ADMIN });
  const states = client.messages.filter((one) => one.kind === 'STATE');
  expect(states.map(({ more }) => more)).toEqual([true, true, false]);
  expect(new Set(states.map(({ cursor }) => cursor.seq)).size).toBe(1);
  expect(states.flatMap(({ subjects }) => subjects)).toHaveLength(1 + 150 + 300);
  expect(client.messages[0]?.prev).toBeNull();
  expect(client.state).toEqual(await stateNow(kit, { viewer: ADMIN }));
});

it('is one empty message where there is nothing', async () => {
  const client = await connect({ viewer: ADMIN });
  expect(client.messages).toMatchObject([{ kind: 'STATE', subjects: [], more: false }]);
});

it('is whole while verbs go on, which follow it', async () => {
  await kit.addPool({ size: 150 }, 150);
  const client = new FeedClient(kit, { viewer: ADMIN });
  clients.add(client);
  client.isPaused = true;
  client.connect();
  await kit.world.settle();
  await claim(alice);
  await claim(bob);
  client.unpause();
  await kit.world.settle();
  expect(kinds(client)).toEqual(['STATE', 'STATE', 'STATE', 'CHANGES', 'CHANGES']);
  expect(client.state).toEqual(await stateNow(kit, { viewer: ADMIN }));
});

const tooSlow: unknown = expect.stringContaining('the state was taken too slowly');
const errorsOf = (some: readonly FeedClient[]) => some.map(({ error }) => String(error));

it('is read by four at a time: who does not come back for 2 s makes room', async () => {
  await kit.addPool({ size: 250 }, 250);
  const slow = await stalled();
  const fifth = await connect({ viewer: ADMIN });
  await kit.world.advance(1_999);
  expect(fifth.messages).toEqual([]);
  await kit.world.advance(1);
  expect(kinds(fifth)).toEqual(Array(4).fill('STATE'));
  for (const client of slow) client.unpause();
  await kit.world.settle();
  expect(errorsOf(slow)).toEqual([tooSlow, 'undefined', 'undefined', 'undefined']);
  for (const client of slow) await client.drop();
  expect(kit.hub.readers).toBe(1);
});

it('is read by a slow one for 10 s at most, also when nobody waits', async () => {
  await kit.addPool({ size: 250 }, 250);
  const slow = await stalled();
  await kit.world.advance(9_999);
  slow[0]?.unpause();
  await kit.world.advance(1);
  for (const client of slow) client.unpause();
  await kit.world.settle();
  expect(errorsOf(slow)).toEqual(['undefined', tooSlow, tooSlow, tooSlow]);
  for (const client of slow) await client.drop();
});

it('is not kept from one caller by the many stalled readers of another', async () => {
  await kit.addPool({ size: 250 }, 250);
  const slow = await stalled(20);
  const good = await connect({ viewer: alice });
  await kit.world.advance(2_000);
  expect(good.state).toEqual(await stateNow(kit, { viewer: alice }));
  for (const client of slow) await client.drop();
});

it('that one is too slow for is waited for with the news that it comes', async () => {
  const pool = await kit.addPool({ size: 250 }, 250);
  const client = await connect({ viewer: ADMIN });
  client.isPaused = true;
  await touch(pool.id);
  await kit.world.settle();
  for (let n = 0; n < 3; n += 1) await touch(pool.id);
  await kit.world.advance(1_000);
  await kit.transact((tx) => trimChanges(tx, { keepMs: 0, keepRows: 0 }, 10_000));
  const slow = await stalled();
  const before = client.messages.length;
  client.unpause();
  await kit.world.settle();
  expect(kinds(client).slice(before)).toEqual(['RESYNC']);
  await kit.world.advance(2_000);
  expect(kinds(client).slice(before)).toEqual(['RESYNC', ...Array<string>(4).fill('STATE')]);
  expect(client.state).toEqual(await stateNow(kit, { viewer: ADMIN }));
  for (const one of slow) await one.drop();
});

it('that is waited for can be left at once', async () => {
  await kit.addPool({ size: 250 }, 250);
  const slow = await stalled();
  const fifth = await connect({ viewer: ADMIN });
  await fifth.drop();
  expect(kit.hub.readers).toBe(4);
  for (const client of slow) await client.drop();
  const sixth = await connect({ viewer: ADMIN });
  expect(sixth.messages).not.toEqual([]);
});
