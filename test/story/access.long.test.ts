import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ServerProcess } from '../kit/server-process.ts';
import { connect } from '../kit/socket.ts';

// Secrets of sessions as the files of the real server hold them, and as they outlive it.

// Four starts of the whole server, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const SETTINGS = { SNAPYARD_SIMULATOR_SPEED: '5000', SNAPYARD_LOG: 'debug' };
const WATCH = `subscription { changes(filter: { pool: "lab", types: [SESSION] }) {
  ... on FeedState { subjects { session { accessReady } } }
  ... on FeedChanges { changes { subject { session { accessReady } } } } } }`;
const CLAIM = `mutation { createSession(input: { pool: "lab", idempotencyKey: "one" }) {
  ... on Session { id } } }`;

let folder = '';
const servers: ServerProcess[] = [];
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'snapyard-access-'))));
afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true });
});

function serverIn(name: string): ServerProcess {
  const own = join(folder, name);
  mkdirSync(own);
  const server = new ServerProcess(own, SETTINGS);
  servers.push(server);
  return server;
}

async function ask<T>(server: ServerProcess, query: string): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ query });
  const response = await fetch(`${server.origin}/graphql`, { method: 'POST', headers, body });
  const { data, errors } = (await response.json()) as { data?: T; errors?: unknown };
  if (data === undefined || errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

async function untilReady(server: ServerProcess): Promise<void> {
  const socket = await connect(server.origin);
  socket.send({ type: 'subscribe', id: '1', payload: { query: WATCH } });
  while (!JSON.stringify(await socket.next()).includes('"accessReady":true'));
}

async function readKey(server: ServerProcess, id: string): Promise<string> {
  const source = `{ session(id: "${id}") { status access { sshPrivateKey kubeconfig } } }`;
  const { session } = await ask<{ session: { access: { sshPrivateKey: string } } }>(server, source);
  return session.access.sshPrivateKey;
}

/** The files below the folder that hold one of these pieces. */
function filesWith(pieces: readonly string[]): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => {
    const path = join(folder, name);
    if (!statSync(path).isFile()) return false;
    const bytes = readFileSync(path);
    return pieces.some((piece) => bytes.includes(piece));
  });
}

function run(command: 'backup' | 'restore', db: string, file: string): void {
  const env = { PATH: process.env['PATH'], SNAPYARD_DB: db };
  execFileSync(process.execPath, [`scripts/${command}.ts`, file], { env, stdio: 'pipe' });
}

test('keys are in no file of the server, and a copy without the key brings new ones', async () => {
  const first = serverIn('first');
  await first.start();
  const pool = 'name: "lab", provider: SIMULATOR, size: 1, whenEmpty: QUEUE';
  await ask(first, `mutation { createClusterPool(input: { ${pool} }) { __typename } }`);
  const { createSession } = await ask<{ createSession: { id: string } }>(first, CLAIM);
  const { id } = createSession;
  await untilReady(first);
  const key = await readKey(first, id);
  await ask(first, CLAIM);
  const copy = join(folder, 'copy.db');
  run('backup', first.db, copy);
  await first.kill();
  await first.start();
  expect(await readKey(first, id)).toBe(key);
  await first.stop();

  const pieces = key.split('\n').filter((line) => line.length > 40);
  expect(pieces).toHaveLength(5);
  const told = filesWith(['the ways in can be read']);
  expect(told).toEqual(expect.arrayContaining(['copy.db', 'first/snapyard.db']));
  expect(filesWith([...pieces, 'OPENSSH PRIVATE', 'current-context'])).toEqual([]);
  expect(filesWith([readFileSync(`${first.db}.key`, 'utf8').trim()])).toEqual([
    'first/snapyard.db.key',
  ]);

  const second = serverIn('second');
  run('restore', second.db, copy);
  await second.start();
  await untilReady(second);
  const anew = await readKey(second, id);
  expect(anew).toContain('PRIVATE KEY');
  expect(anew).not.toBe(key);
  expect(second.log()).toContain(`${second.db}.key is not the key of 2 secrets`);
});
