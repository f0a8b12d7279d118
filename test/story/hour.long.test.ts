import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { pageOfSessions } from '../../db/session.ts';
import { schema } from '../../schema/index.ts';
import type { Session } from '../../schema/model/session.ts';
import { loopbackAuth } from '../../server/auth.ts';
import { Http } from '../../server/http/http.ts';
import { realWorld } from '../../server/world.ts';
import { launchBrowser, whyNoBrowser } from '../kit/browser.ts';
import { seeMark, WITH_A_START } from '../kit/dashboard.ts';
import { openYard } from '../kit/yard.ts';

// One hour with the dashboard open, in virtual time on both sides: the server's world and the
// clocks of the pages move together, second by second. What pages show is compared with the
// database every few minutes.

const noBrowser = whyNoBrowser();
const MINUTE = 60_000;
/** Shorter than what a page allows for an answer to its ping. */
const STEP_MS = 1_000;

const yard = openYard({ seed: 6, speed: 10 });
const silent = () => {};
const http = new Http({
  world: realWorld(),
  log: { debug: silent, info: silent, warn: silent, error: (...what) => console.error(...what) },
  schema,
  contexts: yard.contexts,
  auth: loopbackAuth(),
  settings: { host: '127.0.0.1', port: 0, origins: [], clientFolder: 'dist/client' },
});
let browser: Browser | undefined;
let overview: Page;
let sessionsPage: Page;
/** How much time is still to pass on the server, in milliseconds, and whether the test is over. */
const due = { ms: 0, isOver: false };
let clock: Promise<void> | undefined;

/** The one who drives the server's time: what is ready runs always, time passes when it is due. */
async function keepTime(): Promise<void> {
  while (!due.isOver) {
    if (due.ms > 0) await yard.world.advance(STEP_MS);
    due.ms = Math.max(0, due.ms - STEP_MS);
    await yard.world.settle();
    await sleep(2);
  }
}

/** Lets time pass for everybody. */
async function pass(minutes: number): Promise<void> {
  const pages = [overview, sessionsPage];
  for (let left = minutes * MINUTE; left > 0; left -= STEP_MS) {
    due.ms += STEP_MS;
    while (due.ms > 0) await sleep(1);
    await Promise.all(pages.map((page) => page.clock.runFor(STEP_MS)));
  }
}

async function openPage(address: string, path: string): Promise<Page> {
  if (browser === undefined) throw new Error('no browser');
  const page = await (await browser.newContext()).newPage();
  await page.clock.install({ time: yard.world.now() });
  await page.goto(address + path);
  await seeMark(page, 'LIVE');
  return page;
}

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  const built = spawnSync(process.execPath, ['scripts/build-client.ts'], { encoding: 'utf8' });
  expect(built.stderr).toBe('');
  yard.loops.start();
  await yard.addPool({
    name: 'cks',
    size: 3,
    whenEmpty: 'QUEUE',
    sessionTtlMinutes: 10,
    maxTtlMinutes: 40,
    maxWaitSeconds: 1_200,
    snapshotMaxAgeSeconds: 1_800,
  });
  await yard.settled('cks', 3);
  clock = keepTime();
  browser = await launchBrowser();
  const address = await http.listen();
  overview = await openPage(address, '/');
  sessionsPage = await openPage(address, '/sessions');
  due.ms += 2 * MINUTE;
  while (due.ms > 0) await sleep(5);
  // From here on the pages' clocks move only with the server's.
  await Promise.all([overview, sessionsPage].map((page) => page.clock.pauseAt(yard.world.now())));
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(async () => {
  await browser?.close();
  due.isOver = true;
  await clock;
  await http.stop();
  await yard.close();
});

function liveSessions(): Session[] {
  const page = yard.store.read((db) => pageOfSessions(db, { seen: 'ALL' }, { first: 100 }));
  return page.rows.map(({ row }) => row).filter(({ endedAt }) => endedAt === null);
}

/** What the pages show is what there is: each cluster, each live session, and its time left. */
async function expectTruth(): Promise<void> {
  const clusters = yard.members('cks').map(({ name, status }) => `${name} ${status}`);
  const cells = `[...document.querySelectorAll('.cell')].map(
    ({ dataset }) => dataset.cluster + ' ' + dataset.status)`;
  await expect.poll(() => overview.evaluate(cells)).toEqual(clusters.sort());
  const sessions = liveSessions();
  const rows = sessionsPage.locator('tr[data-session]:not([data-status="COMPLETED"])');
  const live = rows.and(sessionsPage.locator(':not([data-status="FAILED"])'));
  await expect.poll(() => live.count()).toBe(sessions.length);
  for (const { owner, status, expiresAt } of sessions) {
    const row = live.filter({ hasText: owner });
    expect(await row.getAttribute('data-status')).toBe(status);
    if (expiresAt === null || status !== 'RUNNING') continue;
    const shown = secondsIn((await row.locator('time').first().textContent()) ?? '');
    expect(Math.abs(shown - (expiresAt - yard.world.now()) / 1_000)).toBeLessThan(3);
  }
  for (const page of [overview, sessionsPage]) await seeMark(page, 'LIVE');
}

/** Seconds in what a page says, such as 14 min 09 s. */
function secondsIn(text: string): number {
  const of = (unit: string) => Number(new RegExp(`(\\d+) ${unit}\\b`).exec(text)?.[1] ?? 0);
  return of('h') * 3_600 + of('min') * 60 + of('s');
}

async function claim(owner: string): Promise<Session> {
  return await yard.as(owner, 'USER').createSession({ pool: 'cks' });
}

test('an hour passes, and the pages tell it as it was', { timeout: 400_000 }, async () => {
  const alice = await claim('alice');
  for (const owner of ['bob', 'carol', 'dave']) await claim(owner);
  await pass(1);
  await expectTruth();
  await yard.as('admin').createSnapshots({ pool: 'cks', baseCluster: true });
  await yard.as('alice', 'USER').extendSession({ sessionId: alice.id, minutes: 35 });
  await pass(7);
  await expectTruth();
  // The others' time is up after ten minutes, and dave takes the place of one of them.
  await pass(5);
  await expectTruth();
  expect(
    liveSessions()
      .map(({ owner }) => owner)
      .sort(),
  ).toEqual(['alice', 'dave']);
  await pass(12);
  await expectTruth();
  yard.simulator.vanish(alice.clusterId ?? '', 'WORKER');
  await pass(3);
  await expectTruth();
  expect(liveSessions()).toEqual([]);
  await overview.getByText('set', { exact: false }).first().waitFor();
  expect(await overview.getByRole('button', { name: /Recreate snapshots/ }).count()).toBe(0);
  await pass(6);
  // The base snapshots are older than the pool allows: the page says so without being told.
  await overview.getByRole('button', { name: /Recreate snapshots/ }).waitFor();
  for (const owner of ['erin', 'frank', 'grace', 'heidi', 'ivan']) await claim(owner);
  await pass(1);
  await expectTruth();
  await pass(14);
  await expectTruth();
  await pass(11);
  await expectTruth();
  expect(yard.faults).toEqual([]);
});
