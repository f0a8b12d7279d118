import { execFile } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { assertSafeHost, isLoopback, loopbackAuth, tokenAuth } from '../../server/auth.ts';
import { looksLikeToken, newToken, readTokens, watchTokens } from '../../server/token-file.ts';
import { realWorld } from '../../server/world.ts';
import { bearer, makeTokens, serve } from '../kit/served.ts';

test('a token is recognised, unguessable, and kept only as a hash', () => {
  const { token, entry } = newToken(realWorld(), 'alice', 'USER');
  expect(token).toMatch(/^snap_[0-9a-f]{72}$/);
  expect(looksLikeToken(token)).toBe(true);
  expect(JSON.stringify(entry)).not.toContain(token.slice(5, 69));
  expect(newToken(realWorld(), 'alice', 'USER').token).not.toBe(token);
  const mistyped = token.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  expect(looksLikeToken(mistyped)).toBe(false);
});

test('who shows a token is who it was made for', () => {
  const tokens = makeTokens();
  const alice = tokens.add('alice', 'USER');
  const root = tokens.add('root', 'ADMIN');
  const known = (text: string | undefined) => tokens.auth.authenticate(text)?.viewer;
  expect(known(`Bearer ${alice}`)).toMatchObject({ name: 'alice', role: 'USER' });
  expect(known(`bearer  ${root} `)).toMatchObject({ name: 'root', role: 'ADMIN' });
});

test.each([
  undefined,
  '',
  'Bearer',
  'Bearer ',
  'Bearer snap_',
  `Bearer snap_${'0'.repeat(72)}`,
  'Basic cm9vdDpodW50ZXIy',
])('nobody is let in by %o', (authorization) => {
  const tokens = makeTokens();
  tokens.add('alice', 'USER');
  expect(tokens.auth.authenticate(authorization)).toBeUndefined();
});

test('a token that was never written down lets nobody in', () => {
  const tokens = makeTokens();
  tokens.add('alice', 'USER');
  const { token } = newToken(realWorld(), 'alice', 'ADMIN');
  expect(tokens.auth.authenticate(`Bearer ${token}`)).toBeUndefined();
});

test('what is struck out of the file counts no more, at once', () => {
  const tokens = makeTokens();
  const { authorization } = bearer(tokens.add('alice', 'USER'));
  const identity = tokens.auth.authenticate(authorization);
  if (identity === undefined) throw new Error('alice is not known');
  expect(tokens.auth.isValid(identity)).toBe(true);
  tokens.revoke('alice');
  expect(tokens.auth.isValid(identity)).toBe(false);
  expect(tokens.auth.authenticate(authorization)).toBeUndefined();
});

test('a file that becomes unreadable lets nobody in, and is told once', () => {
  const tokens = makeTokens();
  const { authorization } = bearer(tokens.add('alice', 'USER'));
  const told: unknown[] = [];
  const auth = tokenAuth(watchTokens(tokens.path, (error) => void told.push(error)));
  expect(auth.authenticate(authorization)).toBeDefined();
  writeFileSync(tokens.path, 'nonsense\n');
  expect(auth.authenticate(authorization)).toBeUndefined();
  expect(auth.authenticate(authorization)).toBeUndefined();
  expect(told).toEqual([
    new Error(`${tokens.path}:1: not a token entry; "npm run token -- create" writes them`),
  ]);
  rmSync(tokens.path);
  expect(auth.authenticate(authorization)).toBeUndefined();
  expect(told).toHaveLength(2);
});

test.each(['', '{}', '{"id":"1","name":"a","role":"KING","hash":"00","createdAt":"x"}'])(
  'a line %o is no entry',
  (line) => {
    const tokens = makeTokens();
    writeFileSync(tokens.path, `${line}\n`);
    const read = () => readTokens(tokens.path);
    if (line === '') expect(read()).toEqual([]);
    else expect(read).toThrow(`${tokens.path}:1: not a token entry`);
  },
);

test.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['localhost', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.0.0.1.evil.org', false],
  ['mylocalhost', false],
])('%s means this machine: %s', (host, means) => {
  expect(isLoopback(host)).toBe(means);
});

test('without tokens the server listens to nobody else, and says so in one line', async () => {
  const settings = { host: '0.0.0.0' };
  await expect(serve({ settings })).rejects.toThrow(/^SNAPYARD_HOST=0\.0\.0\.0 can be reached .*$/);
  expect(() => assertSafeHost('0.0.0.0', makeTokens().auth)).not.toThrow();
  expect(() => assertSafeHost('localhost', loopbackAuth())).not.toThrow();
});

/** Runs the command as people do. */
function token(path: string, ...args: string[]) {
  return new Promise<{ code: number | string; out: string; err: string }>((resolve) => {
    const env = { ...process.env, SNAPYARD_TOKENS: path };
    const command = ['scripts/token.ts', ...args];
    execFile(process.execPath, command, { env }, (error, out, err) => {
      resolve({ code: error?.code ?? 0, out, err });
    });
  });
}

test('the command makes, lists and revokes tokens', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-token-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'secrets', 'tokens');

  const created = await token(path, 'create', 'alice', 'user');
  expect(created.err).toMatch(/^Token [0-9a-f]{8} of alice \(USER\)\. It is shown this once:\n$/);
  const [entry] = readTokens(path);
  const auth = tokenAuth(watchTokens(path, () => {}));
  expect(auth.authenticate(`Bearer ${created.out.trim()}`)?.viewer).toEqual({
    name: 'alice',
    role: 'USER',
    tokenId: entry?.id,
  });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).not.toContain(created.out.trim());

  expect((await token(path, 'list')).out).toMatch(/^[0-9a-f]{8} {2}USER {4}\S+Z {2}alice\n$/);
  expect(await token(path, 'revoke', entry?.id ?? '')).toMatchObject({ code: 0, out: '' });
  expect(auth.authenticate(`Bearer ${created.out.trim()}`)).toBeUndefined();
  expect((await token(path, 'list')).err).toBe('no tokens: nobody can use the API\n');
});

test.each([
  [[], 'usage: npm run token'],
  [['create', 'alice'], 'usage: npm run token'],
  [['create', 'alice', 'KING'], 'usage: npm run token'],
  [['create', 'system', 'ADMIN'], 'take another name'],
  [['revoke', '00000000'], 'there is no token 00000000'],
])('the command refuses %o in one line', async (args, message) => {
  const { code, out, err } = await token(join(tmpdir(), 'snapyard-no-such-file'), ...args);
  expect([code, out]).toEqual([1, '']);
  expect(err).toContain(message);
  expect(err.trim().split('\n')).toHaveLength(1);
});
