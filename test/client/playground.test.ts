import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OperationDefinitionNode, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { LastIds } from '../../client/playground/last-ids.ts';
import { type Message, MessageScroll } from '../../client/playground/message-scroll.ts';
import { READY_MADE_TABS } from '../../client/playground/ready-made.ts';
import { viewingOf } from '../../client/playground/viewing.ts';
import { ServerProcess } from '../kit/server-process.ts';

// The ready-made tabs on a real server, in the order of a morning: each test goes on where the
// one before ended.

const folder = mkdtempSync(join(tmpdir(), 'snapyard-playground-'));
const server = new ServerProcess(folder, { SNAPYARD_SIMULATOR_SPEED: '10000' });
const ids = new LastIds();

beforeAll(() => server.start(), 60_000);

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** Every operation of the tabs, by name. */
const OPERATIONS = new Map(
  READY_MADE_TABS.flatMap((tab) =>
    parse(tab.query)
      .definitions.filter((one): one is OperationDefinitionNode => 'operation' in one)
      .map(({ name }) => [name?.value ?? '', tab]),
  ),
);

/** What a tab sends when nothing was typed in it. */
function payloadOf(operationName: string) {
  const tab = OPERATIONS.get(operationName);
  if (tab === undefined) throw new Error(`no tab has ${operationName}`);
  const variables = ids.filledIn(tab.variables) ?? tab.variables;
  const values = variables === '' ? {} : (JSON.parse(variables) as Record<string, unknown>);
  return { query: tab.query, operationName, variables: values };
}

async function run(operationName: string): Promise<Message> {
  const response = await fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(payloadOf(operationName)),
  });
  const answer = (await response.json()) as Message;
  ids.notice(answer);
  return answer;
}

