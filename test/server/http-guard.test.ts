import { expect, test } from 'vitest';
import { bearer, makeTokens, post, send, serve } from '../kit/served.ts';

const ORIGINS = ['https://board.example.org', 'http://localhost:5173'];

/** Asks as a page of an origin does, under a name of the server. */
async function statusFor(
  url: string,
  headers: Record<string, string>,
): Promise<[number, string | undefined]> {
  const answer = await send(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{"query":"{ cursor }"}',
  });
  return [answer.status, answer.headers['access-control-allow-origin']];
}

test.each<[string, [number, string | undefined]]>([
  ['https://board.example.org', [200, 'https://board.example.org']],
  ['http://localhost:5173', [200, 'http://localhost:5173']],
  ['https://evil.example.org', [403, undefined]],
  ['https://board.example.org.evil.com', [403, undefined]],
  ['http://board.example.org', [403, undefined]],
  ['https://board.example.org:444', [403, undefined]],
  ['null', [403, undefined]],
  ['nonsense', [403, undefined]],
])('a page of %s is answered %o', async (origin, expected) => {
  const { url, contexts } = await serve({ settings: { origins: ORIGINS } });
  expect(await statusFor(url, { origin })).toEqual(expected);
  expect(contexts.opened()).toBe(expected[0] === 200 ? 1 : 0);
});

test('pages of our own need no permission, nor do callers that are no pages', async () => {
  const { url } = await serve();
  expect(await statusFor(url, { origin: url })).toEqual([200, undefined]);
  expect(await statusFor(url, {})).toEqual([200, undefined]);
});

test('a page asks first, and only pages that may call are told so', async () => {
  const { url } = await serve({ settings: { origins: ORIGINS } });
  const asked = (origin: string) =>
    send(`${url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
  const allowed = await asked('https://board.example.org');
  expect(allowed.status).toBe(204);
  expect(allowed.headers).toMatchObject({
    'access-control-allow-origin': 'https://board.example.org',
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'authorization, content-type',
    vary: 'Origin',
  });
  expect(allowed.headers).not.toHaveProperty('access-control-allow-credentials');
  const refused = await asked('https://evil.example.org');
  expect(refused.status).toBe(403);
  expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
});

// A stranger's name may be made to point at this machine: only our own names count.
test.each([
  ['localhost:4000', 200],
  ['127.0.0.1', 200],
  ['[::1]:4000', 200],
  ['board.example.org', 200],
  ['evil.example.org', 403],
  ['evil.example.org:4000', 403],
  ['localhost.evil.org', 403],
  ['127.0.0.1.evil.org', 403],
])('without tokens, a request for %s is answered %i', async (host, status) => {
  const { url } = await serve({ settings: { origins: ORIGINS } });
  expect((await statusFor(url, { host }))[0]).toBe(status);
  const { status: token } = await send(`${url}/playground/token`, { headers: { host } });
  expect(token).toBe(status);
});

test('with tokens, the server has any name', async () => {
  const tokens = makeTokens();
  const server = await serve({ auth: tokens.auth });
  const headers = { ...bearer(tokens.add('alice', 'USER')), host: 'yard.example.org' };
  expect((await post(server, '{ cursor }', headers)).status).toBe(200);
});

test('probes are answered under any name', async () => {
  const { url, http } = await serve();
  const probe = (path: string) => send(url + path, { headers: { host: '10.1.2.3' } });
  expect((await probe('/healthz')).status).toBe(200);
  expect((await probe('/readyz')).status).toBe(503);
  http.markReady();
  expect((await probe('/readyz')).status).toBe(200);
});
