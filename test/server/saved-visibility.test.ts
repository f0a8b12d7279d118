import { graphql, parse, subscribe, type ExecutionResult } from 'graphql';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acceptSet } from '../../db/accept-set.ts';
import { deleteSet, findSet, moveSnapshot } from '../../db/snapshot.ts';
import { updateVm, findVmsOfCluster } from '../../db/vm-handle.ts';
import { schema } from '../../schema/index.ts';
import { globalId } from '../../schema/global-id.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { FeedClient, stateNow } from '../kit/feed-client.ts';
import { FeedClients } from '../kit/feed-clients.ts';
import { ADMIN, openTestStore, viewer, type TestStore } from '../kit/store.ts';

/** Who hears of what somebody saved, by every way there is: its owner and admins, and nobody. */

let kit: TestStore;
let clients: FeedClients;
let session: Session;
let saved: Snapshot;
/** What the subscriptions were told since the beginning, by whom they are. */
let early: Map<string, FeedClient>;

const alice = viewer('alice');
const SEE: readonly Viewer[] = [alice, ADMIN];
const SEE_NOT: readonly Viewer[] = [
  viewer('bob'),
  viewer('alice', 'VIEWER'),
  viewer('wall', 'VIEWER'),
];
const ALL = [...SEE, ...SEE_NOT];
const WHY = { cause: 'JOB' } as const;
const label = ({ name, role }: Viewer) => `${role} ${name}`;

beforeEach(async () => {
  kit = openTestStore();
  clients = new FeedClients(kit);
  await kit.addPool({}, 2);
  session = await clients.claim(alice);
  early = new Map();
  for (const who of ALL) early.set(label(who), await clients.connect({ viewer: who }));
  saved = await kit.done(kit.verbs(alice).saveSession({ sessionId: session.id, name: 'secret' }));
  await kit.transact((tx) => {
    const rows = findSet(tx.db, saved);
    const captured = rows.map(({ role }) => ({ role, sizeBytes: 1, k8sVersion: null }));
    acceptSet(tx, saved, captured, WHY);
    // As a VM is told that was made from it.
    const [vm] = findVmsOfCluster(tx.db, session.clusterId ?? '');
    if (vm !== undefined) updateVm(tx, vm, { snapshotId: saved.id }, WHY);
  });
  await kit.world.settle();
});
afterEach(async () => {
  await clients.close();
  await kit.close();
});

/** What this one is answered, as text. */
async function answerTo(who: Viewer, source: string): Promise<string> {
  const operation = await kit.done(kit.contexts.open(who));
  const variableValues = { id: globalId('Snapshot', saved.id), pool: 'cks' };
  const asked = graphql({ schema, source, contextValue: operation.context, variableValues });
  const answer = await kit.done(asked);
  operation.close();
  expect(answer.errors).toBeUndefined();
  return JSON.stringify(answer.data);
}

/** Whether anything in it is of what was saved. */
function tells(text: string): boolean {
  const ids = kit.store.read((db) => findSet(db, saved)).map(({ id }) => id);
  const known = [...ids, ...ids.map((id) => globalId('Snapshot', id)), 'secret'];
  return known.some((word) => text.includes(word));
}

const FIELDS = 'id name title owner status allowedActions sourceSession { id }';

it.each([
  ['the list', `{ snapshots { totalCount nodes: edges { node { ${FIELDS} } } } }`],
  [
    'the list of a pool',
    `query ($pool: String) { snapshots(pool: $pool) { edges { node { ${FIELDS} } } } }`,
  ],
  ['a node', `query ($id: ID!) { node(id: $id) { id ... on Snapshot { ${FIELDS} } } }`],
  [
    'the history',
    '{ changeLog(first: 100) { edges { node { id actor subject { snapshot { title } } } } } }',
  ],
  ['its history', 'query ($id: ID!) { changeLog(id: $id) { edges { node { id type } } } }'],
  ['the history of snapshots', '{ changeLog(types: [SNAPSHOT]) { edges { node { id type } } } }'],
  ['VMs', '{ vmHandles { edges { node { snapshot { id title } } } } }'],
])('%s tells its owner and admins only', async (_, source) => {
  for (const who of SEE) expect(tells(await answerTo(who, source)), label(who)).toBe(true);
  for (const who of SEE_NOT) expect(tells(await answerTo(who, source)), label(who)).toBe(false);
});

