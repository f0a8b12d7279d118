import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { whyNoBrowser } from '../kit/browser.ts';
import {
  Dashboard,
  expectAccessible,
  expectNoSidewaysScroll,
  PHONE,
  seeClusters,
  seeMark,
  WITH_A_START,
} from '../kit/dashboard.ts';

// The history page in a real browser, while others act. The tests are one story: each goes on
// where the one before ended.

const noBrowser = whyNoBrowser();
const dashboard = new Dashboard('history-page');
/** Who looks at the history, and who acts. */
let reader: Page;
let actor: Page;

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  await dashboard.start();
  actor = await dashboard.open();
  reader = await dashboard.open('/history');
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(async () => {
  await dashboard.close();
});

/** Asks the server as anybody may who can reach it; answers the data. */
async function ask(query: string, variables: object = {}): Promise<Record<string, unknown>> {
  const response = await fetch(`${dashboard.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data } = (await response.json()) as { data: Record<string, unknown> };
  return data;
}

/** Claims a cluster, and answers the session's id. */
async function claim(): Promise<string> {
  const text = 'mutation { createSession(input: { pool: "cks" }) { ... on Session { id } } }';
  const { createSession } = (await ask(text)) as { createSession: { id: string } };
  return createSession.id;
}

async function release(id: string): Promise<void> {
  const text = `mutation ($id: ID!) { releaseSession(input: { sessionId: $id }) { __typename } }`;
  await ask(text, { id });
}

/** The lines about sessions, newest first, as the page shows them: what became of them. */
function sessionMoves(page: Page): Promise<string[]> {
  return page.locator('tr[data-type="SESSION"] .log-move').allInnerTexts();
}

async function countOfMoves(page: Page, count: number): Promise<void> {
  await expect.poll(async () => (await sessionMoves(page)).length, POLL).toBe(count);
}

const POLL = { timeout: 15_000, interval: 50 };

test('what others do comes on top', async () => {
  await seeClusters(actor, 'AVAILABLE', 3);
  await reader.getByText('Following').waitFor();
  const id = await claim();
  await countOfMoves(reader, 1);
  await release(id);
  await countOfMoves(reader, 2);
  const [last = ''] = await sessionMoves(reader);
  expect(last).toMatch(/Running\s*→\s*to\s*Completed/);
  await seeClusters(actor, 'AVAILABLE', 3);
  await dashboard.shot(reader, 'log');
});

test('the chart has what it took, and the table its numbers', async () => {
  await reader.locator('.times-chart svg').first().waitFor();
  await reader.getByLabel('Show the numbers').check();
  const table = reader.getByRole('table', { name: /Provisioning times/ });
  await table.getByRole('cell', { name: 'Warm' }).first().waitFor();
  await reader.getByLabel('Claims only').uncheck();
  await table.getByRole('cell', { name: 'By bootstrap' }).first().waitFor();
  await reader.getByText('30 d', { exact: true }).click();
  await table.getByRole('cell', { name: 'By bootstrap' }).first().waitFor();
  await dashboard.shot(reader, 'chart');
  await reader.getByLabel('Show the numbers').uncheck();
});

test('paused, it counts what is new; resumed, it has all of it', async () => {
  await reader.getByRole('button', { name: 'Pause' }).click();
  const before = await sessionMoves(reader);
  await release(await claim());
  await reader.getByText(/Paused, \d+ new/).waitFor();
  expect(await sessionMoves(reader)).toEqual(before);
  await reader.getByRole('button', { name: 'Resume' }).click();
  await countOfMoves(reader, before.length + 2);
});

test('who reads further down is not moved', async () => {
  await reader.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)');
  const before = await sessionMoves(reader);
  await release(await claim());
  await reader.getByRole('button', { name: /\d+ new above/ }).waitFor();
  expect(await sessionMoves(reader)).toEqual(before);
  await reader.getByRole('button', { name: /\d+ new above/ }).click();
  await countOfMoves(reader, before.length + 2);
});

test('it can be narrowed by kinds and words', async () => {
  await reader.getByLabel('Only changes of state').check();
  await expect.poll(() => reader.locator('tr[data-type="CLUSTER_POOL"]').count(), POLL).toBe(0);
  await reader.getByLabel('Words in what is loaded').fill('session completed');
  await expect.poll(() => reader.locator('tr[data-type="CLUSTER"]').count(), POLL).toBe(0);
  await countOfMoves(reader, 3);
  await reader.getByLabel('Words in what is loaded').fill('');
  await reader.getByLabel('Only changes of state').uncheck();
  await reader.getByRole('combobox', { name: 'Kinds of things' }).click();
  await reader.getByRole('option', { name: 'Session' }).click();
  await reader.keyboard.press('Escape');
  await expect.poll(() => reader.locator('tr[data-type="CLUSTER"]').count(), POLL).toBe(0);
  await countOfMoves(reader, 6);
});

test('and is narrowed in the same way after a reload, and on the way back', async () => {
  expect(new URL(reader.url()).search).toBe('?served=all&period=30d&kinds=SESSION');
  await reader.reload();
  await countOfMoves(reader, 6);
  await reader.getByRole('link', { name: 'Overview' }).click();
  await reader.goBack();
  await countOfMoves(reader, 6);
  expect(await reader.locator('tr[data-type="CLUSTER"]').count()).toBe(0);
  expect(await reader.getByLabel('Claims only').isChecked()).toBe(false);
});

test(
  'a restart of the server leaves no gap and nothing twice',
  async () => {
    await dashboard.server.kill();
    await seeMark(reader, 'AWAY');
    await dashboard.server.startAgain();
    await release(await claim());
    await seeMark(reader, 'LIVE');
    await countOfMoves(reader, 8);
    const { changeLog } = (await ask(
      '{ changeLog(types: [SESSION], first: 100) { edges { node { to } } } }',
    )) as { changeLog: { edges: { node: { to: string | null } }[] } };
    const logged = changeLog.edges.map(({ node }) => node.to).filter((to) => to !== null);
    const shown = (await sessionMoves(reader)).map((text) => text.split(/\s/).at(-1));
    expect(shown.map((word) => word?.toUpperCase())).toEqual(logged);
  },
  WITH_A_START,
);

test('one thing has a history of its own, and a way back', async () => {
  await reader
    .getByRole('link', { name: /^History of Session/ })
    .first()
    .click();
  await reader.getByRole('heading', { level: 1, name: 'History: Session of local' }).waitFor();
  await countOfMoves(reader, 2);
  await expectAccessible(reader);
  await dashboard.shot(reader, 'one-session');
  await reader.getByRole('link', { name: /All history/ }).click();
  await reader.getByRole('heading', { name: 'Time to a ready cluster' }).waitFor();
});

test(
  'anybody can read it, on a phone too',
  async () => {
    const phone = await dashboard.open('/history', PHONE);
    await dashboard.shot(phone, 'phone');
    for (const page of [reader, phone]) {
      await page.locator('.times-chart svg').first().waitFor();
      await page.locator('tr[data-type="SESSION"]').first().waitFor();
      await expectAccessible(page);
      await expectNoSidewaysScroll(page);
    }
    await dashboard.shot(phone, 'phone');
    dashboard.expectNoComplaints();
  },
  WITH_A_START,
);
