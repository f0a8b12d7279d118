import { expect, test } from 'vitest';
import { at, type Fields } from './fields.ts';
import { MACHINES, type Opened, open, type WatchSeen } from './opened.ts';

/** Creates machines by these names; answers the version after the last. */
async function make({ call }: Opened, ...names: readonly string[]): Promise<string> {
  let version = '';
  for (const name of names) {
    const { body } = await call('POST', MACHINES, { metadata: { name }, spec: { size: 1 } });
    version = at(body, 'metadata.resourceVersion') as string;
  }
  return version;
}

function label({ call }: Opened, name: string, labels: object | null) {
  const type = 'application/merge-patch+json';
  return call('PATCH', `${MACHINES}/${name}`, { metadata: { labels } }, { type });
}

function seenIn({ lines }: WatchSeen): string[] {
  return lines.map(({ type, object }) => `${type} ${at(object, 'metadata.name') as string}`);
}

function namesIn(body: Fields): unknown[] {
  return (body['items'] as unknown[]).map((item) => at(item, 'metadata.name'));
}

test('the pages of a list fit together, whatever changes meanwhile', async () => {
  const opened = await open();
  await make(opened, 'a', 'b', 'c', 'd', 'e');
  const first = await opened.call('GET', `${MACHINES}?limit=2`);
  expect(namesIn(first.body)).toEqual(['a', 'b']);
  expect(at(first.body, 'metadata.remainingItemCount')).toBe(3);
  await opened.call('DELETE', `${MACHINES}/d`);
  await make(opened, 'cc');
  const token = at(first.body, 'metadata.continue') as string;
  const next = await opened.call('GET', `${MACHINES}?limit=5&continue=${token}`);
  expect(namesIn(next.body)).toEqual(['c', 'd', 'e']);
  expect(at(next.body, 'metadata.resourceVersion')).toBe(
    at(first.body, 'metadata.resourceVersion'),
  );
});

test('a page that continues a list too old to be known is refused with 410', async () => {
  const opened = await open();
  await make(opened, 'a', 'b');
  const { body } = await opened.call('GET', `${MACHINES}?limit=1`);
  await make(opened, 'c');
  opened.simulator.forgetHistory();
  const token = at(body, 'metadata.continue') as string;
  const next = await opened.call('GET', `${MACHINES}?limit=1&continue=${token}`);
  expect(next).toMatchObject({ status: 410, body: { reason: 'Expired' } });
});

test('labels and fields select', async () => {
  const opened = await open();
  await make(opened, 'a', 'b', 'c');
  await label(opened, 'a', { tier: 'x', on: '' });
  await label(opened, 'b', { tier: 'y' });
  const select = async (query: string) =>
    namesIn((await opened.call('GET', `${MACHINES}?${query}`)).body);
  expect(await select('labelSelector=tier%3Dx')).toEqual(['a']);
  expect(await select('labelSelector=tier!%3Dx')).toEqual(['b', 'c']);
  expect(await select('labelSelector=tier+in+(x,y),!on')).toEqual(['b']);
  expect(await select('labelSelector=on')).toEqual(['a']);
  expect(await select('fieldSelector=metadata.name%3Dc')).toEqual(['c']);
  const bad = await opened.call('GET', `${MACHINES}?fieldSelector=spec.size%3D1`);
  expect(bad.status).toBe(400);
});

test('a watch tells what is there, then what changes', async () => {
  const opened = await open();
  await make(opened, 'a');
  const watch = await opened.watch(`${MACHINES}?watch=1`);
  await make(opened, 'b');
  await label(opened, 'a', { x: 'y' });
  await opened.call('DELETE', `${MACHINES}/b`);
  await opened.world.settle();
  expect(seenIn(watch)).toEqual(['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b']);
  watch.stop();
});

test('a watch from a version tells all that came after it', async () => {
  const opened = await open();
  const version = await make(opened, 'a');
  await make(opened, 'b', 'c');
  const watch = await opened.watch(`${MACHINES}?watch=1&resourceVersion=${version}`);
  await opened.world.settle();
  expect(seenIn(watch)).toEqual(['ADDED b', 'ADDED c']);
  watch.stop();
});

