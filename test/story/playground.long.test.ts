import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Role } from '../../schema/model/viewer.ts';
import { newToken, type TokenEntry, writeTokens } from '../../server/token-file.ts';
import { realWorld } from '../../server/world.ts';
import { whyNoBrowser } from '../kit/browser.ts';
import {
  Dashboard,
  expectAccessible,
  expectNoSidewaysScroll,
  WITH_A_START,
} from '../kit/dashboard.ts';

// The playground in a real browser, on the real server. The tests are one story: each goes on
// where the one before ended.

const noBrowser = whyNoBrowser();
const WIDE = { width: 1_400, height: 900 };
/** So high that all of an answer is on the screen: the editor keeps the rest out of the page. */
const HIGH = { width: 1_400, height: 3_000 };

/**
 * What axe calls serious in GraphiQL itself: a tab of its list has the role of a tab and holds the
 * buttons that choose and close it. Both can be reached and are named.
 */
const GRAPHIQLS_OWN = '.graphiql-tabs';

const board = new Dashboard('playground');
let page: Page;

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  await board.start();
  page = await openPlayground({ colorScheme: 'light' });
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(() => board.close());

/** Opens the playground as somebody who was never here, and who sees a query before running it. */
async function openPlayground(options: BrowserContextOptions): Promise<Page> {
  const opened = await board.open('/playground', { viewport: WIDE, ...options });
  await opened.locator('.graphiql-query-editor .view-line').first().waitFor();
  return opened;
}

/** Waits until the bar says this. */
async function seeBar(text: string): Promise<void> {
  await page.getByRole('status').filter({ hasText: text }).waitFor();
}

/** A tab of the editor, by what stands on it: its name to a screen reader has more. */
function tab(name: string) {
  return page.locator('.graphiql-tab-button').getByText(name, { exact: true });
}

async function openTab(name: string): Promise<void> {
  await tab(name).click();
}

/** Runs what the tab has; of several operations the one of this name. */
async function run(operation?: string): Promise<void> {
  const button = page.getByRole('button', { name: /execute query/i });
  if (operation === undefined) return await button.click();
  // GraphiQL learns a moment after a change of tabs that there are several.
  await button.and(page.locator('[aria-haspopup="menu"]')).click();
  await page.getByRole('menuitem', { name: operation, exact: true }).click();
}

/** What is written in a part of the page; the editors write their spaces as others. */
async function textOf(part: string): Promise<string> {
  return (await page.locator(part).innerText()).replaceAll(/\s+/g, ' ');
}

async function seeAnswer(...words: readonly string[]): Promise<void> {
  for (const word of words) {
    await expect.poll(() => textOf('.graphiql-response'), { timeout: 15_000 }).toContain(word);
  }
}

/** Stops a subscription. */
async function stop(): Promise<void> {
  await page.getByRole('button', { name: /stop/i }).click();
}

/** Asks the server as somebody else. */
async function ask(query: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ query });
  const response = await fetch(`${board.origin}/graphql`, { method: 'POST', headers, body });
  return await response.json();
}

/** Takes every cluster back, and waits until all can be claimed. */
async function freeAll(): Promise<void> {
  await ask('mutation { releaseAllClusters(input: { pool: "cks" }) { __typename } }');
  const question = '{ clusterPool(name: "cks") { stats { availableClusters } } }';
  const all = { data: { clusterPool: { stats: { availableClusters: 3 } } } };
  await expect.poll(() => ask(question), { timeout: 30_000 }).toMatchObject(all);
}

test('without tokens one is the local admin, and the schema is explained', async () => {
  await seeBar('You are local admin.');
  expect(await page.getByLabel('Token').count()).toBe(0);
  expect(await page.getByRole('tab').allInnerTexts()).toEqual([
    'Look',
    'Watch',
    'Claim',
    'Extend',
    'Release',
    'Bootstrap',
    'Snapshots',
    'WatchJob',
    'Resize',
  ]);
  await page.getByRole('button', { name: /documentation explorer/i }).click();
  await page.getByRole('link', { name: 'Subscription' }).first().waitFor();
  await board.shot(page, '1-documentation');
  await page.getByRole('button', { name: /documentation explorer/i }).click();
});

test('axe finds no serious fault, and it works at phone width', async () => {
  await expectAccessible(page, GRAPHIQLS_OWN);
  await page.setViewportSize({ width: 390, height: 844 });
  await board.shot(page, '2-phone');
  await expectNoSidewaysScroll(page);
  await expectAccessible(page, GRAPHIQLS_OWN);
  await page.setViewportSize(WIDE);
});

