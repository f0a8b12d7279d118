import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newToken, writeTokens } from '../../server/token-file.ts';
import { realWorld } from '../../server/world.ts';
import { launchBrowser, whyNoBrowser } from '../kit/browser.ts';

// The dashboard in a real browser, on the real server. The tests are one story: each goes on
// where the one before ended.

const noBrowser = whyNoBrowser();
/** A start of the server takes seconds where many things run at once. */
const WITH_A_START = 60_000;
const SHOTS = join(tmpdir(), 'snapyard-page');

let folder = '';
let server: ChildProcess | undefined;
let origin = '';
let browser: Browser | undefined;
/** A desk and a phone, two browsers as far as the server can tell. */
let desk: Page;
let phone: Page;
const asked = new Set<string>();
const complaints: string[] = [];

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  mkdirSync(SHOTS, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), 'snapyard-story-'));
  // Left as it is for tests, it would make a build for tests too: React with all its checks.
  const env = { ...process.env, NODE_ENV: 'production' };
  const build = ['scripts/build-client.ts'];
  const built = spawnSync(process.execPath, build, { encoding: 'utf8', env });
  expect(built.stderr).toBe('');
  [origin, browser] = await Promise.all([startServer(), launchBrowser()]);
  desk = await openPage({ viewport: { width: 1_200, height: 800 } });
  phone = await openPage({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(async () => {
  await browser?.close();
  await killServer();
  if (folder !== '') rmSync(folder, { recursive: true });
});

/** Starts the server and answers where it is. */
async function startServer(more: Record<string, string> = {}): Promise<string> {
  server = spawn(process.execPath, ['bin/snapyard.js'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      SNAPYARD_HOST: '127.0.0.1',
      SNAPYARD_PORT: '0',
      SNAPYARD_DB: join(folder, 'snapyard.db'),
      SNAPYARD_STATE: join(folder, 'vms'),
      SNAPYARD_SIMULATOR_SPEED: '60',
      SNAPYARD_LOG: 'warn',
      ...more,
    },
  });
  if (server.stdout === null) throw new Error('the server has no output');
  for await (const line of createInterface(server.stdout)) {
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (address !== undefined) return address;
  }
  throw new Error('the server ended before it was ready');
}

/** Ends the server as a power cut would. */
async function killServer(): Promise<void> {
  if (server === undefined || server.exitCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  expect(await ended).toEqual([null, 'SIGKILL']);
  server = undefined;
}

/** Opens the page in a browser of its own, under the strictest policy that could be asked of it. */
async function openPage(options: BrowserContextOptions): Promise<Page> {
  if (browser === undefined) throw new Error('no browser');
  // A page whose headers a test has changed is one from nowhere, which must not call this machine.
  const permissions = ['local-network-access'];
  const context = await browser.newContext({ ...options, permissions });
  await context.route(`${origin}/`, async (route) => {
    const response = await route.fetch();
    const headers = { ...response.headers(), 'content-security-policy': "default-src 'self'" };
    await route.fulfill({ response, headers });
  });
  context.on('request', (request) => asked.add(new URL(request.url()).host));
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('websocket', (socket) => asked.add(new URL(socket.url()).host));
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text());
  });
  await page.goto(origin);
  return page;
}

/** Waits until that many clusters of the pool are shown in this state, word included. */
async function seeClusters(page: Page, status: string, count: number): Promise<void> {
  const word = status.charAt(0) + status.slice(1).toLowerCase();
  const cells = page.locator(`.cell[data-status="${status}"]`, { hasText: word });
  await expect.poll(() => cells.count(), { timeout: 15_000, interval: 20 }).toBe(count);
}

async function seeMark(page: Page, text: string): Promise<void> {
  await page.getByRole('status').filter({ hasText: text }).waitFor();
}

async function claim(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Claim a cluster of cks' }).click();
}

async function takeShots(name: string): Promise<void> {
  await desk.screenshot({ path: join(SHOTS, `${name}-desk.png`), fullPage: true });
  await phone.screenshot({ path: join(SHOTS, `${name}-phone.png`), fullPage: true });
}