test('what ceases to match a selector is deleted for that watch', async () => {
  const opened = await open();
  await make(opened, 'a');
  const watch = await opened.watch(`${MACHINES}?watch=1&labelSelector=x`);
  await label(opened, 'a', { x: 'y' });
  await label(opened, 'a', null);
  await opened.world.settle();
  expect(seenIn(watch)).toEqual(['ADDED a', 'DELETED a']);
  watch.stop();
});

test('a watch from a version no longer known gets 410 as an event, and ends', async () => {
  const opened = await open();
  const version = await make(opened, 'a');
  await make(opened, 'b');
  opened.simulator.forgetHistory();
  const watch = await opened.watch(`${MACHINES}?watch=1&resourceVersion=${version}`);
  await opened.world.runUntil(() => watch.end !== undefined, { withinMs: 1000 });
  expect(watch.status).toBe(200);
  expect(watch.lines).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
  expect(watch.end).toBe('CLOSED');
});

test('bookmarks come each minute, for those who asked for them', async () => {
  const opened = await open();
  const plain = await opened.watch(`${MACHINES}?watch=1`);
  const marked = await opened.watch(`${MACHINES}?watch=1&allowWatchBookmarks=true`);
  await opened.world.advance(130_000);
  expect(plain.lines).toEqual([]);
  expect(marked.lines.map(({ type }) => type)).toEqual(['BOOKMARK', 'BOOKMARK']);
  expect(Object.keys(marked.lines[0]?.object ?? {}).sort()).toEqual([
    'apiVersion',
    'kind',
    'metadata',
  ]);
  plain.stop();
  marked.stop();
});

test('initial events end with a bookmark that says so', async () => {
  const opened = await open();
  await make(opened, 'a');
  const query = 'watch=1&sendInitialEvents=true&allowWatchBookmarks=true';
  const watch = await opened.watch(`${MACHINES}?${query}&resourceVersionMatch=NotOlderThan`);
  await opened.world.settle();
  expect(watch.lines.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
  watch.stop();
});

test('a watch ends cleanly when its time is over, in an hour at the latest', async () => {
  const opened = await open();
  const short = await opened.watch(`${MACHINES}?watch=1&timeoutSeconds=10`);
  const long = await opened.watch(`${MACHINES}?watch=1`);
  await opened.world.advance(10_500);
  expect(short.end).toBe('CLOSED');
  await opened.world.advance(29 * 60_000);
  expect(long.end).toBeUndefined();
  await opened.world.advance(31 * 60_000);
  expect(long.end).toBe('CLOSED');
  expect(opened.simulator.watches.size).toBe(0);
});

test('watches can be ended, torn, and told that they are too old', async () => {
  const opened = await open();
  for (const [how, end] of [
    ['CLOSE', 'CLOSED'],
    ['RESET', 'TORN'],
    ['EXPIRE', 'CLOSED'],
  ] as const) {
    const watch = await opened.watch(`${MACHINES}?watch=1`);
    await opened.call('POST', '/simulator/watches/end', { kind: 'Machine', how });
    await opened.world.settle();
    expect(watch.end).toBe(end);
    expect(watch.lines.map(({ type }) => type)).toEqual(how === 'EXPIRE' ? ['ERROR'] : []);
  }
});

test('a version from the future is refused', async () => {
  const opened = await open();
  const watch = await opened.call('GET', `${MACHINES}?watch=1&resourceVersion=999999`);
  expect(watch).toMatchObject({ status: 504, body: { reason: 'Timeout' } });
});

test('kubectl gets tables', async () => {
  const opened = await open();
  await make(opened, 'a');
  const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
  const { body } = await opened.call('GET', MACHINES, undefined, { headers });
  expect(body).toMatchObject({ kind: 'Table', rows: [{ cells: ['a', '0s'] }] });
});
