import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  KubernetesError,
  type Manifest,
} from '../../../../server/providers/kubevirt/kubernetes.ts';
import {
  type Arrived,
  json,
  list,
  type RawApi,
  rawApi,
  refuse,
  thing,
  THINGS,
} from './raw-api-server.ts';

let api: RawApi;
const { signal } = new AbortController();

beforeEach(async () => {
  api = await rawApi();
});

afterEach(() => api.close());

/** Answers each next request by the next of these, and all further ones by the last. */
function inTurn(...answers: ((request: Arrived) => void)[]): void {
  api.answer = (request) => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(request);
  };
}

const finish = <T>(promise: Promise<T>) => api.world.finish(promise, { withinMs: 300_000 });
const reset = (request: Arrived) => void request.response.socket?.resetAndDestroy();
const silent = () => {};
const sent = () => api.arrived.map(({ method }) => method);
const one = { namespace: 'a', name: 'one' };
const labels = { 'snapyard.io/cluster': '7' };
const manifest: Manifest = { metadata: { name: 'one', namespace: 'a', labels }, size: 3 };
const ours = thing('one', 5, {
  metadata: { name: 'one', namespace: 'a', resourceVersion: '5', labels: { ...labels, more: 'x' } },
});

/** The failure of a call as a test compares it. */
async function failure(call: Promise<unknown>): Promise<KubernetesError> {
  const error: unknown = await finish(call).catch((thrown: unknown) => thrown);
  if (error instanceof KubernetesError) return error;
  throw new Error('it did not fail as it should', { cause: error });
}

test('it proves who it is, and speaks to the object', async () => {
  inTurn((request) => json(request, 200, thing('one', 5)));
  const found = await finish(api.client.get(THINGS, one, signal));
  expect(found?.metadata.name).toBe('one');
  expect(api.arrived[0]).toMatchObject({
    method: 'GET',
    path: '/apis/test.io/v1/namespaces/a/things/one',
    headers: { authorization: 'Bearer secret', accept: 'application/json' },
  });
});

test('absent is no failure, but a kind that is unknown is', async () => {
  inTurn((request) => refuse(request, 404, 'NotFound'));
  expect(await finish(api.client.get(THINGS, one, signal))).toBeUndefined();
  api.answer = ({ response }) => response.writeHead(404).end('404 page not found\n');
  const error = await failure(api.client.get(THINGS, one, signal));
  expect(error.status).toBe(404);
  expect(error.message).toContain('404 page not found');
});

test.each([
  ['a reset', reset],
  ['a 500', (request: Arrived) => refuse(request, 500, 'InternalError')],
  ['a 503', (request: Arrived) => refuse(request, 503, 'ServiceUnavailable')],
  ['no answer', silent],
])('what only reads is repeated after %s', async (_what, fails) => {
  inTurn(fails, fails, (request) => json(request, 200, thing('one', 5)));
  expect(await finish(api.client.get(THINGS, one, signal))).toBeDefined();
  expect(api.arrived).toHaveLength(3);
});

test('it gives up after some attempts, and tells what the server said', async () => {
  inTurn((request) => refuse(request, 503, 'ServiceUnavailable'));
  const error = await failure(api.client.get(THINGS, one, signal));
  expect(error).toMatchObject({ status: 503, reason: 'ServiceUnavailable' });
  expect(api.arrived).toHaveLength(5);
});

test('a server that asks for time gets it', async () => {
  inTurn(
    (request) => refuse(request, 429, 'TooManyRequests', { 'retry-after': '7' }),
    (request) => json(request, 200, thing('one', 5)),
  );
  await finish(api.client.get(THINGS, one, signal));
  expect(api.world.elapsed()).toBeGreaterThanOrEqual(7_000);
  expect(api.world.elapsed()).toBeLessThan(16_000);
});

test('a call ends at once when its signal is aborted, with the reason of it', async () => {
  inTurn(silent);
  const controller = new AbortController();
  const call = api.client.get(THINGS, one, controller.signal);
  await api.world.settle();
  controller.abort(new Error('given up'));
  await expect(finish(call)).rejects.toThrow('given up');
  expect(api.world.elapsed()).toBe(0);
  expect(api.world.pendingTimers()).toEqual([]);
});

