import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { whyNoBrowser } from '../kit/browser.ts';
import { Dashboard, seeClusters, seeMark, WITH_A_START } from '../kit/dashboard.ts';

// What people press while the server is away comes to a good end when it is back. The tests are
// one story: each goes on where the one before ended.

const noBrowser = whyNoBrowser();
const dashboard = new Dashboard('away');
/** One that has fetched its other pages, and one that never gets to it. */
let ready: Page;
let busy: Page;
/** One that looks for a session when there is nobody to ask. */
let seeker: Page;

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  await dashboard.start();
  ready = await dashboard.open();
  seeker = await dashboard.open('/sessions');
  busy = await openBusy();
  await Promise.all([ready, busy, seeker].map((page) => seeMark(page, 'LIVE')));
  for (const page of [ready, busy, seeker]) await page.evaluate('window.isTheSame = true');
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(() => dashboard.close());

/** A browser that is never idle, so that a page is fetched only when it is looked at. */
async function openBusy(): Promise<Page> {
  const page = await dashboard.open('/favicon.svg');
  await page.addInitScript(
    'window.requestIdleCallback = () => 0; window.cancelIdleCallback = () => {};',
  );
  await page.goto(dashboard.origin);
  return page;
}

async function toHistory(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'History', exact: true }).click();
}

function historyIn(page: Page) {
  return page.getByRole('heading', { name: 'Time to a ready cluster' });
}

async function expectTheSame(page: Page): Promise<void> {
  expect(await page.evaluate('window.isTheSame')).toBe(true);
}

test('the other pages come when there is time, without the chart', async () => {
  await seeClusters(ready, 'AVAILABLE', 3);
  const fetched = () =>
    ready.evaluate<string>(
      'performance.getEntriesByType("resource").map(({ name }) => name).join()',
    );
  await expect.poll(fetched, { timeout: 15_000 }).toContain('new-pool-page');
  expect(await fetched()).toContain('history-page');
  expect(await fetched()).not.toContain('provisioning-chart');
});

test('a click meanwhile opens what is there, and waits for what is not', async () => {
  const away = [ready, busy, seeker].map((page) => seeMark(page, 'AWAY'));
  await dashboard.server.kill();
  await Promise.all(away);
  await Promise.all([ready, busy].map(toHistory));
  await historyIn(ready).waitFor();
  await busy.getByText('This page opens when the server is back.').waitFor();
  await seeker.evaluate('history.pushState(null, "", "/sessions/unheard-of")');
  await seeker.getByText('The server did not answer; it is asked again.').waitFor();
});

test(
  'when it is back all is as it was pressed, on the same page',
  async () => {
    await dashboard.server.startAgain();
    await Promise.all([ready, busy, seeker].map((page) => seeMark(page, 'LIVE')));
    await historyIn(busy).waitFor();
    await seeker.getByText('There is no such session').waitFor();
    for (const page of [ready, busy, seeker]) await expectTheSame(page);
  },
  WITH_A_START,
);

test('what the server does not send makes the page begin anew once, and no more', async () => {
  await busy.route('**/assets/saved-page-*', (route) => route.abort());
  await busy.getByRole('link', { name: 'Saved', exact: true }).click();
  const told = busy.getByText('The server did not send this page.');
  await expect
    .poll(async () => [await busy.evaluate('window.isTheSame ?? null'), await told.count()], {
      timeout: 15_000,
    })
    .toEqual([null, 1]);
  await busy.evaluate('window.isTheSame = true');
  await toHistory(busy);
  await historyIn(busy).waitFor();
  await busy.getByRole('link', { name: 'Saved', exact: true }).click();
  await told.waitFor();
  await expectTheSame(busy);
  await busy.unroute('**/assets/saved-page-*');
  await busy.getByRole('button', { name: 'Try it again' }).click();
  await busy.getByRole('heading', { level: 1, name: 'Saved' }).waitFor();
});

test('a claim whose answer was lost is one session, however often it is pressed', async () => {
  await ready.getByRole('link', { name: 'Overview' }).click();
  const claim = ready.getByRole('button', { name: 'Claim a cluster of cks' });
  // It is done, but nobody hears of it.
  await ready.route('**/graphql', async (route) => {
    if (route.request().postData()?.includes('mutation Claim') !== true) return route.fallback();
    await route.fetch();
    return route.abort();
  });
  await claim.click();
  await ready.getByRole('alert').filter({ hasText: 'The server did not answer' }).waitFor();
  await seeClusters(ready, 'LOCKED', 1);
  await ready.unroute('**/graphql');
  await claim.click();
  await ready.waitForURL('**/sessions/*');
  await ready.getByRole('link', { name: 'Overview' }).click();
  await seeClusters(ready, 'LOCKED', 1);
  await claim.click();
  await ready.waitForURL('**/sessions/*');
  await ready.getByRole('link', { name: 'Overview' }).click();
  await seeClusters(ready, 'LOCKED', 2);
});

/** Changes pools as an admin elsewhere does. */
async function elsewhere(mutation: string): Promise<void> {
  await fetch(`${dashboard.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: `mutation { ${mutation} { __typename } }` }),
  });
}

test('pools that come and go never change what is to be claimed', async () => {
  await seeker.getByRole('link', { name: 'Sessions', exact: true }).click();
  const form = seeker.getByRole('region', { name: 'Claim' });
  const pool = form.getByLabel('Pool');
  expect(await pool.inputValue()).toBe('cks');
  await elsewhere('createClusterPool(input: { name: "aaa", provider: SIMULATOR })');
  await pool.locator('option', { hasText: 'aaa' }).waitFor({ state: 'attached' });
  expect(await pool.inputValue()).toBe('cks');
  await pool.selectOption('aaa');
  await elsewhere('deleteClusterPool(input: { name: "aaa" })');
  await pool.locator('option', { hasText: 'Choose one' }).waitFor({ state: 'attached' });
  expect(await pool.inputValue()).toBe('');
  expect(await form.getByRole('button', { name: 'Claim' }).isDisabled()).toBe(true);
  dashboard.expectNoComplaints();
});
