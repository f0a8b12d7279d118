import type { Locator, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { whyNoBrowser } from '../kit/browser.ts';
import {
  Dashboard,
  expectAccessible,
  seeClusters,
  seeMark,
  WITH_A_START,
} from '../kit/dashboard.ts';

// The dashboard by the keyboard, and over hours: the focus stays where the work is, what was
// refused is told even if its button has gone, and what is shown does not grow old unseen. The
// tests are one story: each goes on where the one before ended.

const noBrowser = whyNoBrowser();
const dashboard = new Dashboard('keyboard');
let page: Page;

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  await dashboard.start();
  page = await dashboard.open();
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(() => dashboard.close());

function button(name: string): Locator {
  return page.getByRole('button', { name, exact: true });
}

function row(name: string): Locator {
  return page.locator(`tr[data-row="${name}"]`);
}

/** What has the focus: its text, in one line. */
async function focused(): Promise<string> {
  const text = await page.evaluate<string>(
    'document.activeElement === document.body ? "BODY" : document.activeElement.textContent',
  );
  return text.replaceAll(/\s+/g, ' ').trim();
}

async function seeFocus(text: string): Promise<void> {
  await expect.poll(focused, { timeout: 5_000, interval: 20 }).toBe(text);
}

async function press(target: Locator): Promise<void> {
  await target.focus();
  await page.keyboard.press('Enter');
}

/** Does something as somebody who is not looking at a page. */
async function ask(query: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ query });
  const response = await fetch(`${dashboard.origin}/graphql`, { method: 'POST', headers, body });
  expect(response.ok).toBe(true);
}

/** Holds back what the page asks by this name, until the answer is called. */
async function hold(name: string): Promise<{ isAsked: Promise<void>; letGo: () => Promise<void> }> {
  const asked = Promise.withResolvers<Route>();
  const handler = async (route: Route) => {
    if (!(route.request().postData() ?? '').includes(name)) return route.fallback();
    asked.resolve(route);
  };
  await page.route('**/graphql', handler);
  const letGo = async () => {
    const route = await asked.promise;
    await route.continue();
    await page.unroute('**/graphql', handler);
  };
  return { isAsked: asked.promise.then(() => {}), letGo };
}

test('the first page begins as pages do; the next at its heading', async () => {
  await seeClusters(page, 'AVAILABLE', 3);
  expect(await focused()).toBe('BODY');
  await press(page.getByRole('link', { name: 'cks', exact: true }));
  await page.getByRole('heading', { level: 1, name: 'cks' }).waitFor();
  await seeFocus('cks');
  expect(await page.title()).toBe('cks · Snapyard');
  await page.goBack();
  await seeFocus('Overview');
  await page.goForward();
  await seeFocus('cks');
});

test('a button keeps the focus while it works, and cannot be pressed twice', async () => {
  const { isAsked, letGo } = await hold('WarmUpPool');
  await press(button('Warm up cks'));
  await isAsked;
  expect(await button('Warm up cks').getAttribute('aria-disabled')).toBe('true');
  await page.keyboard.press('Enter');
  await seeFocus('Warm up cks');
  await letGo();
  await page.locator('.job[data-job="WARM_UP_POOL"] .badge[data-status="SUCCEEDED"]').waitFor();
  await seeFocus('Warm up cks');
  expect(await page.locator('.job[data-job="WARM_UP_POOL"]').count()).toBe(1);
});

test('a dialog gives the focus back; when its button has gone, to the line', async () => {
  await press(button('Reset cluster1'));
  await seeFocus('Cancel');
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await seeFocus('Reset cluster1');
  await page.keyboard.press('Enter');
  await seeFocus('Cancel');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await row('cluster1').locator('.badge[data-status="RESETTING"]').waitFor();
  await seeFocus('Details of cluster1');
  await seeClusters(page, 'AVAILABLE', 3);
});

test('a part of the page whose button has gone has the focus at its heading', async () => {
  await page.getByLabel('How to capture').selectOption('OFFLINE');
  await press(button('Create base snapshots in cks'));
  await page.getByRole('button', { name: 'Creating snapshots …' }).waitFor();
  await seeFocus('Golden state');
  await button('Recreate snapshots in cks').waitFor();
  await expectAccessible(page);
});

test('a form that opens and closes leaves the focus at its heading', async () => {
  await press(button('Change the settings of cks'));
  await page.getByLabel('Size').waitFor();
  await seeFocus('Settings');
  await press(button('Cancel'));
  await button('Change the settings of cks').waitFor();
  await seeFocus('Settings');
});

