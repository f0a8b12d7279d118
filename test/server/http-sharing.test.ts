import type { ExecutionResult } from 'graphql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { trimChanges } from '../../db/change.ts';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { schema } from '../../schema/index.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { createEngine, type Engine } from '../../server/http/engine.ts';
import { shownResults } from '../../server/http/shown-error.ts';
import { Subscription } from '../../server/http/subscription.ts';
import { TestOutlet } from '../kit/outlet.ts';
import { addFreeCluster, ADMIN, openTestStore, type TestStore, viewer } from '../kit/store.ts';

/** Those who ask the same are told together; whoever cannot keep up goes on alone. */
let kit: TestStore;
let engine: Engine;
let open: Subscription[] = [];

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

beforeEach(async () => {
  kit = openTestStore();
  const { contexts, world } = kit;
  engine = createEngine({ schema, contexts, world, shown: shownResults(world, SILENT) });
  await kit.addPool({ name: 'cks', size: 4 }, 4);
});

afterEach(async () => {
  for (const one of open) one.end();
  open = [];
  await kit.world.settle();
  expect([kit.hub.readers, engine.groups.size]).toEqual([0, 0]);
  await kit.close();
});

const CHANGES = `subscription Watch($after: Cursor, $types: [SubjectType!]) {
  changes(after: $after, filter: { types: $types }) {
    __typename cursor prev
    ... on FeedChanges { changes { type actor subject { session { owner } cluster { name } } } }
  }
}`;

interface Reader {
  readonly outlet: TestOutlet;
  readonly subscription: Subscription;
}

async function read(who: Viewer, query = CHANGES, variables: object = {}): Promise<Reader> {
  const asked = { query, variables: { ...variables } };
  const answered = await kit.done(engine.run(asked, who));
  if (!(answered instanceof Subscription)) throw new Error(JSON.stringify(answered));
  const outlet = new TestOutlet();
  answered.start(outlet);
  open.push(answered);
  await kit.world.settle();
  return { outlet, subscription: answered };
}

interface Message {
  readonly __typename: string;
  readonly cursor: string;
  readonly prev: string | null;
}

function messagesOf({ outlet }: Reader): Message[] {
  return outlet.results.map(messageOf);
}

function messageOf({ data }: ExecutionResult): Message {
  return (data as { changes: Message }).changes;
}

/** Whether each message goes on where the one before it ended. */
function isWhole(reader: Reader): boolean {
  const messages = messagesOf(reader);
  return messages.every(({ prev }, i) => i === 0 || prev === messages[i - 1]?.cursor);
}

async function claim(owner: string): Promise<void> {
  await kit.done(kit.verbs(viewer(owner)).createSession({ pool: 'cks' }));
  await kit.world.settle();
}

test('what is told to several is made once: they get the same bytes', async () => {
  const readers = [await read(ADMIN), await read({ name: 'other', role: 'ADMIN' })];
  await kit.world.advance(1_500);
  readers.push(await read(ADMIN));
  await claim('ann');
  const [first, ...others] = readers.map(({ outlet }) => outlet.batches.at(-1));
  expect(messagesOf(readers[0] as Reader).at(-1)?.__typename).toBe('FeedChanges');
  for (const other of others) expect(other).toBe(first);
  expect(readers.every(isWhole)).toBe(true);
  expect(engine.groups.size).toBe(1);
  expect(kit.hub.readers).toBe(1);
});

test('nobody is told with those who see or asked something else', async () => {
  const ann = await read(viewer('ann'));
  const ben = await read(viewer('ben'));
  const looker = await read(viewer('looker', 'VIEWER'));
  const filtered = await read(ADMIN, CHANGES, { types: ['SESSION'] });
  const all = await read(ADMIN);
  expect(engine.groups.size).toBe(5);
  await claim('ann');
  const owners = [ann, ben, looker, filtered, all].map(({ outlet }) =>
    JSON.stringify(outlet.results).includes('"owner":"ann"'),
  );
  expect(owners).toEqual([true, false, false, true, true]);
});

