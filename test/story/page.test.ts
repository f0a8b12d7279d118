import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newToken, writeTokens } from '../../server/token-file.ts';
import { realWorld } from '../../server/world.ts';
import { whyNoBrowser } from '../kit/browser.ts';
import { Dashboard, PHONE, seeClusters, seeMark, WITH_A_START } from '../kit/dashboard.ts';

// The dashboard in a real browser, on the real server. The tests are one story: each goes on
// where the one before ended.

const noBrowser = whyNoBrowser();
const dashboard = new Dashboard('page');
/** A desk and a phone, two browsers as far as the server can tell. */
let desk: Page;
let phone: Page;

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  await dashboard.start();
  desk = await dashboard.open();
  phone = await dashboard.open('/', PHONE);
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(() => dashboard.close());

async function claim(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Claim a cluster of cks' }).click();
}

/** Goes back to where all pools are, as a person does. */
async function toOverview(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Overview' }).click();
}

async function toSessions(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Sessions', exact: true }).click();
}

async function takeShots(name: string): Promise<void> {
  await dashboard.shot(desk, `${name}-desk`);
  await dashboard.shot(phone, `${name}-phone`);
}

test('three clusters become available', async () => {
  await Promise.all([desk, phone].map((page) => seeMark(page, 'LIVE')));
  await takeShots('1-creating');
  await Promise.all([desk, phone].map((page) => seeClusters(page, 'AVAILABLE', 3)));
  await takeShots('2-available');
});

test('a claim is seen by both, and leads to its session', async () => {
  await claim(desk);
  await seeClusters(phone, 'LOCKED', 1);
  await desk.locator('main [data-status="RUNNING"]').first().waitFor();
  expect(new URL(desk.url()).pathname).toMatch(/^\/sessions\//);
  for (const page of [desk, phone]) {
    await toSessions(page);
    const row = page.locator('tr[data-status="RUNNING"]', { hasText: 'cluster1' });
    await row.getByText('local').waitFor();
    expect(await row.locator('time').first().textContent()).toMatch(/\d+ (h|min) \d\d (min|s)$/);
  }
  await takeShots('3-claimed');
});

test('a release is seen by both, to the clean end', async () => {
  await toOverview(desk);
  const resetting = seeClusters(desk, 'RESETTING', 1);
  await phone.getByRole('button', { name: 'Release cluster1' }).click();
  await phone.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
  await resetting;
  await takeShots('4-resetting');
  await toOverview(phone);
  await Promise.all([desk, phone].map((page) => seeClusters(page, 'AVAILABLE', 3)));
});

test('the keyboard is enough, and a fourth claim is refused with a sentence', async () => {
  for (const locked of [1, 2, 3]) {
    await desk.getByRole('button', { name: 'Claim a cluster of cks' }).press('Enter');
    await desk.waitForURL('**/sessions/*');
    await desk.getByRole('link', { name: 'Overview' }).press('Enter');
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
    const away = [desk, phone].map((page) => seeMark(page, 'AWAY'));
    await dashboard.server.kill();
    await Promise.all(away);
    await takeShots('6-away');
    await dashboard.server.startAgain();
    await Promise.all([desk, phone].map((page) => seeMark(page, 'LIVE')));
    await desk.locator('.mark', { hasText: 'Caught up' }).waitFor();
    await Promise.all([desk, phone].map((page) => seeClusters(page, 'LOCKED', 3)));
    const told = desk.getByRole('alert').filter({ hasText: 'No available clusters in pool.' });
    await told.waitFor();
    await toSessions(phone);
    await phone.getByRole('button', { name: 'Release cluster2' }).click();
    await phone.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
    // Once there is a cluster to be had, the refusal is old.
    await told.waitFor({ state: 'detached' });
    await seeClusters(desk, 'LOCKED', 2);
    expect(await desk.evaluate('window.isTheSame')).toBe(true);
    expect(await desk.getByRole('alert').allTextContents()).not.toContain('The server');
    await takeShots('7-back');
  },
  WITH_A_START,
);

test(
  'a server with tokens asks for one, and again when it is struck out',
  async () => {
    const tokens = join(dashboard.folder, 'tokens');
    const { token, entry } = newToken(realWorld(), 'ada', 'USER');
    writeTokens(tokens, [entry]);
    await dashboard.server.kill();
    await dashboard.server.startAgain({ SNAPYARD_TOKENS: tokens });
    await showToken('snap_unheard_of', 'This server wants a token that it knows.');
    await showToken(token, 'The server does not know this token');
    await seeMark(desk, 'LIVE');
    await seeClusters(desk, 'LOCKED', 2);
    await toSessions(desk);
    expect(await desk.locator('tr[data-session]').count()).toBe(0);
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

test('the first page is small', () => {
  const html = readFileSync('dist/client/index.html', 'utf8');
  const names = [...html.matchAll(/"\/(assets\/[^"]+)"/g)].map(([, name]) => name);
  const sizes = names.map((name) => gzipSync(readFileSync(`dist/client/${name}`)).length);
  expect(sizes.length).toBeGreaterThan(1);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  console.info(`first page: ${Math.round(total / 1_000)} kB, gzip, in ${sizes.length} files`);
  expect(total).toBeLessThan(300_000);
});

test('nothing was asked of anybody else, and nothing was complained of', () => {
  dashboard.expectNoComplaints();
});
