import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bearer, makeTokens, post, send, serve } from '../kit/served.ts';

const PLAYGROUND = '<!doctype html><title>Snapyard playground</title>';

/** A folder as the dashboard's build leaves it, with a secret beside it. */
function makeClient(): string {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-client-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const client = join(folder, 'client');
  mkdirSync(join(client, 'assets'), { recursive: true });
  writeFileSync(join(client, 'index.html'), '<!doctype html><title>Snapyard</title>');
  writeFileSync(join(client, 'playground.html'), PLAYGROUND);
  writeFileSync(join(client, 'assets', 'index-abc.js'), 'export {};');
  writeFileSync(join(client, '.secret'), 'hunter2');
  writeFileSync(join(folder, 'secret.txt'), 'hunter2');
  writeFileSync(join(folder, 'client-secret.txt'), 'hunter2');
  symlinkSync('/nowhere', join(client, 'broken.txt'));
  return client;
}

test('the dashboard is at the root, and is asked for anew each time', async () => {
  const { url } = await serve({ settings: { clientFolder: makeClient() } });
  const page = await send(`${url}/`);
  expect([page.status, page.text]).toEqual([200, '<!doctype html><title>Snapyard</title>']);
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'content-length': '38',
    'x-content-type-options': 'nosniff',
  });
  expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  const again = await send(`${url}/?x=1`, {
    headers: { 'if-none-match': page.headers.etag ?? '' },
  });
  expect([again.status, again.text]).toEqual([304, '']);
  const head = await send(`${url}/`, { method: 'HEAD' });
  expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', '38']);
});

test('files named by their content are kept', async () => {
  const { url } = await serve({ settings: { clientFolder: makeClient() } });
  const { status, headers } = await send(`${url}/assets/index-abc.js`);
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  });
});

test.each([
  '/pools/cks',
  '/pools/my%20pool',
  '/pools/cks/',
  '/sessions',
  '/sessions/',
  '/sessions/abc',
  '/sessions/abc/',
  '/saved',
  '/history',
  '/history/',
])('%s is a place in the dashboard', async (path) => {
  const { url } = await serve({ settings: { clientFolder: makeClient() } });
  const { status, text, headers } = await send(url + path);
  expect([status, text]).toEqual([200, '<!doctype html><title>Snapyard</title>']);
  expect(headers['cache-control']).toBe('no-cache');
});

test('a console is a document of its own, whose terminal may make styles', async () => {
  const client = makeClient();
  writeFileSync(join(client, 'console.html'), '<!doctype html><title>Console</title>');
  const { url } = await serve({ settings: { clientFolder: client } });
  const [page, console] = await Promise.all([send(`${url}/`), send(`${url}/console?vm=x`)]);
  expect(console.text).toContain('<title>Console</title>');
  expect(console.headers['content-security-policy']).toContain("'unsafe-inline'");
  expect(page.headers['content-security-policy']).not.toContain('unsafe');
});

test('a file goes out in the smallest form that the browser takes', async () => {
  const client = makeClient();
  writeFileSync(join(client, 'assets', 'index-abc.js.gz'), 'gzipped');
  const { url } = await serve({ settings: { clientFolder: client } });
  const ask = (accepted: string) =>
    send(`${url}/assets/index-abc.js`, { headers: { 'accept-encoding': accepted } });
  const shrunk = await ask('br, gzip');
  expect(shrunk.text).toBe('gzipped');
  expect(shrunk.headers).toMatchObject({
    'content-encoding': 'gzip',
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    vary: 'Accept-Encoding',
  });
  const plain = await ask('identity');
  expect([plain.text, plain.headers['content-encoding']]).toEqual(['export {};', undefined]);
  expect(plain.headers.etag).not.toBe(shrunk.headers.etag);
});

test.each([
  '/missing.js',
  '/pools/a/b',
  '/assets',
  '/assets/',
  '/.secret',
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/..%2fsecret.txt',
  '/assets/../../secret.txt',
  '/assets/%2e%2e/%2e%2e/secret.txt',
  '/..\\secret.txt',
  '/../client-secret.txt',
  '/%00',
  '/%ff',
  '/broken.txt',
  '//etc/passwd',
])('%s is not found', async (path) => {
  const { url } = await serve({ settings: { clientFolder: makeClient() } });
  const { port } = new URL(url);
  // The path as it is: a client library would tidy it up.
  const [status, text] = await new Promise<[number | undefined, string]>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('end', () => resolve([response.statusCode, body]));
    });
    sent.on('error', reject);
    sent.end();
  });
  expect([status, text]).toEqual([404, 'not found\n']);
});

test('files are only read', async () => {
  const { url } = await serve({ settings: { clientFolder: makeClient() } });
  const { status, headers } = await send(`${url}/`, { method: 'POST' });
  expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
});

test('a dashboard that is not built says how to build it', async () => {
  const { status, text } = await send((await serve()).url);
  expect(status).toBe(404);
  expect(text).toContain('npm run build');
});