test('wherever one begins, it catches up and is then told with the others', async () => {
  const first = await read(ADMIN);
  const before = messagesOf(first).at(-1)?.cursor;
  await claim('ann');
  await claim('ben');
  const late = await read(ADMIN, CHANGES, { after: before });
  expect(messagesOf(late)[0]?.prev).toBe(before);
  expect(messagesOf(late).map(({ cursor }) => cursor)).toEqual(
    messagesOf(first)
      .map(({ cursor }) => cursor)
      .slice(1),
  );
  await claim('cyd');
  expect(late.outlet.batches.at(-1)).toBe(first.outlet.batches.at(-1));
  expect([first, late].every(isWhole)).toBe(true);
});

test('who cannot take more holds nobody up, and goes on where it was', async () => {
  const [quick, slow] = [await read(ADMIN), await read(ADMIN)];
  await claim('ann');
  slow.outlet.stopUp();
  for (const owner of ['ben', 'cyd']) await claim(owner);
  const missed = messagesOf(slow).length;
  expect(messagesOf(quick).length).toBeGreaterThan(missed);
  slow.outlet.open();
  await kit.world.settle();
  expect(messagesOf(slow)).toEqual(messagesOf(quick));
  await claim('dan');
  expect(slow.outlet.batches.at(-1)).toBe(quick.outlet.batches.at(-1));
  expect([quick, slow].every(isWhole)).toBe(true);
});

test('the one who came first may go: the others are told on', async () => {
  const [first, second] = [await read(ADMIN), await read(ADMIN)];
  first.subscription.end();
  await claim('ann');
  expect(messagesOf(second).at(-1)?.__typename).toBe('FeedChanges');
  expect(isWhole(second)).toBe(true);
});

test('changes of one moment are written in one go', async () => {
  const reader = await read(ADMIN);
  const before = reader.outlet.batches.length;
  const owners = ['ann', 'ben', 'cyd'];
  const claims = owners.map((owner) => kit.verbs(viewer(owner)).createSession({ pool: 'cks' }));
  await kit.done(Promise.all(claims));
  await kit.world.settle();
  expect(reader.outlet.batches.slice(before).map(({ results }) => results.length)).toEqual([3]);
});

const CLUSTERS = `subscription Clusters {
  clusterUpdated(pool: "cks") { name status version }
}`;

test('the latest states are told together too', async () => {
  const first = await read(ADMIN, CLUSTERS);
  await kit.world.advance(100);
  const second = await read(ADMIN, CLUSTERS);
  await kit.world.advance(100);
  expect(second.outlet.results).toEqual(first.outlet.results);
  await claim('ann');
  await kit.world.advance(100);
  expect(second.outlet.batches.at(-1)).toBe(first.outlet.batches.at(-1));
  expect(JSON.stringify(second.outlet.results.at(-1))).toContain('"LOCKED"');
});

test('what is read under a name of its own is read for each', async () => {
  const query = `subscription Keys {
    changes { ... on FeedState { subjects { session { access { sshUser } } } } }
  }`;
  await read(viewer('ann'), query);
  await read(viewer('ann'), query);
  await kit.world.advance(1_500);
  expect([engine.groups.size, kit.hub.readers]).toEqual([2, 2]);
});

test('more subscriptions than there may be are refused, and leave nothing open', async () => {
  const { contexts, world } = kit;
  const shown = shownResults(world, SILENT);
  const limits = { subscriptions: 2, groupsPerCaller: 9 };
  engine = createEngine({ schema, contexts, world, shown, limits });
  const first = await read(ADMIN);
  await read(viewer('ann'));
  const refused = await kit.done(engine.run({ query: CHANGES }, ADMIN));
  expect(refused).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] });
  first.subscription.end();
  await read(ADMIN);
  expect(engine.groups.subscriptions).toBe(2);
});

