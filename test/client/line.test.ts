import { gql } from '@urql/core';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { standingOf } from '../../client/live-feed.ts';
import {
  createSnapyardClient,
  type SnapyardClient,
  type SnapyardOptions,
} from '../../client/snapyard-client.ts';
import { FakeServer } from './fake-server.ts';
import { bookmark, changes, resync, state, updated } from './messages.ts';
import { aCluster } from './things.ts';

// Everything that can happen to a line, in virtual time.

const MINUTE = 60_000;
const cluster = aCluster();
const locked = updated({ cluster: aCluster({ status: 'LOCKED' }) });

let server: FakeServer;
let snapyard: SnapyardClient;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});

afterEach(async () => {
  snapyard.close();
  await pass(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(server.open).toEqual([]);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** Connects, and takes in a state at position 5. */
async function connect(options: Partial<SnapyardOptions> = {}): Promise<void> {
  snapyard = createSnapyardClient({ url: 'http://yard/graphql', token: 'secret', ...options });
  await pass(0);
  if (server.asked.length === 0) return;
  server.tell(state(null, 'e-5', { cluster }));
  await pass(0);
}

function standing() {
  return standingOf(snapyard.feed.read());
}

function statusSeen() {
  return snapyard.feed.read().feed.things.clusters.get(cluster.id)?.status;
}

test('the token is shown and the state is live', async () => {
  await connect();
  expect(server.shown).toEqual(['Bearer secret']);
  expect(server.feed.variables['after']).toBeNull();
  expect([standing(), statusSeen()]).toEqual(['LIVE', 'AVAILABLE']);
});

/** What was asked over HTTP that names this. */
function asked(name: string) {
  return server.posts.filter(({ query }) => query.includes(name));
}

const CLOSES = [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4400, 4406, 4408, 4409, 4429, 4500];

test.each(CLOSES)(
  'a line closed with %i is made anew and goes on from the cursor',
  async (code) => {
    await connect();
    server.feed.socket.drop(code);
    expect(standing()).toBe('AWAY');
    expect(statusSeen()).toBe('AVAILABLE');
    await pass(5_000);
    expect(server.asked).toHaveLength(2);
    expect(server.feed.variables['after']).toBe('e-5');
    server.tell(changes('e-5', 'e-7', locked), bookmark('e-7', 'e-7'));
    await pass(100);
    expect([standing(), statusSeen()]).toEqual(['LIVE', 'LOCKED']);
  },
);

test('who lost the server together comes back apart', async () => {
  const random = vi.spyOn(Math, 'random').mockReturnValue(0.999);
  server.reach = 'REFUSED';
  await connect();
  for (const wait of [200, 400, 800, 1_600, 3_200, 4_000, 4_000]) {
    const tries = server.sockets.length;
    await pass(wait * 0.99);
    expect(server.sockets).toHaveLength(tries);
    await pass(wait * 0.01);
    expect(server.sockets).toHaveLength(tries + 1);
  }
  random.mockReturnValue(0);
  await pass(4_000);
  const tries = server.sockets.length;
  await pass(1);
  expect(server.sockets.length).toBeGreaterThan(tries);
  random.mockReturnValue(0.5);
});

test('clients of a server that restarts spread over four seconds', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.99);
  await connect();
  server.feed.socket.drop(1_012);
  await pass(3_900);
  expect(server.sockets).toHaveLength(1);
  await pass(100);
  expect(server.sockets).toHaveLength(2);
});

test('ten minutes without a network are nothing', async () => {
  await connect();
  server.reach = 'REFUSED';
  server.feed.socket.drop();
  await pass(10 * MINUTE);
  expect(standing()).toBe('AWAY');
  server.reach = 'OPEN';
  await pass(4_000);
  expect(server.feed.variables['after']).toBe('e-5');
  server.tell(bookmark('e-5', 'e-6'));
  await pass(0);
  expect(standing()).toBe('LIVE');
});

test('a network that swallows everything is noticed too, and left', async () => {
  server.reach = 'STUCK';
  await connect();
  await pass(10 * MINUTE);
  expect(server.sockets.length).toBeGreaterThan(40);
  server.reach = 'OPEN';
  await pass(12_500);
  expect(server.asked).toHaveLength(1);
});

test('a line that answers no ping is dead', async () => {
  await connect();
  server.answersPings = false;
  await pass(8_000);
  expect(server.sockets[0]?.closedWith).toBe(4499);
  await pass(4_000);
  expect(server.feed.variables['after']).toBe('e-5');
});

test('so is one on which nothing is told for 30 s, though it answers pings', async () => {
  await connect();
  for (const seq of [6, 7, 8]) {
    await pass(29_000);
    server.tell(bookmark(`e-${seq - 1}`, `e-${seq}`));
  }
  await pass(29_000);
  expect(server.asked).toHaveLength(1);
  await pass(6_000);
  expect(server.asked).toHaveLength(2);
  expect(server.feed.variables['after']).toBe('e-8');
});

test('a computer that has slept makes a new line at once', async () => {
  await connect();
  vi.setSystemTime(Date.now() + 60 * MINUTE);
  await pass(2_500);
  expect(server.asked).toHaveLength(2);
});

test('a tab that nobody looks at keeps its line, though its timers run once a minute', async () => {
  onTestFinished(() => void Reflect.deleteProperty(globalThis, 'document'));
  vi.stubGlobal('document', { visibilityState: 'hidden' });
  await connect();
  vi.setSystemTime(Date.now() + MINUTE);
  await pass(2_500);
  expect(server.asked).toHaveLength(1);
  vi.stubGlobal('document', { visibilityState: 'visible' });
  vi.setSystemTime(Date.now() + MINUTE);
  await pass(2_500);
  expect(server.asked).toHaveLength(1);
  vi.setSystemTime(Date.now() + MINUTE);
  await pass(2_500);
  expect(server.asked).toHaveLength(2);
});

test('a line that brings old news is not live until it keeps up again', async () => {
  await connect();
  const ago = (ms: number) => ({ at: new Date(Date.now() - ms).toISOString() });
  const changed = (ms: number) => updated({ cluster: aCluster({ status: 'LOCKED' }) }, ago(ms));
  server.tell(changes('e-5', 'e-6', changed(2_000)));
  await pass(100);
  expect([standing(), statusSeen()]).toEqual(['LIVE', 'LOCKED']);
  server.tell(changes('e-6', 'e-7', changed(9_000), changed(4_000)));
  await pass(100);
  expect(standing()).toBe('CATCHING_UP');
  server.tell(changes('e-7', 'e-8', changed(2_000)));
  await pass(100);
  expect(standing()).toBe('CATCHING_UP');
  server.tell(changes('e-8', 'e-9', changed(50)));
  await pass(100);
  expect(standing()).toBe('LIVE');
  server.tell(changes('e-9', 'e-10', changed(60_000)), bookmark('e-10', 'e-10'));
  await pass(100);
  expect(standing()).toBe('LIVE');
});

test('a change of a kind that came later takes nothing with it', async () => {
  await connect();
  const unheardOf = {
    ...updated({}),
    type: 'VOLUME' as 'JOB',
    id: 'v-1',
    kind: 'CREATED' as const,
  };
  const gone = { ...unheardOf, id: 'v-2', subject: null };
  server.tell(changes('e-5', 'e-6', unheardOf, gone, locked));
  await pass(1_000);
  expect(statusSeen()).toBe('LOCKED');
  expect(server.asked).toHaveLength(1);
});

test('who we are is asked until it is answered', async () => {
  server.knowsViewer = false;
  await connect();
  expect([standing(), snapyard.feed.read().viewer]).toEqual(['LIVE', null]);
  server.knowsViewer = true;
  await pass(5_000);
  expect(snapyard.feed.read().viewer).toMatchObject({ name: 'ada' });
});

test('very many changes do not wait for a timer', async () => {
  await connect();
  const many = Array.from({ length: 1_002 }, (_, index) =>
    changes(`e-${index + 5}`, `e-${index + 6}`, locked),
  );
  server.tell(...many);
  await pass(0);
  expect(snapyard.feed.read().feed.cursor).toBe('e-1005');
  await pass(100);
  expect(snapyard.feed.read().feed.cursor).toBe('e-1007');
});

test('a clock that is wrong is set right by what the server says', async () => {
  server.clockAheadMs = 3 * MINUTE;
  await connect();
  expect(snapyard.feed.read().clockAheadMs).toBe(3 * MINUTE);
  server.clockAheadMs = 900;
  server.feed.socket.drop();
  await pass(1_000);
  expect(snapyard.feed.read().clockAheadMs).toBe(0);
});

test('what is missing is noticed, and the state is asked for', async () => {
  await connect();
  server.tell(changes('e-6', 'e-7', locked));
  await pass(1_000);
  expect(statusSeen()).toBe('AVAILABLE');
  expect(server.feed.variables['after']).toBeNull();
  server.tell(state(null, 'e-9', { cluster: aCluster({ status: 'ERROR' }) }));
  await pass(100);
  expect([standing(), statusSeen()]).toEqual(['LIVE', 'ERROR']);
});

test('a resync replaces what there was, and is gone on from', async () => {
  await connect();
  server.feed.socket.drop();
  await pass(1_000);
  server.tell(resync('e-5', 'f-2'), state('f-2', 'f-2'), changes('f-2', 'f-3', locked));
  await pass(100);
  expect(statusSeen()).toBe('LOCKED');
  server.feed.socket.drop();
  await pass(1_000);
  expect(server.feed.variables['after']).toBe('f-3');
});

test('a feed that the server ends, or cannot give now, is begun again', async () => {
  await connect();
  const { socket, id } = server.feed;
  socket.receive({ type: 'complete', id });
  await pass(1_000);
  expect(server.feed.variables['after']).toBe('e-5');
  const payload = [{ message: 'busy', extensions: { code: 'UNAVAILABLE' } }];
  server.feed.socket.receive({ type: 'error', id: server.feed.id, payload });
  await pass(1_000);
  expect(server.asked).toHaveLength(3);
  expect(server.feed.variables['after']).toBe('e-5');
});

test('a cursor that the server cannot read is left for the state', async () => {
  await connect();
  const payload = [{ message: 'no cursor', extensions: { code: 'BAD_INPUT' } }];
  server.feed.socket.receive({ type: 'error', id: server.feed.id, payload });
  await pass(1_000);
  expect(server.feed.variables['after']).toBeNull();
  server.feed.socket.receive({ type: 'error', id: server.feed.id, payload });
  await pass(MINUTE);
  expect(server.asked).toHaveLength(2);
  expect(snapyard.feed.read().refusal).toBe('BAD_INPUT');
});

test('a token that expired is renewed once for all, and nobody waits', async () => {
  const refreshToken = vi.fn(() => Promise.resolve('fresh'));
  await connect({ refreshToken });
  server.closeAtInit = (shown) => (shown === 'Bearer fresh' ? undefined : 4403);
  const waiting = snapyard.client.query(gql('{ jobs { totalCount } }'), {}).subscribe(() => {});
  await pass(0);
  const [late] = asked('jobs');
  const query = snapyard.client.query(gql('{ sessions { totalCount } }'), {}).toPromise();
  await pass(0);
  asked('sessions')[0]?.answer({ message: 'who are you?' }, 401);
  server.feed.socket.drop(4403);
  await pass(10);
  const sessions = { __typename: 'SessionConnection', totalCount: 0 };
  asked('sessions').at(-1)?.answer({ sessions });
  expect((await query).data).toMatchObject({ sessions: { totalCount: 0 } });
  expect(asked('sessions').at(-1)?.authorization).toBe('Bearer fresh');
  expect(server.shown).toEqual(['Bearer secret', 'Bearer fresh']);
  // One who was refused as well, and hears of it late.
  late?.answer({ message: 'who are you?' }, 401);
  await pass(10);
  expect(asked('jobs').at(-1)?.authorization).toBe('Bearer fresh');
  expect(refreshToken).toHaveBeenCalledTimes(1);
  expect(server.feed.variables['after']).toBe('e-5');
  waiting.unsubscribe();
});

test('a refusal of the token on an open line leads to another line', async () => {
  await connect({ refreshToken: () => Promise.resolve('fresh') });
  const payload = [{ message: 'who are you?', extensions: { code: 'UNAUTHENTICATED' } }];
  server.feed.socket.receive({ type: 'error', id: server.feed.id, payload });
  await pass(10);
  expect(server.shown).toEqual(['Bearer secret', 'Bearer fresh']);
  expect(server.asked).toHaveLength(2);
});

test('who gives tokens may be away as well', async () => {
  const refreshToken = vi.fn(() => Promise.resolve('fresh'));
  refreshToken.mockRejectedValueOnce(new TypeError('fetch failed'));
  await connect({ refreshToken });
  server.closeAtInit = (shown) => (shown === 'Bearer fresh' ? undefined : 4403);
  server.feed.socket.drop(4403);
  await pass(60_000);
  expect(server.shown.at(-1)).toBe('Bearer fresh');
  expect(snapyard.feed.read().tokenWanted).toBe('NONE');
});

test('a token refused for good is not shown again, and what it showed is gone', async () => {
  await connect({ token: () => Promise.resolve('secret') });
  server.closeAtInit = () => 4403;
  // Messages that come close together wait for one another; these must not come after the end.
  server.tell(bookmark('e-5', 'e-6'), changes('e-6', 'e-7', locked));
  await pass(0);
  server.feed.socket.drop(4403);
  await pass(10 * MINUTE);
  expect(server.shown).toEqual(['Bearer secret']);
  expect(snapyard.feed.read()).toMatchObject({ tokenWanted: 'OTHER', viewer: null });
  expect(statusSeen()).toBeUndefined();
});

test('without a token the first is wanted', async () => {
  server.closeAtInit = () => 4403;
  await connect({ token: undefined });
  await pass(0);
  expect(server.shown).toEqual([undefined]);
  expect(snapyard.feed.read().tokenWanted).toBe('FIRST');
});

test('subscriptions that nobody ended end with the client', async () => {
  await connect();
  const document = gql('subscription { changes(after: null) { cursor } }');
  snapyard.client.subscription(document, {}).subscribe(() => {});
  await pass(0);
  server.feed.socket.drop();
  snapyard.close();
  await pass(MINUTE);
  expect(server.open).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test('other subscriptions come back too, and end when the server says so', async () => {
  await connect();
  const names: unknown[] = [];
  const document = gql<{ jobUpdated: { status: string } }>(
    'subscription { jobUpdated(id: "j") { id status } }',
  );
  const stream = snapyard.client.subscription(document, {});
  const watching = stream.subscribe(({ data }) => names.push(data?.jobUpdated.status));
  await pass(0);
  server.feed.socket.drop();
  await pass(1_000);
  const { socket, id } = server.asked.findLast(({ query }) => query.includes('jobUpdated')) ?? {};
  const job = { __typename: 'Job', id: 'j', status: 'SUCCEEDED' };
  socket?.receive({ type: 'next', id: id ?? '', payload: { data: { jobUpdated: job } } });
  socket?.receive({ type: 'complete', id: id ?? '' });
  await pass(MINUTE);
  expect(new Set(names)).toEqual(new Set(['SUCCEEDED']));
  expect(server.asked.filter(({ query }) => query.includes('jobUpdated'))).toHaveLength(2);
  watching.unsubscribe();
});