test('a list comes page by page', async () => {
  api.answer = (request) => {
    const isSecond = request.query.get('continue') === 'go on';
    const metadata = { resourceVersion: '9', ...(isSecond ? {} : { continue: 'go on' }) };
    json(request, 200, { metadata, items: [thing(isSecond ? 'two' : 'one', 5)] });
  };
  const where = { namespace: 'a', labels: { b: '2', a: '1' }, fields: { 'metadata.name': 'x' } };
  const found = await finish(api.client.list(THINGS, where, signal));
  expect(found.map(({ metadata }) => metadata.name)).toEqual(['one', 'two']);
  expect(api.arrived[0]?.query.get('labelSelector')).toBe('a=1,b=2');
  expect(api.arrived[0]?.query.get('fieldSelector')).toBe('metadata.name=x');
  expect(api.arrived[0]?.query.get('limit')).toBe('500');
});

test('a list whose later pages have expired begins again', async () => {
  inTurn(
    (request) => json(request, 200, { metadata: { continue: 'x' }, items: [thing('old', 1)] }),
    (request) => refuse(request, 410, 'Expired'),
    (request) => list(request, 9, [thing('one', 5)]),
  );
  const found = await finish(api.client.list(THINGS, { namespace: 'a' }, signal));
  expect(found.map(({ metadata }) => metadata.name)).toEqual(['one']);
});

test('an object is created strictly', async () => {
  inTurn((request) => json(request, 201, ours));
  await finish(api.client.create(THINGS, manifest, signal));
  const [request] = api.arrived;
  expect(request?.path).toBe('/apis/test.io/v1/namespaces/a/things');
  expect(request?.query.get('fieldValidation')).toBe('Strict');
  expect(request?.query.get('labelSelector')).toBeNull();
  expect(JSON.parse(request?.body ?? '')).toEqual({
    apiVersion: 'test.io/v1',
    kind: 'Thing',
    ...manifest,
  });
});

test('a name that is taken is told as it is', async () => {
  inTurn((request) => refuse(request, 409, 'AlreadyExists'));
  const error = await failure(api.client.create(THINGS, manifest, signal));
  expect(error.reason).toBe('AlreadyExists');
  expect(sent()).toEqual(['POST']);
});

test('a creation that was turned away is repeated without a look', async () => {
  inTurn(
    (request) => refuse(request, 429, 'TooManyRequests'),
    (request) => json(request, 201, ours),
  );
  await finish(api.client.create(THINGS, manifest, signal));
  expect(sent()).toEqual(['POST', 'POST']);
});

test.each([
  ['a reset', reset],
  ['a 500', (request: Arrived) => refuse(request, 500, 'InternalError')],
  ['no answer', silent],
])('a creation of unknown end, after %s, is found by its name', async (_what, fails) => {
  inTurn(fails, (request) => json(request, 200, ours));
  const made = await finish(api.client.create(THINGS, manifest, signal));
  expect(made.metadata.name).toBe('one');
  expect(sent()).toEqual(['POST', 'GET']);
});

test('a creation of unknown end that is not found is repeated; it may still turn up', async () => {
  inTurn(
    reset,
    (request) => refuse(request, 404, 'NotFound'),
    (request) => refuse(request, 409, 'AlreadyExists'),
    (request) => json(request, 200, ours),
  );
  await finish(api.client.create(THINGS, manifest, signal));
  expect(sent()).toEqual(['POST', 'GET', 'POST', 'GET']);
});

test.each([
  ['has other labels', { labels: { 'snapyard.io/cluster': '8' } }],
  ['is being deleted', { labels, deletionTimestamp: '2026-01-01T00:00:00Z' }],
])('a creation of unknown end takes nothing that %s', async (_what, more) => {
  const metadata = { name: 'one', namespace: 'a', resourceVersion: '5', ...more };
  inTurn(reset, (request) => json(request, 200, thing('one', 5, { metadata })));
  const error = await failure(api.client.create(THINGS, manifest, signal));
  expect(error).toMatchObject({ status: 409, reason: 'AlreadyExists' });
});

test('a creation whose name the server chooses is never repeated blindly', async () => {
  inTurn(reset);
  const metadata = { generateName: 'one-', namespace: 'a', labels };
  expect((await failure(api.client.create(THINGS, { metadata }, signal))).status).toBe(0);
  expect(sent()).toEqual(['POST']);
});

test('a patch is a merge patch; only one with a precondition is repeated', async () => {
  inTurn(reset, (request) => json(request, 200, ours));
  const careful = { metadata: { resourceVersion: '5', annotations: { a: 'b' } } };
  await finish(api.client.patch(THINGS, one, careful, signal));
  expect(api.arrived[0]).toMatchObject({
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify(careful),
  });
  expect(api.arrived[0]?.query.get('fieldValidation')).toBe('Strict');
  expect(api.arrived).toHaveLength(2);
  inTurn(reset);
  await failure(api.client.patch(THINGS, one, { size: 4 }, signal));
  expect(api.arrived).toHaveLength(3);
});