it('is counted for those who see it only', async () => {
  for (const who of ALL) {
    const answer = await answerTo(who, '{ snapshots { totalCount } }');
    expect(answer, label(who)).toBe(`{"snapshots":{"totalCount":${SEE.includes(who) ? 2 : 0}}}`);
  }
});

it('is among `mine` for its owner, not for admins', async () => {
  const source = '{ snapshots(mine: true) { edges { node { title } } } }';
  expect(tells(await answerTo(alice, source))).toBe(true);
  for (const who of [ADMIN, ...SEE_NOT]) expect(tells(await answerTo(who, source))).toBe(false);
});

it('is no golden state of its pool', async () => {
  const source =
    'query ($pool: String!) { clusterPool(name: $pool) { strategy snapshotInfo { status } } }';
  for (const who of ALL) {
    expect(await answerTo(who, source)).toContain(
      '"strategy":"BOOTSTRAP","snapshotInfo":{"status":null}',
    );
  }
});

const heard = (client: FeedClient) => client.changes.filter(({ type }) => type === 'SNAPSHOT');

it('is in the feed, live, in the state and on replay, for its owner and admins only', async () => {
  for (const who of ALL) {
    const sees = SEE.includes(who);
    const live = early.get(label(who));
    expect(live && heard(live).length, label(who)).toBe(sees ? 4 : 0);
    const late = await clients.connect({ viewer: who });
    expect(late.state.has(`SNAPSHOT ${saved.id}`), label(who)).toBe(sees);
    expect(late.state).toEqual(await stateNow(kit, { viewer: who }));
    const replay = clients.add(new FeedClient(kit, { viewer: who }));
    replay.cursor = live?.messages[0]?.cursor;
    replay.connect();
    await kit.world.settle();
    expect(heard(replay).length, label(who)).toBe(sees ? 4 : 0);
  }
});

it('touches no pool: others are not even told that there was something', async () => {
  const before = early.get('USER bob')?.changes.length;
  await kit.done(kit.verbs(alice).deleteSavedSnapshot(saved.id));
  await kit.transact((tx) => deleteSet(tx, saved, WHY));
  await kit.world.settle();
  expect(early.get('USER bob')?.changes.length).toBe(before);
  expect(early.get('USER alice')?.state.has(`SNAPSHOT ${saved.id}`)).toBe(false);
  expect(early.get('USER alice')?.changes.at(-1)).toMatchObject({
    kind: 'DELETED',
    owner: 'alice',
  });
});

it('is told by snapshotUpdated, at first and when changed, to its owner and admins', async () => {
  for (const who of ALL) {
    const operation = await kit.contexts.openForSubscription(who);
    const document = parse('subscription { snapshotUpdated(pool: "cks") { title version } }');
    const stream = await subscribe({ schema, document, contextValue: operation.context });
    if (!(Symbol.asyncIterator in stream)) throw new Error('refused');
    const told: ExecutionResult[] = [];
    const reading = (async () => {
      for await (const message of stream) {
        told.push(message);
        operation.executed();
      }
    })();
    await kit.world.settle();
    const first = told.length;
    await kit.transact((tx) => {
      const stays = { from: ['READY'], to: 'READY', patch: { statusMessage: 'seen' } } as const;
      moveSnapshot(tx, saved.id, stays, WHY);
    });
    await kit.world.advance(1_000);
    expect([first, told.length], label(who)).toEqual(SEE.includes(who) ? [2, 3] : [0, 0]);
    await stream.return(undefined);
    await kit.done(reading);
    operation.close();
  }
});
