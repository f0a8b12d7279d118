import { expect, test } from 'vitest';
import type { Fault, RequestSeen } from './faults.ts';
import { at } from './fields.ts';
import { MACHINES, type Opened, open } from './opened.ts';

function machine(name: string, labels?: object): object {
  return { metadata: { name, labels }, spec: { size: 1 } };
}

async function exists({ call }: Opened, name: string): Promise<boolean> {
  return (await call('GET', `${MACHINES}/${name}`)).status === 200;
}

test('a fault strikes as often as asked, only what it is meant for', async () => {
  const opened = await open();
  const { call, simulator } = opened;
  const fault: Fault = {
    verb: 'create',
    kind: 'Machine',
    name: undefined,
    times: 2,
    skip: 1,
    does: 'ANSWER',
    status: 429,
  };
  simulator.faults.add(fault);
  const answers = [];
  for (const name of ['a', 'b', 'c', 'd'])
    answers.push(await call('POST', MACHINES, machine(name)));
  expect(answers.map(({ status }) => status)).toEqual([201, 429, 429, 201]);
  expect(answers[1]?.headers.get('retry-after')).toBe('1');
  expect(answers[1]?.body).toMatchObject({
    reason: 'TooManyRequests',
    details: { retryAfterSeconds: 1 },
  });
  expect(await exists(opened, 'b')).toBe(false);
});

test('stars in names stand for anything, and no answer can mean that it was done', async () => {
  const opened = await open();
  const { call, simulator } = opened;
  await call('POST', MACHINES, machine('cp-one'));
  await call('POST', MACHINES, machine('wk-one'));
  simulator.faults.add({
    verb: 'delete',
    kind: 'machines',
    name: 'cp-*',
    does: 'RESET',
    when: 'AFTER',
  });
  expect((await call('DELETE', `${MACHINES}/wk-one`)).status).toBe(200);
  await expect(call('DELETE', `${MACHINES}/cp-one`)).rejects.toThrow('fetch failed');
  expect(await exists(opened, 'cp-one')).toBe(false);
});

test('a reset before the effect leaves everything as it was', async () => {
  const opened = await open();
  opened.simulator.faults.add({ verb: 'create', does: 'RESET' });
  await expect(opened.call('POST', MACHINES, machine('a'))).rejects.toThrow('fetch failed');
  expect(await exists(opened, 'a')).toBe(false);
});

test('a refusal after the effect hides that it was done', async () => {
  const opened = await open();
  opened.simulator.faults.add({ verb: 'create', does: 'ANSWER', status: 500, when: 'AFTER' });
  expect((await opened.call('POST', MACHINES, machine('a'))).status).toBe(500);
  expect(await exists(opened, 'a')).toBe(true);
});

test('a request that hangs is never answered, until its client goes', async () => {
  const { simulator, world } = await open();
  simulator.faults.add({ verb: 'list', does: 'HANG' });
  const client = new AbortController();
  const url = `http://127.0.0.1:${simulator.port}${MACHINES}`;
  let end = 'none';
  void fetch(url, { signal: client.signal }).then(
    () => (end = 'an answer'),
    () => (end = 'no answer'),
  );
  await world.advance(24 * 3_600_000);
  expect(end).toBe('none');
  client.abort();
  await world.runUntil(() => end === 'no answer', { withinMs: 1000 });
});

test('the webhook of KubeVirt can be down', async () => {
  const { call, simulator } = await open();
  simulator.faults.add({ kind: 'Machine', verb: 'create', does: 'WEBHOOK_DOWN' });
  const { status, body } = await call('POST', MACHINES, machine('a'));
  expect(status).toBe(500);
  expect(body['message']).toContain('failed calling webhook');
});

test('a silent watch sends nothing, not even bookmarks', async () => {
  const opened = await open();
  opened.simulator.faults.add({ verb: 'watch', does: 'SILENT' });
  const watch = await opened.watch(`${MACHINES}?watch=1&allowWatchBookmarks=true`);
  await opened.call('POST', MACHINES, machine('a'));
  await opened.world.advance(3_600_000);
  expect(watch).toMatchObject({ status: 200, lines: [], end: undefined });
  watch.stop();
});

