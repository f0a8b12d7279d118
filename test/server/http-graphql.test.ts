import { request } from 'node:http';
import { expect, test } from 'vitest';
import { TooManyReads } from '../../db/readers.ts';
import type { FeedMessage } from '../../schema/context.ts';
import { globalId } from '../../schema/global-id.ts';
import { PoolExhausted } from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import { streamOf } from '../kit/ask.ts';
import { aSession } from '../kit/rows.ts';
import { bearer, deferred, makeTokens, post, send, serve } from '../kit/served.ts';

const GRAPHQL_JSON = 'application/graphql-response+json';
const JSON_TYPE = { 'content-type': 'application/json' };
const CLAIM = `mutation { createSession(input: { pool: "cks" }) {
  __typename ... on Session { id } ... on UserError { code message } } }`;

test('a query is answered, and nothing may keep the answer', async () => {
  const server = await serve();
  const { status, headers, json } = await post(server, '{ viewer { name role } cursor }');
  expect(json).toEqual({
    data: { viewer: { name: 'local', role: 'ADMIN' }, cursor: 'epoch123-7' },
  });
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
});

test.each([
  ['application/json', 'application/json; charset=utf-8'],
  [GRAPHQL_JSON, `${GRAPHQL_JSON}; charset=utf-8`],
  [`${GRAPHQL_JSON}, application/json;q=0.9`, `${GRAPHQL_JSON}; charset=utf-8`],
  ['*/*', 'application/json; charset=utf-8'],
])('who accepts %s gets %s', async (accept, type) => {
  const { headers } = await post(await serve(), '{ cursor }', { accept });
  expect(headers['content-type']).toBe(type);
});

test('variables and operation names are used', async () => {
  const server = await serve();
  const query = `query A { cursor } query B($name: String!) { clusterPool(name: $name) { name } }`;
  const b = { query, operationName: 'B', variables: { name: 'cks' } };
  expect((await post(server, b)).json.data).toEqual({ clusterPool: { name: 'cks' } });
  const a = { query, operationName: 'A', variables: null, extensions: {} };
  expect((await post(server, a)).json.data).toEqual({ cursor: 'epoch123-7' });
});

// What is wrong with a request as such: told to the caller, and executed never.
test.each<[string, object]>([
  ['a document that does not parse', { query: '{ viewer' }],
  ['a field that is not there', { query: '{ vewer { name } }' }],
  ['no operation of that name', { query: 'query A { cursor }', operationName: 'B' }],
  ['two operations and no name', { query: 'query A { cursor } query B { cursor }' }],
  ['a variable that is missing', { query: 'query ($id: ID!) { session(id: $id) { id } }' }],
  [
    'a variable of another type',
    { query: 'query ($n: Int) { jobs(first: $n) { totalCount } }', variables: { n: 'two' } },
  ],
  [
    'a number that is too large',
    { query: 'query ($n: Int) { jobs(first: $n) { totalCount } }', variables: { n: 2 ** 40 } },
  ],
  [
    'a time that is none',
    {
      query: 'query ($t: DateTime) { provisioningStats(pool: "cks", since: $t) { count } }',
      variables: { t: 'soon' },
    },
  ],
  [
    'an input field that is not there',
    {
      query: 'mutation ($i: CreateSessionInput!) { createSession(input: $i) { __typename } }',
      variables: { i: { pool: 'cks', color: 'red' } },
    },
  ],
  ['a cursor that is none', { query: 'subscription { changes(after: "nonsense") { cursor } }' }],
])('%s is BAD_INPUT', async (_what, operation) => {
  const server = await serve();
  const plain = await post(server, operation);
  expect(plain.json).not.toHaveProperty('data');
  expect(plain.json.errors?.map((error) => error.extensions)).toEqual([{ code: 'BAD_INPUT' }]);
  expect(plain.status).toBe(200);
  expect((await post(server, operation, { accept: GRAPHQL_JSON })).status).toBe(400);
  expect(server.errors).toEqual([]);
  expect(server.contexts.lent()).toBe(0);
});