test('the playground is our own page, under a policy that lets nothing else in', async () => {
  const { url } = await serve({ settings: { clientFolder: makeClient() } });
  const page = await send(`${url}/playground`);
  expect([page.status, page.text]).toEqual([200, PLAYGROUND]);
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache, private',
    vary: 'Authorization',
  });
  const policy = page.headers['content-security-policy'] ?? '';
  expect(policy).toContain("default-src 'self'; script-src 'self'; worker-src 'self';");
  expect(policy).not.toMatch(/https?:|blob:|unsafe-eval/);
  expect((await send(`${url}/playground.html`)).headers['content-security-policy']).toBe(policy);

  const byBrowser = await send(`${url}/graphql`, { headers: { accept: 'text/html' } });
  expect(byBrowser.text).toBe(PLAYGROUND);
  const again = await send(`${url}/playground`, {
    headers: { 'if-none-match': page.headers.etag ?? '' },
  });
  expect([again.status, again.bytes.length]).toEqual([304, 0]);
  const head = await send(`${url}/playground`, { method: 'HEAD' });
  expect([head.status, head.bytes.length]).toEqual([200, 0]);
});

test('a playground that is not built says how to build it', async () => {
  const { status, text } = await send(`${(await serve()).url}/playground`);
  expect(status).toBe(404);
  expect(text).toContain('npm run build');
});

test('without tokens there is none that the playground was opened with', async () => {
  const { url } = await serve();
  const { status, text } = await send(`${url}/playground/token`);
  expect([status, JSON.parse(text)]).toEqual([200, { wantsTokens: false, token: null }]);
});

test('the playground learns the token that it was opened with, and nobody else does', async () => {
  const tokens = makeTokens();
  const { url } = await serve({ auth: tokens.auth });
  const [root, ada] = [tokens.add('root', 'ADMIN'), tokens.add('ada', 'USER')];
  const ask = (headers: Record<string, string>) => send(`${url}/playground/token`, { headers });
  const basic = (token: string) => ({ authorization: `Basic ${btoa(`anybody:${token}`)}` });

  for (const shown of [basic(root), bearer(root)]) {
    const { status, text, headers } = await ask(shown);
    expect([status, JSON.parse(text)]).toEqual([200, { wantsTokens: true, token: root }]);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  }
  for (const stranger of [{}, basic(ada), basic('wrong')]) {
    const { status, text } = await ask(stranger);
    expect([status, text.includes('snap_')]).toEqual([401, false]);
  }
  for (const elsewhere of [
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'script' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-site': 'none', 'sec-fetch-dest': 'document' },
    { origin: 'https://elsewhere.example' },
  ]) {
    const { status, text } = await ask({ ...basic(root), ...elsewhere });
    expect([status, text.includes(root)]).toEqual([403, false]);
  }
});

test('where there are tokens the playground is for admins', async () => {
  const tokens = makeTokens();
  const { url } = await serve({
    auth: tokens.auth,
    settings: { clientFolder: makeClient() },
  });
  const [root, wall] = [tokens.add('root', 'ADMIN'), tokens.add('wall', 'VIEWER')];
  const open = (authorization?: string) =>
    send(`${url}/playground`, { headers: { ...(authorization && { authorization }) } });
  const basic = (password: string) => `Basic ${btoa(`anybody:${password}`)}`;

  const stranger = await open();
  expect([stranger.status, stranger.headers['www-authenticate']]).toEqual([
    401,
    'Basic realm="Snapyard playground", charset="UTF-8"',
  ]);
  expect(stranger.text).not.toContain('<');
  expect((await send(`${url}/playground.html`)).status).toBe(401);
  for (const other of [basic(wall), basic('wrong'), basic(''), 'Basic', 'Basic Zm9v', bearer(wall)])
    expect((await open(typeof other === 'string' ? other : other.authorization)).status).toBe(401);
  expect((await open(basic(root))).text).toContain('Snapyard playground');
  expect((await open(bearer(root).authorization)).status).toBe(200);
  // What a browser sends by itself must not open the API, which would let other pages use it.
  const { status } = await post({ url }, '{ cursor }', { authorization: basic(root) });
  expect(status).toBe(401);
});

test.each([
  '//playground.html',
  '/%2Fplayground.html',
  '/assets//%2e%2e/playground.html',
  '/playground%2Ehtml',
  '/%70layground.html',
  '/PLAYGROUND.html',
  '/playground.htm%6c.gz',
  '//playground.html.br',
])('%s leads nobody around the gate of the playground', async (path) => {
  const client = makeClient();
  for (const ending of ['.gz', '.br']) writeFileSync(join(client, `playground.html${ending}`), 'x');
  const { url } = await serve({ auth: makeTokens().auth, settings: { clientFolder: client } });
  for (const accepted of ['identity', 'gzip', 'br']) {
    const sent = await send(url + path, { headers: { 'accept-encoding': accepted } });
    expect(sent.status).toBe(404);
  }
});

test('what the playground asks first is answered', async () => {
  const query = '{ __schema { types { name } subscriptionType { name } } }';
  const { json } = await post(await serve(), query);
  expect(json).toMatchObject({
    data: { __schema: { subscriptionType: { name: 'Subscription' } } },
  });
});