describe('a name that is given again', () => {
  const OF_POOL = `subscription Pool($after: Cursor) {
    changes(after: $after, filter: { pool: "lab" }) {
      __typename cursor prev ... on FeedState { subjects { clusterPool { size } } }
    }
  }`;

  beforeEach(() => kit.addPool({ name: 'lab', size: 1 }));

  async function replacePool(): Promise<void> {
    await kit.done(kit.verbs(ADMIN).deleteClusterPool('lab'));
    await kit.addPool({ name: 'lab', size: 1 });
    await kit.world.advance(1_500);
  }

  test('does not bring together those who watch two pools', async () => {
    await read(ADMIN, OF_POOL);
    await replacePool();
    const fresh = await read(ADMIN, OF_POOL);
    await kit.world.advance(1_500);
    await kit.done(kit.verbs(ADMIN).updateClusterPool({ name: 'lab', size: 2 }));
    await kit.world.settle();
    expect(messagesOf(fresh).at(-1)?.__typename).toBe('FeedChanges');
    expect(engine.groups.size).toBe(2);
  });

  test('does not let a cursor of the one pool go on with the other', async () => {
    const after = messagesOf(await read(ADMIN, OF_POOL)).at(-1)?.cursor;
    await replacePool();
    const resumed = messagesOf(await read(ADMIN, OF_POOL, { after }));
    expect(resumed.map(({ __typename }) => __typename)).toEqual(['FeedResync', 'FeedState']);
    const later = messagesOf(await read(ADMIN, OF_POOL, { after: resumed.at(-1)?.cursor }));
    expect(later.map(({ __typename }) => __typename)).toEqual(['FeedBookmark']);
  });

  test('tells one that was left behind that what it watched is gone', async () => {
    const [slow, other] = [await read(ADMIN, OF_POOL), await read(ADMIN, OF_POOL)];
    await kit.world.advance(1_500);
    slow.outlet.stopUp();
    await replacePool();
    slow.outlet.open();
    await kit.world.settle();
    expect(JSON.stringify(slow.outlet.results.at(-1))).toContain('NOT_FOUND');
    expect([slow.outlet.isComplete, other.outlet.isComplete]).toEqual([true, false]);
  });
});

test('a caller opens so many different questions; those of others do not count', async () => {
  const { contexts, world } = kit;
  const shown = shownResults(world, SILENT);
  const limits = { subscriptions: 100, groupsPerCaller: 2 };
  engine = createEngine({ schema, contexts, world, shown, limits });
  const ask = (types: string[]) =>
    kit.done(engine.run({ query: CHANGES, variables: { types } }, ADMIN));
  const [first] = [await read(ADMIN, CHANGES, { types: ['JOB'] }), await read(ADMIN, CLUSTERS)];
  await read(ADMIN, CLUSTERS);
  expect(await ask(['SESSION'])).toMatchObject({
    errors: [{ extensions: { code: 'UNAVAILABLE' } }],
  });
  await read({ name: 'other', role: 'ADMIN' }, CHANGES, { types: ['SESSION'] });
  await read(ADMIN, CHANGES, { types: ['SESSION'] });
  expect(await ask(['CLUSTER'])).toHaveProperty('errors');
  first.subscription.end();
  await read(ADMIN, CHANGES, { types: ['CLUSTER'] });
});

test('nothing is written to a reader that has left while it could take nothing', async () => {
  const reader = await read(ADMIN);
  reader.outlet.stopUp();
  await claim('ann');
  await claim('ben');
  const before = reader.outlet.results.length;
  reader.subscription.end();
  reader.outlet.open();
  await kit.world.settle();
  expect(reader.outlet.results).toHaveLength(before);
});

test('who stalls within a state that all get anew is given it from the beginning', async () => {
  await kit.addPool({ name: 'many', size: 450 }, 450);
  const query = `subscription { changes(filter: { pool: "many", types: [CLUSTER] }) {
    __typename cursor prev ... on FeedState { subjects { cluster { id name namespace createdAt } } }
  } }`;
  const [quick, slow] = [await read(ADMIN, query), await read(ADMIN, query)];
  await kit.world.advance(1_500);
  const known = messagesOf(slow).length;
  slow.outlet.takes(1);
  const touched = kit.store.transact((tx) => {
    const pool = findPoolByName(tx.db, 'many');
    if (pool !== undefined) for (let n = 0; n < 3; n += 1) addFreeCluster(tx, pool);
  });
  const trimmed = kit.transact((tx) => trimChanges(tx, { keepMs: 0, keepRows: 1 }, 100_000));
  await Promise.all([touched, trimmed]);
  await kit.world.settle();
  slow.outlet.open();
  await kit.world.advance(12_000);
  const whole = ['FeedResync', 'FeedState', 'FeedState', 'FeedState', 'FeedBookmark'];
  const toldTo = (reader: Reader) => messagesOf(reader).slice(known);
  expect(toldTo(quick).map(({ __typename }) => __typename)).toEqual(whole);
  expect(
    toldTo(slow)
      .map(({ __typename }) => __typename)
      .slice(-5),
  ).toEqual(whole);
});
