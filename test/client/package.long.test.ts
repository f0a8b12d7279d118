import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newToken, writeTokens } from '../../server/token-file.ts';
import { realWorld } from '../../server/world.ts';
import { launchBrowser, whyNoBrowser } from '../kit/browser.ts';
import { ServerProcess } from '../kit/server-process.ts';

// The project as others get it: packed, put into an empty app, built by Vite, and run against a
// real server. The app is the example of docs/client.md, word for word.

const folder = mkdtempSync(join(tmpdir(), 'snapyard-package-'));
const app = join(folder, 'app');
const { token, entry } = newToken(realWorld(), 'ada', 'USER');
const pages = createServer((request, response) => void sendBuilt(request, response));
let server: ServerProcess | undefined;

beforeAll(async () => {
  await once(pages.listen(0, '127.0.0.1'), 'listening');
  writeTokens(join(folder, 'tokens'), [entry]);
  server = new ServerProcess(folder, {
    SNAPYARD_TOKENS: join(folder, 'tokens'),
    SNAPYARD_ORIGINS: originOfPages(),
    SNAPYARD_SIMULATOR_SPEED: '10000',
  });
  await server.start();
  install(pack());
  writeApp();
  await freeClusters(server.origin, 2);
  buildApp(server.origin);
}, 60_000);

afterAll(async () => {
  pages.close();
  await server?.stop();
  rmSync(folder, { recursive: true });
});

function originOfPages(): string {
  return `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
}

/** The built app, as any web server sends it. */
async function sendBuilt({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = url === '/' ? 'index.html' : url.slice(1);
  const bytes = await readFile(join(app, 'dist', path)).catch(() => undefined);
  const type = path.endsWith('.js') ? 'text/javascript' : 'text/html';
  response.writeHead(bytes === undefined ? 404 : 200, { 'content-type': type }).end(bytes);
}

/** Waits until there is something to claim. */
async function freeClusters(origin: string, count: number): Promise<void> {
  const query = '{ clusterPool(name: "cks") { stats { availableClusters } } }';
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const enough = new RegExp(`"availableClusters":[${count}-9]`);
  const ask = () =>
    fetch(`${origin}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  await vi.waitFor(async () => expect(await (await ask()).text()).toMatch(enough), 20_000);
}

/** Builds the library and packs what the manifest says belongs into the package. */
function pack(): string {
  const root = join(folder, 'root');
  mkdirSync(root);
  for (const path of ['package.json', 'README.md', 'LICENSE', 'bin', 'docs', 'schema']) {
    cpSync(path, join(root, path), { recursive: true });
  }
  run(process.execPath, ['scripts/build.ts', '--library', '--out', join(root, 'dist')]);
  const packed = run('npm', ['pack', '--ignore-scripts', '--silent', root], folder);
  return join(folder, packed.trim());
}

/** As `npm install` would, without a registry: what it depends on is there already. */
function install(tarball: string): void {
  const modules = join(app, 'node_modules');
  mkdirSync(join(modules, 'snapyard'), { recursive: true });
  run('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(modules, 'snapyard')]);
  const present = readdirSync('node_modules').filter((name) => !name.startsWith('.'));
  for (const name of present) symlinkSync(resolve('node_modules', name), join(modules, name));
}

function writeApp(): void {
  const [, example = ''] = /```ts\n(.*?)```/s.exec(readFileSync('docs/client.md', 'utf8')) ?? [];
  const put = (path: string, content: string) => writeFileSync(join(app, path), content);
  put('package.json', '{ "type": "module" }');
  put('main.ts', example);
  put('vite-env.d.ts', '/// <reference types="vite/client" />\n');
  put('index.html', '<script type="module" src="/main.ts"></script>\n');
  // So that what is built for browsers also runs on Node.
  put('vite.config.js', 'export default { build: { modulePreload: { polyfill: false } } };\n');
  const compilerOptions = {
    target: 'ES2024',
    lib: ['ES2024', 'DOM'],
    module: 'ESNext',
    moduleResolution: 'Bundler',
    strict: true,
    noEmit: true,
    types: [],
  };
  put('tsconfig.json', JSON.stringify({ compilerOptions, include: ['*.ts'] }));
}

function run(command: string, args: string[], cwd = '.', env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: 'production', ...env },
  });
}

test('the example has at most 30 lines of code', () => {
  const lines = readFileSync(join(app, 'main.ts'), 'utf8').split('\n');
  expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(30);
});

test('its types are found, and are not any', () => {
  const [tsc] = [realpathSync('node_modules/.bin/tsc')];
  expect(run(process.execPath, [tsc, '-p', app])).toBe('');
  const wrong =
    "import { createSnapyardClient } from 'snapyard/client';\ncreateSnapyardClient(1);\n";
  writeFileSync(join(app, 'wrong.ts'), wrong);
  expect(() => run(process.execPath, [tsc, '-p', app])).toThrow();
  rmSync(join(app, 'wrong.ts'));
});

function buildApp(origin: string): void {
  const vite = resolve('node_modules/vite/bin/vite.js');
  run(process.execPath, [vite, 'build', '--logLevel', 'warn'], app, {
    VITE_SNAPYARD_URL: `${origin}/graphql`,
    VITE_SNAPYARD_TOKEN: token,
  });
}

function bundle(): string {
  const assets = join(app, 'dist/assets');
  const [name = ''] = readdirSync(assets).filter((file) => file.endsWith('.js'));
  return join(assets, name);
}

test('no page is in it', () => {
  const built = readFileSync(bundle(), 'utf8');
  expect(built).not.toMatch(/react|useState|jsx/i);
  const sizes = [built.length, gzipSync(built).length].map((size) => Math.ceil(size / 1_024));
  console.info(`the built example has ${sizes.join(' KiB of JavaScript, zipped ')} KiB`);
});

test('an app built with it claims and watches, on Node', async () => {
  const child = spawn(process.execPath, [bundle()], { stdio: 'pipe' });
  const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(complaints).toBe('');
  expect(said).toMatch(/^ours until \d{4}-/m);
  expect(said).toMatch(/^LIVE cluster\d RUNNING$/m);
});

const noBrowser = whyNoBrowser();

test.skipIf(noBrowser !== undefined)('and in a browser (needs Chromium)', async () => {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    await page.goto(originOfPages());
    await vi.waitFor(() => expect(said.join('\n')).toMatch(/^ours until \d{4}-/m), 15_000);
    await vi.waitFor(() => expect(said.join('\n')).toMatch(/^LIVE cluster\d RUNNING$/m), 15_000);
  } finally {
    await browser.close();
  }
});
