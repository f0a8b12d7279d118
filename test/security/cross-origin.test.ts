import { expect, test } from 'vitest';
import type { Session } from '../../schema/model/session.ts';
import { aSession } from '../kit/rows.ts';
import { bearer, makeTokens, send, serve } from '../kit/served.ts';
import { openSocket } from '../kit/socket.ts';

const OURS = 'https://board.example.org';
const CLAIM = 'mutation { createSession(input: { pool: "cks" }) { __typename } }';
const CLAIM_AS_FORM = `query=${encodeURIComponent(CLAIM)}`;
const CLAIM_AS_PART =
  `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n` +
  `${JSON.stringify({ query: CLAIM })}\r\n--x--\r\n`;

/** What a page can send to others without asking them, and JSON, for which it has to ask. */
const BODIES: readonly [type: string | undefined, body: string][] = [
  ['application/x-www-form-urlencoded', CLAIM_AS_FORM],
  ['multipart/form-data; boundary=x', CLAIM_AS_PART],
  ['text/plain', JSON.stringify({ query: CLAIM })],
  ['application/json', JSON.stringify({ query: CLAIM })],
];

const ORIGINS = ['https://evil.example.org', 'null', OURS];

const CASES = BODIES.flatMap(([type, body]) =>
  ORIGINS.map((origin) => [type, origin, body] as const),
);

/** A server on which claims are counted. */
async function serveCounting(tokens?: ReturnType<typeof makeTokens>) {
  const claimed: Session[] = [];
  const createSession = () => {
    claimed.push(aSession());
    return Promise.resolve(aSession());
  };
  const settings = { origins: [OURS] };
  const server = await serve({
    verbs: { createSession },
    settings,
    ...(tokens && { auth: tokens.auth }),
  });
  return { server, claimed };
}

// Twelve cases; only JSON from a page that was let in by name is no crime.
test.each(CASES)('a claim as %s from %s executes nothing', async (type, origin, body) => {
  const { server, claimed } = await serveCounting();
  const headers = { origin, ...(type !== undefined && { 'content-type': type }) };
  const { status } = await send(`${server.url}/graphql`, { method: 'POST', headers, body });
  const isAllowed = origin === OURS && type === 'application/json';
  expect(status).toBe(isAllowed ? 200 : origin === OURS ? 415 : 403);
  expect(claimed).toHaveLength(isAllowed ? 1 : 0);
});

test('the same with a token: a foreign page does not get in by it', async () => {
  const tokens = makeTokens();
  const { server, claimed } = await serveCounting(tokens);
  const alice = bearer(tokens.add('alice', 'USER'));
  for (const [type, origin, body] of CASES) {
    const headers = { ...alice, origin, 'content-type': type ?? '' };
    await send(`${server.url}/graphql`, { method: 'POST', headers, body });
  }
  expect(claimed).toHaveLength(1);
});

test.each(['GET', 'HEAD'])('an address that claims, by %s, claims nothing', async (method) => {
  const { server, claimed } = await serveCounting();
  for (const accept of ['*/*', 'text/html', 'application/json', 'text/event-stream'])
    await send(`${server.url}/graphql?${CLAIM_AS_FORM}`, { method, headers: { accept } });
  expect(claimed).toEqual([]);
});

test('what claims to be another method, or another host, is what it is', async () => {
  const { server, claimed } = await serveCounting();
  const override = { 'x-http-method-override': 'POST', 'x-method-override': 'POST' };
  await send(`${server.url}/graphql?${CLAIM_AS_FORM}`, { headers: override });
  const forwarded = { 'x-forwarded-host': 'evil.example.org', 'x-forwarded-for': '127.0.0.1' };
  const { status } = await send(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      ...forwarded,
      origin: 'https://evil.example.org',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query: CLAIM }),
  });
  expect([status, claimed]).toEqual([403, []]);
});

test.each(['https://evil.example.org', 'null', 'file://', `${OURS}.evil.org`, ''])(
  'a WebSocket for a page of "%s" is refused',
  async (origin) => {
    const { server } = await serveCounting();
    await expect(openSocket(server.url, { headers: { origin } })).rejects.toThrow('with 403');
  },
);

test('whoever is no page has no origin, and shows a token before anything else', async () => {
  const tokens = makeTokens();
  const { server } = await serveCounting(tokens);
  const socket = await openSocket(server.url);
  socket.send({ type: 'connection_init' });
  expect((await socket.closed).code).toBe(4403);
});