test('what is refused as things have changed is told, though its button has gone', async () => {
  const { isAsked, letGo } = await hold('ResetCluster');
  await press(button('Reset cluster1'));
  await seeFocus('Cancel');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await isAsked;
  const claim = 'mutation { createSession(input: { pool: "cks" }) { __typename } }';
  for (let left = 3; left > 0; left -= 1) await ask(claim);
  await row('cluster1').locator('.badge[data-status="LOCKED"]').waitFor();
  expect(await button('Reset cluster1').count()).toBe(0);
  await letGo();
  await row('cluster1').getByRole('alert').filter({ hasText: 'Cluster cluster1' }).waitFor();
  await ask('mutation { releaseAllClusters(input: { pool: "cks" }) { __typename } }');
  await seeClusters(page, 'AVAILABLE', 3);
});

test('nobody is taken elsewhere by what they have left', async () => {
  await page.goto(dashboard.origin);
  const { isAsked, letGo } = await hold('mutation Claim');
  await press(button('Claim a cluster of cks'));
  await isAsked;
  await page.getByRole('link', { name: 'History', exact: true }).click();
  await seeFocus('History');
  await letGo();
  await page.locator('tr[data-type="SESSION"] .log-move').first().waitFor();
  await page.waitForLoadState('networkidle');
  expect(new URL(page.url()).pathname).toBe('/history');
  await ask('mutation { releaseAllClusters(input: { pool: "cks" }) { __typename } }');
});

/** Has what goes to the server, or comes from it, be something else. */
async function between(
  open: Page,
  change: { up?: (text: string) => string; down?: (text: string) => string },
): Promise<void> {
  const { up = String, down = String } = change;
  await open.routeWebSocket('**/graphql', (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => server.send(up(String(message))));
    server.onMessage((message) => socket.send(down(String(message))));
  });
}

test('a health check is asked for when there must be a later one, and only then', async () => {
  await page.goto(`${dashboard.origin}/pools/cks`);
  await seeClusters(page, 'AVAILABLE', 3);
  const [early, now] = [-600_000, 0].map((ms) => new Date(Date.now() + ms).toISOString());
  const watching = await page.context().newPage();
  await between(watching, {
    down: (text) => text.replaceAll(/"lastHealthCheck":"[^"]+"/g, `"lastHealthCheck":"${early}"`),
  });
  const asked: string[] = [];
  await watching.route('**/graphql', async (route) => {
    const text = route.request().postData() ?? '';
    if (!text.includes('HealthCheck')) return route.fallback();
    asked.push(text);
    const cluster = { __typename: 'Cluster', id: 'any', lastHealthCheck: now };
    return route.fulfill({ json: { data: { cluster } } });
  });
  await watching.goto(`${dashboard.origin}/pools/cks`);
  for (const name of ['cluster1', 'cluster2', 'cluster3']) {
    await watching.locator(`tr[data-row="${name}"] time[datetime="${now}"]`).waitFor();
  }
  await watching
    .locator(`time[datetime="${now}"]`, { hasText: /^[1-9]/ })
    .first()
    .waitFor();
  expect(asked.length).toBe(3);
  await watching.close();
});

test('what a list is narrowed to leaves the focus where it was chosen', async () => {
  const places = page.getByRole('navigation', { name: 'Pages' });
  await press(places.getByRole('link', { name: 'History' }));
  const choice = page.getByLabel('Only changes of state');
  await choice.focus();
  await page.keyboard.press('Space');
  await page.waitForURL(/history\?/);
  // Whatever would take it away has had its turn by then.
  await page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))');
  expect(await page.evaluate('document.activeElement.type')).toBe('checkbox');
  expect(await choice.isChecked()).toBe(true);
  await press(places.getByRole('link', { name: 'Overview' }));
});

test('a server that does not take what the page asks is told of, with a way out', async () => {
  const old = await page.context().newPage();
  let isOld = true;
  await between(old, {
    up: (text) => (isOld ? text.replace('__typename', 'typeNameOfOld') : text),
  });
  await old.goto(dashboard.origin);
  const note = old.getByRole('alert').filter({ hasText: 'no longer kept up to date' });
  await note.waitFor();
  expect(await old.locator('.mark').count()).toBe(0);
  await dashboard.shot(old, 'refused');
  isOld = false;
  await old.getByRole('button', { name: 'Load the page anew' }).click();
  await seeMark(old, 'LIVE');
  await old.close();
});

test('nothing was complained of', () => {
  dashboard.expectNoComplaints();
});
