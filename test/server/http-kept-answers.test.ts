import { beforeEach, describe, expect, test } from 'vitest';
import { realWorld } from '../../server/world.ts';
import { aSession } from '../kit/rows.ts';
import { bearer, makeTokens, post, serve, type Served } from '../kit/served.ts';

/** What many ask at one moment is made once, and never given to who may not have it. */
let moment = 1;
let elapsed = 0;

beforeEach(() => {
  moment = 1;
  elapsed = 0;
});

const world = { ...realWorld(), elapsed: () => elapsed };
const POOLS = '{ clusterPools { edges { node { name } } } }';

function start(serving: Parameters<typeof serve>[0] = {}): Promise<Served> {
  return serve({ world, moment: () => moment, ...serving });
}

async function askTwice(server: Served, query: string, headers: Record<string, string> = {}) {
  const answers = [await post(server, query, headers), await post(server, query, headers)];
  expect(answers[1]?.text).toBe(answers[0]?.text);
  return { ...answers[0], made: server.contexts.opened() };
}

describe('a query that is asked again', () => {
  test('is answered from what was made at this moment', async () => {
    const { made, status } = await askTwice(await start(), POOLS);
    expect([made, status]).toEqual([1, 200]);
  });

  test('is made again after a commit, and after a while', async () => {
    const server = await start();
    await askTwice(server, POOLS);
    moment += 1;
    expect((await askTwice(server, POOLS)).made).toBe(2);
    elapsed += 49;
    expect((await askTwice(server, POOLS)).made).toBe(2);
    elapsed += 1;
    expect((await askTwice(server, POOLS)).made).toBe(3);
  });

  test('with other variables is another query', async () => {
    const server = await start();
    const query = 'query P($name: String!) { clusterPool(name: $name) { name } }';
    const [cks, none] = [
      await post(server, { query, variables: { name: 'cks' } }),
      await post(server, { query, variables: { name: 'none' } }),
    ];
    expect(none.text).not.toBe(cks.text);
  });

  test('is answered in the type that its caller reads', async () => {
    const server = await start();
    await post(server, POOLS);
    const accept = 'application/graphql-response+json';
    const { headers } = await post(server, POOLS, { accept });
    expect(headers['content-type']).toContain(accept);
    expect(server.contexts.opened()).toBe(1);
  });

  test('by many at once is made once, when it is known to change nothing', async () => {
    const server = await start();
    await post(server, POOLS);
    moment += 1;
    const all = await Promise.all(Array.from({ length: 8 }, () => post(server, POOLS)));
    expect(new Set(all.map(({ text }) => text)).size).toBe(1);
    expect(server.contexts.opened()).toBe(2);
  });
});

describe('is made each time:', () => {
  test('a mutation, also one of several operations of a document', async () => {
    let claims = 0;
    const createSession = () => {
      claims += 1;
      return Promise.resolve(aSession());
    };
    const server = await start({ verbs: { createSession } });
    const claim = 'mutation Claim { createSession(input: { pool: "cks" }) { __typename } }';
    await askTwice(server, claim);
    const both = { query: `query Look ${POOLS} ${claim}`, operationName: 'Claim' };
    for (const operation of [both, both]) await post(server, operation);
    await post(server, { ...both, operationName: 'Look' });
    await post(server, both);
    expect(claims).toBe(5);
  });

  test('what failed, and what is refused', async () => {
    const server = await start();
    await askTwice(server, '{ clusterPools(first: 1000) { totalCount } }');
    for (const query of ['{ nothing }', '{', '{ clusterPool }']) await askTwice(server, query);
    expect((await askTwice(server, POOLS)).made).toBe(server.contexts.opened());
  });

  test('what is for one person only', async () => {
    const tokens = makeTokens();
    const [root, other] = [tokens.add('root', 'ADMIN'), tokens.add('other', 'ADMIN')];
    const server = await start({ auth: tokens.auth });
    const names = [];
    for (const token of [root, other, root]) {
      names.push((await post(server, '{ viewer { name } }', bearer(token))).json.data);
    }
    expect(names).toEqual([
      { viewer: { name: 'root' } },
      { viewer: { name: 'other' } },
      { viewer: { name: 'root' } },
    ]);
  });

  test('what others see otherwise', async () => {
    const tokens = makeTokens();
    const server = await start({ auth: tokens.auth });
    const sessions = '{ sessions { edges { node { owner } } } }';
    const seen = new Map<string, string>();
    for (const [name, role] of [
      ['ann', 'USER'],
      ['ben', 'USER'],
      ['root', 'ADMIN'],
    ] as const) {
      const { text } = await post(server, sessions, bearer(tokens.add(name, role)));
      seen.set(name, text);
    }
    expect(server.contexts.opened()).toBe(3);
    expect(seen.get('ben')).not.toContain('"owner":"ann"');
  });
});

test('a token that was revoked gets nothing that was kept', async () => {
  const tokens = makeTokens();
  const token = tokens.add('looker', 'VIEWER');
  const server = await start({ auth: tokens.auth });
  expect((await post(server, POOLS, bearer(token))).status).toBe(200);
  tokens.revoke('looker');
  await expect.poll(async () => (await post(server, POOLS, bearer(token))).status).toBe(401);
});