test('a version too old can be told as an HTTP status', async () => {
  const { call, simulator } = await open();
  simulator.faults.add({ verb: 'watch', does: 'EXPIRE' });
  const { status, body } = await call('GET', `${MACHINES}?watch=1&resourceVersion=1`);
  expect(status).toBe(410);
  expect(body['reason']).toBe('Expired');
});

test('the whole API can be gone for a time', async () => {
  const { call, world, simulator } = await open();
  simulator.goAway(5_000);
  await expect(call('GET', '/version')).rejects.toThrow('fetch failed');
  await world.advance(5_000);
  expect((await call('GET', '/version')).status).toBe(200);
});

test('faults and mishaps are planned over HTTP, and nonsense is refused', async () => {
  const { call, simulator } = await open();
  const fault = { verb: 'list', does: 'ANSWER', status: 503, times: 0 };
  expect((await call('POST', '/simulator/faults', fault)).status).toBe(200);
  expect((await call('GET', MACHINES)).status).toBe(503);
  expect((await call('GET', MACHINES)).status).toBe(503);
  await call('DELETE', '/simulator/faults');
  expect((await call('GET', MACHINES)).status).toBe(200);
  expect((await call('POST', '/simulator/faults', { does: 'DANCE' })).status).toBe(400);
  expect((await call('POST', '/simulator/nothing')).status).toBe(404);
  await call('POST', '/simulator/mishaps', { name: 'slow', object: 'cp-*' });
  expect(simulator.mishaps.strikes('slow', { namespace: 'x', name: 'cp-1' })).toBe(true);
  const { body } = await call('GET', '/simulator/log');
  const lines = body['lines'] as { what: string; at: string }[];
  expect(lines.filter(({ what }) => what === 'a fault struck a request')).toHaveLength(2);
  expect(at(lines[0], 'at')).toMatch(/^2026-01-01T/);
});

test('a mishap is used up, and an object can bring one upon itself', async () => {
  const { call, simulator } = await open();
  const { mishaps } = simulator;
  mishaps.add({ name: 'hangs', namespace: 'lab-*', times: 2 });
  const strike = (namespace: string) => mishaps.strikes('hangs', { namespace, name: 'a' });
  expect([strike('other'), strike('lab-1'), strike('lab-2'), strike('lab-3')]).toEqual([
    false,
    true,
    true,
    false,
  ]);
  await call('POST', MACHINES, machine('b', { 'simulator.snapyard.io/mishap': 'hangs.fails' }));
  const b = { namespace: 'default', name: 'b' };
  expect([mishaps.strikes('fails', b), mishaps.strikes('hangs', b)]).toEqual([true, true]);
  expect(mishaps.strikes('sleeps', b)).toBe(false);
});

test('a share of requests is struck, the same for the same seed', async () => {
  const struck = async (seed: number) => {
    const { call, simulator } = await open({ seed });
    simulator.faults.add({ verb: 'list', does: 'ANSWER', status: 500, times: 0, chance: 0.5 });
    const statuses: number[] = [];
    for (let count = 0; count < 12; count += 1) statuses.push((await call('GET', MACHINES)).status);
    return statuses.join(' ');
  };
  const [one, again, other] = [await struck(1), await struck(1), await struck(2)];
  expect(one).toBe(again);
  expect(one).not.toBe(other);
  expect(one).toContain('500');
  expect(one).toContain('200');
});

test('whoever breaks things is told of each request before and after its effect', async () => {
  const told: string[] = [];
  const onRequest = (when: string, { verb, kind, name }: RequestSeen) => {
    told.push(`${when} ${verb} ${kind} ${name ?? ''}`.trim());
    return name === 'cut' && when === 'AFTER' ? ('RESET' as const) : undefined;
  };
  const opened = await open({ onRequest });
  await opened.call('POST', MACHINES, machine('cut'));
  await expect(opened.call('DELETE', `${MACHINES}/cut`)).rejects.toThrow('fetch failed');
  expect(told).toEqual([
    'BEFORE create Machine',
    'AFTER create Machine',
    'BEFORE delete Machine cut',
    'AFTER delete Machine cut',
  ]);
  expect(opened.simulator.objects.get('Machine', 'default', 'cut')).toBeUndefined();
});