test('a deletion is of one very object, and absent is as good', async () => {
  inTurn(reset, (request) => refuse(request, 404, 'NotFound'));
  await finish(api.client.remove(THINGS, one, { uid: 'u1', signal }));
  expect(JSON.parse(api.arrived[1]?.body ?? '')).toMatchObject({ preconditions: { uid: 'u1' } });

  const message = 'Precondition failed: UID in precondition: u1, UID in object meta: u2';
  inTurn((request) =>
    json(request, 409, { kind: 'Status', code: 409, reason: 'Conflict', message }),
  );
  await finish(api.client.remove(THINGS, one, { uid: 'u1', signal }));

  inTurn((request) => refuse(request, 409, 'Conflict'));
  expect((await failure(api.client.remove(THINGS, one, { uid: 'u1', signal }))).status).toBe(409);
});

test('an order to a subresource answers nothing, and is not given twice', async () => {
  inTurn(({ response }) => response.writeHead(202).end());
  const path = '/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachines/one/start';
  expect(await finish(api.client.call('PUT', path, { signal, body: {} }))).toBeUndefined();
  inTurn(reset);
  await failure(api.client.call('PUT', path, { signal }));
  expect(sent()).toEqual(['PUT', 'PUT']);
});

test('a refusal keeps what exactly is wrong', async () => {
  const details = {
    causes: [{ reason: 'FieldValueInvalid', message: 'too big', field: 'spec.size' }],
    retryAfterSeconds: 3,
  };
  const status = {
    kind: 'Status',
    code: 422,
    reason: 'Invalid',
    message: 'one is invalid',
    details,
  };
  inTurn((request) => json(request, 422, status));
  expect(await failure(api.client.create(THINGS, manifest, signal))).toMatchObject({
    status: 422,
    reason: 'Invalid',
    message: 'one is invalid',
    causes: details.causes,
    retryAfterMs: 3_000,
  });
});

test.each([
  ['words instead of JSON', '<html>\n  gateway </html>', 'no JSON'],
  ['an object that is none', '{"metadata":{}}', 'a Thing that is none'],
])('an answer of %s is a failure that people can read', async (_what, text, says) => {
  inTurn(({ response }) => response.writeHead(200).end(text));
  expect((await failure(api.client.get(THINGS, one, signal))).message).toContain(says);
});

test('an answer without end is cut off', async () => {
  inTurn(({ response }) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(1024 * 1024)));
    };
    response.on('drain', more);
    more();
  });
  const error = await failure(api.client.call('GET', '/version', { signal }));
  expect(error.message).toContain('longer than');
  expect(api.arrived).toHaveLength(1);
});

test('many calls at once share a few connections', async () => {
  let connections = 0;
  api.server.on('connection', () => {
    connections += 1;
  });
  inTurn((request) => json(request, 200, thing('one', 5)));
  const calls = Array.from({ length: 100 }, () => api.client.get(THINGS, one, signal));
  await finish(Promise.all(calls));
  expect(connections).toBeLessThanOrEqual(16);
});

test('watches do not stand in the way of requests', async () => {
  api.answer = (request) => {
    if (request.query.get('watch') === null) return list(request, 1, []);
    request.response.writeHead(200);
    request.response.flushHeaders();
  };
  const views = Array.from({ length: 20 }, (_, n) =>
    api.client.view(THINGS, { namespace: `n${n}` }),
  );
  for (const view of views) view.onChange(() => {});
  await finish(Promise.all(views.map((view) => view.ready(signal))));
  await api.world.settle();
  expect(await finish(api.client.list(THINGS, {}, signal))).toEqual([]);
});

test('after the closing every call fails at once', async () => {
  await api.client.close();
  expect((await failure(api.client.get(THINGS, one, signal))).reason).toBe('Closed');
  expect(api.arrived).toEqual([]);
});

test('no secret of the login is in any error', async () => {
  inTurn((request) => refuse(request, 500, 'InternalError'));
  const refused = await failure(api.client.get(THINGS, one, signal));
  inTurn(reset);
  const cut = await failure(api.client.get(THINGS, one, signal));
  for (const error of [refused, cut]) {
    expect(JSON.stringify([error.message, error.stack, error.cause ?? null])).not.toContain(
      'secret',
    );
  }
});
