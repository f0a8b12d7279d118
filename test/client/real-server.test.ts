import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { graphql } from '../../client/graphql.ts';
import { standingOf } from '../../client/live-feed.ts';
import { createSnapyardClient, type SnapyardClient } from '../../client/snapyard-client.ts';
import { newToken, readTokens, writeTokens } from '../../server/token-file.ts';
import { realWorld } from '../../server/world.ts';
import { ServerProcess } from '../kit/server-process.ts';

// One client through the life of a real server. The tests are one story: each goes on where the
// one before ended.

const CLUSTERS = graphql(`
  query Clusters {
    clusterPool(name: "cks") {
      id
      clusters {
        edges {
          node {
            id
            name
            status
          }
        }
      }
    }
  }
`);

const CLAIM = graphql(`
  mutation Claim {
    createSession(input: { pool: "cks" }) {
      __typename
      ... on Session {
        id
        status
      }
    }
  }
`);

const RELEASE = graphql(`
  mutation Release($id: ID!) {
    releaseSession(input: { sessionId: $id }) {
      __typename
      ... on Session {
        id
        status
      }
    }
  }
`);

const folder = mkdtempSync(join(tmpdir(), 'snapyard-client-'));
const tokens = join(folder, 'tokens');
const refreshToken = vi.fn(() => Promise.resolve(makeToken('later')));
let server: ServerProcess;
let snapyard: SnapyardClient;
/** What a component shows that asked once. */
let shown: (string | undefined)[] = [];
let session = '';

beforeAll(async () => {
  writeTokens(tokens, []);
  const port = await freePort();
  server = new ServerProcess(folder, {
    SNAPYARD_PORT: String(port),
    SNAPYARD_TOKENS: tokens,
    SNAPYARD_SIMULATOR_SPEED: '10000',
  });
  const url = `http://127.0.0.1:${port}/graphql`;
  snapyard = createSnapyardClient({ url, token: makeToken('first'), refreshToken });
});

afterAll(async () => {
  snapyard.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** A port that was free a moment ago, on which nobody listens. */
async function freePort(): Promise<number> {
  const placeholder = createServer().listen(0, '127.0.0.1');
  await once(placeholder, 'listening');
  const { port } = placeholder.address() as AddressInfo;
  placeholder.close();
  await once(placeholder, 'close');
  return port;
}

/** A token that the server knows from now on. */
function makeToken(note: string): string {
  const { token, entry } = newToken(realWorld(), `ada-${note}`, 'ADMIN');
  writeTokens(tokens, [...readTokens(tokens), entry]);
  return token;
}

/** Waits until the client says so itself. */
async function see(what: () => unknown, expected: unknown): Promise<void> {
  await vi.waitFor(() => expect(what()).toEqual(expected), { timeout: 30_000, interval: 20 });
}

function standing() {
  return standingOf(snapyard.feed.read());
}

function statuses(): string[] {
  const { clusters } = snapyard.feed.read().feed.things;
  const list = [...clusters.values()].map(({ name, status }) => `${name} ${status}`);
  return list.toSorted();
}

/** A start of the server takes seconds where many things run at once. */
const WITH_A_START = 60_000;

const FREE = ['cluster1 AVAILABLE', 'cluster2 AVAILABLE', 'cluster3 AVAILABLE'];
const ONE_LOCKED = ['cluster1 LOCKED', 'cluster2 AVAILABLE', 'cluster3 AVAILABLE'];

test(
  'a server that is not there yet is waited for',
  async () => {
    expect(standing()).toBe('AWAY');
    await server.start();
    await see(standing, 'LIVE');
    await see(statuses, FREE);
  },
  WITH_A_START,
);

test('a claim is seen in the feed and in a query that was answered before', async () => {
  snapyard.client.query(CLUSTERS, {}).subscribe(({ data }) => {
    shown =
      data?.clusterPool?.clusters.edges.map(({ node }) => `${node.name} ${node.status}`) ?? [];
  });
  await see(() => shown, FREE);
  const { data } = await snapyard.client.mutation(CLAIM, {}).toPromise();
  const claimed = data?.createSession;
  session = claimed?.__typename === 'Session' ? claimed.id : '';
  expect(session).not.toBe('');
  await see(statuses, ONE_LOCKED);
  await see(() => shown, ONE_LOCKED);
  expect(snapyard.feed.read().feed.things.sessions.get(session)?.status).toBe('RUNNING');
});

test(
  'a server that is killed comes back, and nothing that happened is missing',
  async () => {
    await server.kill();
    await see(standing, 'AWAY');
    expect(statuses()).toEqual(ONE_LOCKED);
    await server.start();
    // Over HTTP, and most likely before the feed is there again.
    const { data } = await snapyard.client.mutation(RELEASE, { id: session }).toPromise();
    expect(data?.releaseSession).toMatchObject({ __typename: 'Session', status: 'COMPLETED' });
    await see(standing, 'LIVE');
    await see(statuses, FREE);
    await see(() => shown, FREE);
    expect(snapyard.feed.read().feed.things.sessions.get(session)?.status).toBe('COMPLETED');
  },
  WITH_A_START,
);

test(
  'one that is stopped in good order too',
  async () => {
    await server.stop();
    await see(standing, 'AWAY');
    await server.start();
    await see(standing, 'LIVE');
  },
  WITH_A_START,
);

test(
  'a token that is struck out is replaced, and the feed goes on',
  async () => {
    writeTokens(tokens, []);
    await see(() => snapyard.feed.read().viewer?.name, 'ada-later');
    await see(standing, 'LIVE');
    expect(refreshToken).toHaveBeenCalledTimes(1);
    const { data } = await snapyard.client.mutation(CLAIM, {}).toPromise();
    expect(data?.createSession.__typename).toBe('Session');
    await see(() => shown.filter((text) => text?.endsWith('LOCKED')).length, 1);
  },
  WITH_A_START,
);
