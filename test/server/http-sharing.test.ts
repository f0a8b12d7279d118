import type { ExecutionResult } from 'graphql';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { schema } from '../../schema/index.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { createEngine, type Engine } from '../../server/http/engine.ts';
import { shownResults } from '../../server/http/shown-error.ts';
import { Subscription } from '../../server/http/subscription.ts';
import { TestOutlet } from '../kit/outlet.ts';
import { ADMIN, openTestStore, type TestStore, viewer } from '../kit/store.ts';

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
  engine = createEngine({ schema, contexts, world, shown, mostSubscriptions: 2 });
  const first = await read(ADMIN);
  await read(viewer('ann'));
  const refused = await kit.done(engine.run({ query: CHANGES }, ADMIN));
  expect(refused).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] });
  first.subscription.end();
  await read(ADMIN);
  expect(engine.groups.subscriptions).toBe(2);
});