/** Subscribes until a message is what one waits for; answers all that came. */
async function watch(
  operationName: string,
  until: (text: string) => boolean,
  onFirst = () => {},
): Promise<string[]> {
  const url = `${server.origin.replace('http', 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
  const texts: string[] = [];
  for await (const message of client.iterate(payloadOf(operationName))) {
    expect(message.errors).toBeUndefined();
    texts.push(JSON.stringify(message.data));
    if (texts.length === 1) onFirst();
    if (until(texts.at(-1) ?? '')) break;
  }
  await client.dispose();
  return texts;
}

test('there is a tab for each thing that admins do all day', () => {
  expect([...OPERATIONS.keys()]).toEqual([
    'Look',
    'Watch',
    'Claim',
    'Extend',
    'Release',
    'Bootstrap',
    'WarmUp',
    'Snapshots',
    'CreateSnapshots',
    'RecreateSnapshots',
    'DeleteSnapshots',
    'WatchJob',
    'CancelJob',
    'LatestJobs',
    'Resize',
  ]);
  for (const { query, variables } of READY_MADE_TABS) {
    expect(query).toMatch(/^# [A-Z]/);
    if (query.includes('mutation')) expect(query).toContain('... on UserError { code message }');
    if (variables !== '') JSON.parse(variables);
  }
});

test('a claim, as it is watched, extended and released', async () => {
  const available = async () => JSON.stringify(await run('Look'));
  await expect.poll(available, { timeout: 20_000 }).toContain('"availableClusters":3');

  const began = Promise.withResolvers<void>();
  const seen = watch('Watch', (text) => text.includes('"RELEASE"'), began.resolve);
  await began.promise;
  expect(await run('Claim')).toMatchObject({
    data: { createSession: { __typename: 'Session', status: 'RUNNING', servedFrom: 'POOL' } },
  });
  expect(await run('Extend')).toMatchObject({
    data: { extendSession: { __typename: 'Session', status: 'RUNNING' } },
  });
  expect(await run('Release')).toMatchObject({
    data: { releaseSession: { __typename: 'Session', endReason: 'RELEASED' } },
  });
  expect((await seen)[0]).toContain('"FeedState"');
});

test.each(['CreateSnapshots', 'RecreateSnapshots', 'DeleteSnapshots', 'Bootstrap', 'WarmUp'])(
  '%s starts a job that can be watched to its end',
  async (operation) => {
    expect(Object.values((await run(operation))['data'] ?? {})).toMatchObject([
      { __typename: 'Job', kind: expect.any(String) as string },
    ]);
    const ended = await watch('WatchJob', (text) => /"(SUCCEEDED|FAILED|CANCELLED)"/.test(text));
    expect(ended.at(-1)).toContain('"SUCCEEDED"');
    expect(await run('CancelJob')).toMatchObject({
      data: { cancelJob: { __typename: 'WrongState', code: 'WRONG_STATE' } },
    });
  },
);

test('the lists answer, and the pool is resized', async () => {
  expect(await run('Snapshots')).toMatchObject({ data: { clusterPool: {}, snapshots: {} } });
  const jobs = await run('LatestJobs');
  expect(jobs).toMatchObject({ data: { jobs: { edges: { length: 5 } } } });
  expect(await run('Resize')).toMatchObject({
    data: { updateClusterPool: { __typename: 'ClusterPool', size: 4 } },
  });
});

test('of a stream the newest is on top and bookmarks do not push changes out', () => {
  const scroll = new MessageScroll();
  const message = (type: string, n: number) => ({ data: { changes: { __typename: type, n } } });
  expect(scroll.shown()).toEqual({});
  scroll.add(message('FeedState', 1), '09:00:00');
  expect(scroll.shown()).toEqual({ message: 1, at: '09:00:00', ...message('FeedState', 1) });
  scroll.add(message('FeedBookmark', 2), '09:00:10');
  scroll.add(message('FeedBookmark', 3), '09:00:20');
  scroll.add(message('FeedChanges', 4), '09:00:25');
  expect(scroll.shown()).toEqual({
    message: 4,
    at: '09:00:25',
    ...message('FeedChanges', 4),
    earlier: [{ at: '09:00:00', ...message('FeedState', 1) }],
  });
  expect(scroll.ended('It broke.')).toMatchObject({ errors: [{ message: 'It broke.' }] });
  scroll.add({ data: { changes: { reason: null, to: 'LOCKED' } } }, '09:00:30');
  expect(scroll.shown()).toMatchObject({ data: { changes: { reason: null } } });
  scroll.add(message('FeedBookmark', 6), '09:00:40');
  const { earlier } = scroll.shown() as { earlier: unknown[] };
  expect(earlier[0]).toEqual({ at: '09:00:30', data: { changes: { to: 'LOCKED' } } });
  for (let n = 7; n < 100; n += 1) scroll.add(message('FeedChanges', n), '09:01:00');
  expect(scroll.shown()).toMatchObject({ message: 99, earlier: { length: 29 } });
  scroll.add({ data: { changes: 'x'.repeat(1_000_000) } }, '09:02:00');
  expect(scroll.shown()).not.toHaveProperty('earlier');
});

test('ids are filled in where nobody has written one', () => {
  const last = new LastIds();
  const session = (id: string) => ({ data: { createSession: { __typename: 'Session', id } } });
  expect(last.filledIn('{ "sessionId": "" }')).toBeUndefined();
  last.notice(session('s1'));
  last.notice({ errors: [{ message: 'no' }] });
  const filled = last.filledIn('{ "sessionId": "", "minutes": 5 }') ?? '';
  expect(JSON.parse(filled)).toEqual({ sessionId: 's1', minutes: 5 });
  expect(last.filledIn(filled)).toBeUndefined();
  expect(last.filledIn('{ "sessionId": "mine" }')).toBeUndefined();
  expect(last.filledIn('{ "jobId": "" }')).toBeUndefined();
  expect(last.filledIn('{ "sessionId": ')).toBeUndefined();
  last.notice(session('s2'));
  expect(JSON.parse(last.filledIn(filled) ?? '')).toEqual({ sessionId: 's2', minutes: 5 });
});

test('who we are is read from the answer, whatever it is', () => {
  const viewer = { name: 'ada', role: 'USER' };
  expect(viewingOf({ data: { viewer } })).toEqual({ kind: 'KNOWN', ...viewer });
  const unknown = { errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] };
  expect(viewingOf(unknown)).toEqual({ kind: 'UNKNOWN' });
  expect(viewingOf({ errors: [{ message: 'no answer' }] })).toEqual({ kind: 'AWAY' });
});