test('three clusters become available', async () => {
  console.log(`screenshots: ${SHOTS}`);
  await Promise.all([desk, phone].map((page) => seeMark(page, 'Live')));
  await takeShots('1-creating');
  await Promise.all([desk, phone].map((page) => seeClusters(page, 'AVAILABLE', 3)));
  await takeShots('2-available');
});

test('a claim is seen by both', async () => {
  await claim(desk);
  await Promise.all([desk, phone].map((page) => seeClusters(page, 'LOCKED', 1)));
  for (const page of [desk, phone]) {
    const row = page.locator('tr[data-status="RUNNING"]', { hasText: 'cluster1' });
    await row.getByText('local').waitFor();
    expect(await row.locator('time').textContent()).toMatch(/^\d+ (h|min) \d\d (min|s)$/);
  }
  await takeShots('3-claimed');
});

test('sessions can be narrowed to our own', async () => {
  await desk.getByRole('button', { name: 'Mine' }).click();
  await desk.locator('tr[data-status="RUNNING"]').waitFor();
  await desk.getByRole('button', { name: 'All' }).click();
});

test('a release is seen by both, to the clean end', async () => {
  const resetting = [desk, phone].map((page) => seeClusters(page, 'RESETTING', 1));
  await phone.getByRole('button', { name: 'Release cluster1' }).click();
  await Promise.all(resetting);
  await takeShots('4-resetting');
  await Promise.all([desk, phone].map((page) => seeClusters(page, 'AVAILABLE', 3)));
});

test('the keyboard is enough, and a fourth claim is refused with a sentence', async () => {
  for (const locked of [1, 2, 3]) {
    await desk.getByRole('button', { name: 'Claim a cluster of cks' }).press('Enter');
    await seeClusters(desk, 'LOCKED', locked);
  }
  await claim(desk);
  await desk.getByRole('alert').filter({ hasText: 'No available clusters in pool.' }).waitFor();
  await takeShots('5-refused');
});

test(
  'a killed server comes back, and the page is right again by itself',
  async () => {
    await desk.evaluate('window.isTheSame = true');
    const away = [desk, phone].map((page) => seeMark(page, 'Away'));
    await killServer();
    await Promise.all(away);
    await takeShots('6-away');
    await startServer({ SNAPYARD_PORT: new URL(origin).port });
    await Promise.all([desk, phone].map((page) => seeMark(page, 'Live')));
    await seeClusters(phone, 'LOCKED', 3);
    await desk.getByRole('button', { name: 'Release cluster2' }).click();
    await Promise.all([desk, phone].map((page) => seeClusters(page, 'LOCKED', 2)));
    await Promise.all([desk, phone].map((page) => seeClusters(page, 'AVAILABLE', 1)));
    expect(await desk.evaluate('window.isTheSame')).toBe(true);
    expect(await desk.getByRole('alert').allTextContents()).toEqual(['', '']);
    await takeShots('7-back');
  },
  WITH_A_START,
);

test(
  'a server with tokens asks for one, and again when it is struck out',
  async () => {
    const tokens = join(folder, 'tokens');
    const { token, entry } = newToken(realWorld(), 'ada', 'USER');
    writeTokens(tokens, [entry]);
    await killServer();
    await startServer({ SNAPYARD_PORT: new URL(origin).port, SNAPYARD_TOKENS: tokens });
    await showToken('snap_unheard_of', 'This server wants a token that it knows.');
    await showToken(token, 'The server does not know this token');
    await seeMark(desk, 'Live');
    await seeClusters(desk, 'LOCKED', 2);
    expect(await desk.locator('tr[data-session]').count()).toBe(0);
    await claim(desk);
    await desk.locator('tr[data-status="RUNNING"]', { hasText: 'ada' }).waitFor();
    writeTokens(tokens, []);
    await desk.getByLabel('Token').waitFor();
    await takeShots('8-token');
  },
  WITH_A_START,
);

/** Waits until the page asks for a token with these words, and shows it one. */
async function showToken(token: string, words: string): Promise<void> {
  await desk.getByRole('alert').filter({ hasText: words }).waitFor();
  await desk.getByLabel('Token').fill(token);
  await desk.getByRole('button', { name: 'Go on' }).click();
}

test('nothing was asked of anybody else, and nothing was complained of', () => {
  expect([...asked]).toEqual([new URL(origin).host]);
  expect(complaints).toEqual([]);
});