test(
  'a claim answers, and its id waits in the tabs that want it',
  async () => {
    await freeAll();
    await openTab('Claim');
    await run();
    await seeAnswer('"status": "RUNNING"', '"name": "cluster1"');
    await board.shot(page, '3-claim');
    await openTab('Extend');
    await expect.poll(() => textOf('.graphiql-editor-tool')).toMatch(/"sessionId": "[\w=]{8}/);
    await run();
    await seeAnswer('"__typename": "Session"', '"status": "RUNNING"');
    await openTab('Release');
    await run();
    await seeAnswer('"endReason": "RELEASED"');
  },
  WITH_A_START,
);

test(
  'a stream shows each message as it comes, the newest on top',
  async () => {
    await freeAll();
    await openTab('Watch');
    await run();
    await seeBar('A subscription is running.');
    await seeAnswer('"FeedState"');
    await ask('mutation { createSession(input: { pool: "cks" }) { __typename } }');
    await page.setViewportSize(HIGH);
    await seeAnswer('"FeedChanges"', '"CLAIM"');
    await page.setViewportSize(WIDE);
    const height = () => page.evaluate('document.documentElement.scrollHeight');
    await expect.poll(height).toBe(WIDE.height);
    await board.shot(page, '4-watch');
  },
  WITH_A_START,
);

test(
  'a line that broke says so, and is there again for the next run',
  async () => {
    await board.server.kill();
    await seeBar('The line to the server broke.');
    await seeAnswer('The line to the server broke');
    await board.shot(page, '5-broken');
    await board.server.startAgain();
    await run();
    await seeBar('A subscription is running.');
    await seeAnswer('"message": 1', '"FeedState"');
    await stop();
    await freeAll();
    await openTab('Snapshots');
    await run('CreateSnapshots');
    await seeAnswer('"__typename": "Job"');
    await openTab('WatchJob');
    await run('WatchJob');
    await seeAnswer('"SUCCEEDED"');
    await board.shot(page, '6-job');
  },
  WITH_A_START,
);

test(
  'tabs are kept, and ready-made ones can be had back',
  async () => {
    await openTab('Claim');
    await page.getByRole('button', { name: 'Close Tab' }).click();
    await page.getByRole('button', { name: 'New tab' }).click();
    await page.locator('.graphiql-query-editor .monaco-editor').click();
    await page.keyboard.insertText('query Mine { viewer { name } }');
    await tab('Mine').waitFor();
    await expect
      .poll(() => page.evaluate('localStorage.getItem("graphiql:tabState")'))
      .toContain('Mine');
    await page.reload();
    await tab('Mine').waitFor();
    expect(await tab('Claim').count()).toBe(0);
    await page.getByRole('button', { name: 'Ready-made tabs' }).click();
    expect((await page.getByRole('tab').allInnerTexts()).slice(-2)).toEqual(['Mine', 'Claim']);
    await freeAll();
    await run();
    await seeAnswer('"status": "RUNNING"');
    await page.goto(`${board.origin}/playground?query=${encodeURIComponent('{ cursor }')}`);
    await run();
    await seeAnswer('"cursor":');
  },
  WITH_A_START,
);

test(
  'with tokens nobody types one twice, and everybody is told who they are',
  async () => {
    const entries: TokenEntry[] = [];
    const make = (name: string, role: Role) => {
      const { token, entry } = newToken(realWorld(), name, role);
      entries.push(entry);
      return token;
    };
    const [root, ada] = [make('root', 'ADMIN'), make('ada', 'USER')];
    const tokens = join(board.folder, 'tokens');
    writeTokens(tokens, entries);
    await freeAll();
    await page.context().close();
    await board.server.stop();
    await board.server.startAgain({ SNAPYARD_TOKENS: tokens });

    const httpCredentials = { username: 'anybody', password: root };
    page = await openPlayground({ httpCredentials, colorScheme: 'dark' });
    await seeBar('You are root, ADMIN.');
    await run();
    await seeAnswer('"name": "root"');
    await board.shot(page, '7-admin-dark');

    await enter('snap_wrong');
    await seeBar('The server does not know this token. Enter another');
    await run();
    await seeAnswer('"UNAUTHENTICATED"');
    await board.shot(page, '8-unknown');

    await enter(ada);
    await seeBar('You are ada, USER. What this role may do works here.');
    await openTab('Claim');
    await run();
    await seeAnswer('"status": "RUNNING"');
    await openTab('Watch');
    await run();
    await seeAnswer('"owner": "ada"');
    await board.shot(page, '9-user');
    await page.reload();
    await seeBar('You are ada, USER.');

    await enter('');
    await seeBar('You are root, ADMIN.');
  },
  WITH_A_START,
);

/** Enters a token by the keyboard alone. */
async function enter(token: string): Promise<void> {
  await page.getByLabel('Token').fill(token);
  await page.getByLabel('Token').press('Enter');
}

test('nothing was asked of anybody else, and nothing was complained of', () => {
  board.expectNoComplaints();
});