test.each<[string, string]>([
  ['text', 'nonsense'],
  ['nothing', ''],
  ['a list of operations', '[{"query":"{ cursor }"}]'],
  ['a number', '1'],
  ['null', 'null'],
  ['no query', '{"variables":{}}'],
  ['a query that is no text', '{"query":{}}'],
  ['variables that are a list', '{"query":"{ cursor }","variables":[]}'],
])('a body that is %s is no request', async (_what, body) => {
  const { url } = await serve();
  const { status, text } = await send(`${url}/graphql`, {
    method: 'POST',
    headers: JSON_TYPE,
    body,
  });
  expect(status).toBe(400);
  expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'BAD_INPUT' } }] });
});

test.each<Record<string, string>>([
  { 'content-type': 'application/x-www-form-urlencoded' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/graphql' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  {},
])('a body sent as %o is refused', async (headers) => {
  const { url, contexts } = await serve();
  const body = JSON.stringify({ query: CLAIM });
  const { status } = await send(`${url}/graphql`, { method: 'POST', headers, body });
  expect(status).toBe(415);
  expect(contexts.opened()).toBe(0);
});

test.each(['GET', 'PUT', 'DELETE', 'PATCH'])('%s is not how GraphQL is sent', async (method) => {
  const { url } = await serve();
  const { status, headers } = await send(`${url}/graphql?query={cursor}`, { method });
  expect([status, headers.allow]).toEqual([405, 'POST']);
});

test('JSON with a charset is JSON', async () => {
  const headers = { 'content-type': 'Application/JSON; charset="UTF-8"' };
  const { json } = await post(await serve(), '{ clusterPool(name: "żółw") { name } }', headers);
  expect(json).toEqual({ data: { clusterPool: null } });
});

test('a body that is too large is refused before it is read', async () => {
  const { url } = await serve({ limits: { bodyBytes: 1_000 } });
  const body = JSON.stringify({ query: `{ cursor } #${'x'.repeat(1_000)}` });
  const whole = await send(`${url}/graphql`, { method: 'POST', headers: JSON_TYPE, body });
  expect([whole.status, whole.headers.connection]).toEqual([413, 'close']);
});

test('a body of unknown length is refused when it becomes too large', async () => {
  const { url } = await serve({ limits: { bodyBytes: 1_000 } });
  const status = await new Promise((resolve) => {
    const headers = { ...JSON_TYPE, 'transfer-encoding': 'chunked' };
    const sent = request(`${url}/graphql`, { method: 'POST', headers, agent: false });
    sent.on('response', (response) => resolve(response.resume().statusCode));
    sent.on('error', () => {}); // the server ends the connection
    sent.write(`{"query":"${'x'.repeat(900)}`);
    sent.write('x'.repeat(900));
  });
  expect(status).toBe(413);
});

test('a caller who leaves in the middle of a body leaves nothing behind', async () => {
  const server = await serve();
  await new Promise<void>((resolve) => {
    const headers = { ...JSON_TYPE, 'content-length': '500' };
    const sent = request(`${server.url}/graphql`, { method: 'POST', headers, agent: false });
    sent.on('error', () => resolve());
    sent.write('{"query":', () => sent.destroy());
  });
  expect((await post(server, '{ cursor }')).status).toBe(200);
  expect(server.contexts.lent()).toBe(0);
  expect(server.errors).toEqual([]);
});

test('a refusal is data', async () => {
  const verbs = { createSession: () => Promise.reject(new PoolExhausted()) };
  const { status, json } = await post(await serve({ verbs }), CLAIM);
  const message = 'no available clusters in pool';
  expect(json).toEqual({
    data: { createSession: { __typename: 'PoolExhausted', code: 'POOL_EXHAUSTED', message } },
  });
  expect(status).toBe(200);
});

test('a fault is logged once, and its caller learns no more than its id', async () => {
  const verbs = { createSession: () => Promise.reject(new Error('secret: hunter2')) };
  const server = await serve({ verbs });
  const { status, text, json } = await post(server, CLAIM);
  const [error] = json.errors ?? [];
  expect([status, json.data, json.errors?.length]).toEqual([200, null, 1]);
  expect(error).toMatchObject({ path: ['createSession'], extensions: { code: 'INTERNAL' } });
  expect(text).not.toMatch(/secret|hunter2|node_modules|\.ts/);
  expect(server.errors).toHaveLength(1);
  expect(server.errors[0]?.fields['id']).toBe(error?.extensions.id);
  expect(server.errors[0]?.fields['err']).toMatchObject({ message: 'secret: hunter2' });
});

test('what is thrown and is no error is a fault too', async () => {
  const verbs = {
    // eslint-disable-next-line typescript/prefer-promise-reject-errors -- that is what is tested
    createSession: () => Promise.reject('hunter2'),
  };
  const server = await serve({ verbs });
  const { text, json } = await post(server, CLAIM);
  expect(json.errors?.map(({ extensions }) => extensions.code)).toEqual(['INTERNAL']);
  expect(text).not.toContain('hunter2');
});

test('a context that cannot be opened is a fault, answered as one', async () => {
  const server = await serve();
  server.contexts.open = () => Promise.reject(new Error('hunter2'));
  const { status, text, json } = await post(server, '{ cursor }');
  expect([status, json.errors?.[0]?.extensions.code]).toEqual([500, 'INTERNAL']);
  expect(text).not.toContain('hunter2');
});

test('a database that is busy is no fault', async () => {
  const server = await serve();
  server.contexts.open = () => Promise.reject(new TooManyReads());
  const { status, json } = await post(server, '{ cursor }');
  expect([status, json.errors?.[0]?.extensions.code]).toEqual([503, 'UNAVAILABLE']);
  expect(server.errors).toEqual([]);
});

test('contexts are lent for one operation each, and only for what is executed', async () => {
  const server = await serve();
  await post(server, '{ cursor }');
  await post(server, '{ nothing }');
  await post(server, CLAIM);
  expect([server.contexts.opened(), server.contexts.lent()]).toEqual([2, 0]);
});

test('a subscription has no one answer', async () => {
  let ended = 0;
  const changes = () =>
    Object.assign(streamOf<FeedMessage>(), {
      return: () => {
        ended += 1;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    });
  const server = await serve({ feed: { changes } });
  const { status, json } = await post(server, 'subscription { changes { cursor } }');
  expect([status, json.errors?.[0]?.extensions.code]).toEqual([406, 'BAD_INPUT']);
  expect([ended, server.contexts.lent()]).toEqual([1, 0]);
});

test('more operations than the server takes on are refused, never queued', async () => {
  const claimed = deferred<Session>();
  const begun = deferred<void>();
  const createSession = () => {
    begun.resolve();
    return claimed.promise;
  };
  const server = await serve({ verbs: { createSession }, limits: { pendingOperations: 1 } });
  const first = post(server, CLAIM);
  await begun.promise;
  const second = await post(server, '{ cursor }');
  expect([second.status, second.json.errors?.[0]?.extensions.code]).toEqual([503, 'UNAVAILABLE']);
  expect(second.headers['retry-after']).toBe('1');
  claimed.resolve(aSession());
  const id = globalId('Session', 'session1');
  expect((await first).json).toEqual({ data: { createSession: { __typename: 'Session', id } } });
  expect((await post(server, '{ cursor }')).status).toBe(200);
});

test('the schema is explained to admins', async () => {
  const tokens = makeTokens();
  const server = await serve({ auth: tokens.auth });
  const ask = async (query: string, role: 'ADMIN' | 'USER') =>
    (await post(server, query, bearer(tokens.add(`a ${role}`, role)))).json;
  expect(await ask('{ __schema { queryType { name } } }', 'ADMIN')).toHaveProperty('data');
  expect(await ask('{ __type(name: "Job") { name } }', 'USER')).not.toHaveProperty('data');
  expect(await ask('{ __typename }', 'USER')).toEqual({ data: { __typename: 'Query' } });
});
