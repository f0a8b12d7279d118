import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parsePage } from '../kit/prometheus.ts';
import { ServerProcess } from '../kit/server-process.ts';
import { connect, type Message } from '../kit/socket.ts';

// The commands as people type them, beside the real server.

// A start of the server takes seconds where many things run at once, and each test has several.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

let folder = '';
let server: ServerProcess;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'snapyard-backup-'));
  server = new ServerProcess(folder, { SNAPYARD_SIMULATOR_SPEED: '5000' });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** Runs a command of ours on the server's database. */
function run(command: 'backup' | 'restore', ...args: string[]) {
  const env = { PATH: process.env['PATH'], SNAPYARD_DB: server.db };
  return new Promise<{ failed: boolean; said: string }>((resolve) => {
    execFile(process.execPath, [`scripts/${command}.ts`, ...args], { env }, (error, out, said) => {
      resolve({ failed: error !== null, said: `${out}${said}` });
    });
  });
}

async function ask(query: string): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ query });
  const response = await fetch(`${server.origin}/graphql`, { method: 'POST', headers, body });
  const { data, errors } = (await response.json()) as {
    data?: Record<string, unknown>;
    errors?: unknown;
  };
  if (data === undefined) throw new Error(JSON.stringify(errors));
  return data;
}

const addPool = (name: string) =>
  ask(`mutation { createClusterPool(input: { name: "${name}", provider: SIMULATOR, size: 1 }) {
    __typename } }`);

async function poolNames(): Promise<string[]> {
  const { clusterPools } = (await ask('{ clusterPools { edges { node { name } } } }')) as {
    clusterPools: { edges: { node: { name: string } }[] };
  };
  return clusterPools.edges.map(({ node }) => node.name).toSorted();
}

/** The first message that a feed sends to who comes with this cursor. */
async function firstAfter(cursor: unknown): Promise<unknown> {
  const socket = await connect(server.origin);
  const query = `subscription ($after: Cursor) { changes(after: $after) {
    __typename ... on FeedResync { reason } } }`;
  socket.send({ type: 'subscribe', id: '1', payload: { query, variables: { after: cursor } } });
  for (;;) {
    const message: Message = await socket.next();
    if (message.type === 'next') return message.payload;
  }
}

test('a copy is taken while the server runs, and put back while it does not', async () => {
  await server.start();
  const copy = join(folder, 'copy', 'snapyard.db');
  await addPool('before');
  expect(await run('backup', copy)).toMatchObject({ failed: false });
  expect(existsSync(`${copy}.simulator`)).toBe(true);
  await addPool('after');
  const { cursor } = await ask('{ cursor }');
  const refused = await run('restore', copy);
  expect(refused.failed).toBe(true);
  expect(refused.said).toMatch(/^another server is using the database \S+\n$/);

  await server.stop();
  expect(await run('restore', copy)).toMatchObject({ failed: false });
  await server.start();
  expect(await poolNames()).toEqual(['before', 'cks']);
  expect(await firstAfter(cursor)).toEqual({
    data: { changes: { __typename: 'FeedResync', reason: 'FOREIGN_EPOCH' } },
  });
  expect(server.log()).toContain('the database was put back');
  expect(readdirSync(folder).filter((name) => name.startsWith('snapyard.db.before-'))).toHaveLength(
    2,
  );
});

test('a killed server goes on with the cursors it gave out', async () => {
  const { cursor } = await ask('{ cursor }');
  await server.kill();
  await server.start();
  expect(await firstAfter(cursor)).not.toMatchObject({
    data: { changes: { __typename: 'FeedResync' } },
  });
});

test('a database put back upon itself gets another epoch', async () => {
  const { cursor } = await ask('{ cursor }');
  await server.stop();
  expect(await run('restore', server.db)).toMatchObject({ failed: false });
  await server.start();
  expect(await poolNames()).toEqual(['before', 'cks']);
  expect(await firstAfter(cursor)).toMatchObject({
    data: { changes: { __typename: 'FeedResync', reason: 'FOREIGN_EPOCH' } },
  });
});

test('the page of metrics of the real server is in the format', async () => {
  const page = parsePage(await (await fetch(`${server.origin}/metrics`)).text());
  const sizes = page.get('snapyard_pool_size')?.samples.map(({ labels }) => labels['pool']);
  expect(sizes).toEqual(['before', 'cks']);
});

test('a command that is not understood says how it is used', async () => {
  expect(await run('backup')).toEqual({ failed: true, said: 'usage: npm run backup -- FILE\n' });
});
