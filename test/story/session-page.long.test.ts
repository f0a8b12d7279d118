import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContextOptions, Download, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Role } from '../../schema/model/viewer.ts';
import { newToken, writeTokens } from '../../server/token-file.ts';
import { realWorld } from '../../server/world.ts';
import { whyNoBrowser } from '../kit/browser.ts';
import {
  Dashboard,
  DESK,
  expectAccessible,
  expectNoSidewaysScroll,
  PHONE,
  WITH_A_START,
} from '../kit/dashboard.ts';

// Sessions in a real browser, on the real server with the simulator: what their owner does and what
// an admin sees of it meanwhile. The tests are one story: each goes on where the one before ended.

const POOLS = `
- { name: cks, provider: SIMULATOR, size: 2, maxClusters: 3, sessionTtlMinutes: 30,
    maxTtlMinutes: 90 }
- { name: lab, provider: SIMULATOR, size: 1, whenEmpty: QUEUE }
`;

const noBrowser = whyNoBrowser();
const dashboard = new Dashboard('session-page', { SNAPYARD_SAVED_SNAPSHOTS: '1' });
const tokens: Partial<Record<string, string>> = {};
/** The owner at a desk, and an admin with a phone. */
let ada: Page;
let root: Page;
/** What the owner's session is. */
let session = '';
/** A session that lasts a minute, from the beginning of the story. */
let brief = '';

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  const [pools, file] = [join(dashboard.folder, 'pools.yaml'), join(dashboard.folder, 'tokens')];
  writeFileSync(pools, POOLS);
  writeTokens(file, [
    entryFor('ada', 'USER'),
    entryFor('root', 'ADMIN'),
    entryFor('eve', 'VIEWER'),
  ]);
  await dashboard.start({ SNAPYARD_POOLS: pools, SNAPYARD_TOKENS: file });
  ada = await openAs('ada', '/');
  root = await openAs('root', '/sessions', PHONE);
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(() => dashboard.close());

function entryFor(name: string, role: Role) {
  const { token, entry } = newToken(realWorld(), name, role);
  tokens[name] = token;
  return entry;
}

async function openAs(name: string, path: string, options?: BrowserContextOptions): Promise<Page> {
  const page = await dashboard.open(path, options ?? DESK);
  await page.getByLabel('Token').fill(tokens[name] ?? '');
  await page.getByRole('button', { name: 'Go on' }).click();
  return page;
}

/** What an admin gets from the API, where a story needs more than a person would press. */
async function asRoot(query: string): Promise<Record<string, { id: string }>> {
  const response = await fetch(`${dashboard.origin}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${tokens['root'] ?? ''}`,
    },
    body: JSON.stringify({ query }),
  });
  const { data } = (await response.json()) as { data: Record<string, { id: string }> };
  return data;
}

async function claimFor(owner: string, pool: string, minutes: number): Promise<string> {
  const input = `{ pool: "${pool}", owner: "${owner}", ttlMinutes: ${minutes} }`;
  const { claim } = await asRoot(
    `mutation { claim: createSession(input: ${input}) { ... on Session { id } } }`,
  );
  return claim?.id ?? '';
}

async function release(id: string): Promise<void> {
  await asRoot(`mutation { releaseSession(input: { sessionId: "${id}" }) { __typename } }`);
}

function button(page: Page, name: string) {
  return page.getByRole('button', { name });
}

/** Presses a button that asks before it acts. */
async function pressSurely(page: Page, name: string): Promise<void> {
  await button(page, name).click();
  await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
}

async function seeRefusal(page: Page, text: string): Promise<void> {
  await page.getByRole('alert').filter({ hasText: text }).waitFor();
}

async function look(page: Page, name: string): Promise<void> {
  await expectAccessible(page);
  await expectNoSidewaysScroll(page);
  await dashboard.shot(page, name);
}

/** Opens the page of a session, and waits until it is there. */
async function goToSession(page: Page, id: string): Promise<void> {
  await page.goto(`${dashboard.origin}/sessions/${encodeURIComponent(id)}`);
  await page.locator(`[data-session="${id}"]`).waitFor();
}

function sessionIn(page: Page): string {
  return decodeURIComponent(new URL(page.url()).pathname.replace('/sessions/', ''));
}

async function textOf(download: Download): Promise<string> {
  return readFileSync(await download.path(), 'utf8');
}

test('a press on the start page leads to a session, which an admin sees', async () => {
  await expect
    .poll(() => ada.locator('[data-pool="cks"] .cell[data-status="AVAILABLE"]').count(), {
      timeout: 30_000,
    })
    .toBe(2);
  brief = await claimFor('ada', 'cks', 1);
  await button(ada, 'Claim a cluster of cks').click();
  await ada.waitForURL('**/sessions/*');
  session = sessionIn(ada);
  const card = ada.locator(`[data-session="${session}"][data-status="RUNNING"]`);
  await card.getByText('a warm cluster of the pool').waitFor();
  const row = root.locator(`tr[data-session="${session}"][data-status="RUNNING"]`);
  await row.getByText('ada').waitFor();
  await row.getByText(/^\d+ min \d\d s$/).waitFor();
  await root.locator('.row-end[data-soon="true"]').waitFor();
  await look(ada, '1-session');
  await look(root, '1-sessions-phone');
});

test('its end is put off, as far as the pool allows, and both see it', async () => {
  const extend = ada.getByRole('region', { name: 'Extend' });
  expect(await button(ada, '15 min').isDisabled()).toBe(true);
  await button(ada, '60 min').click();
  const row = root.locator(`tr[data-session="${session}"]`);
  await row.getByText(/^(59 min|1 h)/).waitFor();
  await ada.getByLabel('so many minutes from now').fill('600');
  await extend.getByText('the latest that its pool allows').waitFor();
  await button(ada, 'Extend').click();
  await row.getByText(/^1 h 2\d min$/).waitFor();
  await extend.getByText('It ends no earlier than that already.').waitFor();
  expect(await button(ada, 'Extend').isDisabled()).toBe(true);
});

test('more than the server takes is refused with a sentence', async () => {
  await claimFor('ada', 'lab', 1);
  const lab = root.locator('tr[data-session]', { hasText: 'lab' });
  await lab
    .getByRole('link', { name: /lab-?\d|cluster/ })
    .first()
    .click();
  await root.getByLabel('so many minutes from now').fill('999999');
  await button(root, 'Extend').click();
  await seeRefusal(root, 'inutes');
  await look(root, '2-refused-phone');
  await release(sessionIn(root));
  await root.getByText('An admin ended it.').or(root.getByText('It was released.')).waitFor();
});

test('the ways in are read once, when they are asked for, and saved as files', async () => {
  const reads: string[] = [];
  ada.on('request', (request) => {
    if (request.postData()?.includes('sshPrivateKey') === true) reads.push(request.url());
  });
  await goToSession(ada, session);
  await button(ada, 'Show access').click();
  const access = ada.getByRole('region', { name: 'Access' });
  await access
    .getByText(/^ssh -i key-\S+ snapyard@[\d.]+$/)
    .first()
    .waitFor();
  const [kubeconfig] = await Promise.all([
    ada.waitForEvent('download'),
    button(ada, 'Download kubeconfig').click(),
  ]);
  expect(kubeconfig.suggestedFilename()).toMatch(/^kubeconfig-\S+\.yaml$/);
  expect(await textOf(kubeconfig)).toContain('kind: Config');
  const [key] = await Promise.all([
    ada.waitForEvent('download'),
    button(ada, 'Download key').click(),
  ]);
  expect(await textOf(key)).toContain('PRIVATE KEY');
  await look(ada, '3-access');
  const other = await claimFor('ada', 'lab', 5);
  await release(other);
  await button(ada, 'Hide').click();
  await button(ada, 'Show access').waitFor();
  expect(await ada.getByText('ssh -i').count()).toBe(0);
  expect(reads).toHaveLength(1);
});

test('consoles open in tabs of their own', async () => {
  const link = ada.getByRole('link', { name: /^Serial console of / }).first();
  expect(await link.getAttribute('target')).toBe('_blank');
  expect(await link.getAttribute('rel')).toBe('opener');
  expect(await link.getAttribute('href')).toMatch(/^\/console\?vm=\S+&kind=SERIAL$/);
});

test('somebody who only watches gets nothing of it', async () => {
  const eve = await openAs('eve', `/sessions/${encodeURIComponent(session)}`);
  await eve.getByText('There is no such session, or it is not yours to see').waitFor();
  expect(await button(eve, 'Show access').count()).toBe(0);
  await eve.goto(`${dashboard.origin}/sessions`);
  await eve.getByRole('heading', { name: 'Sessions' }).waitFor();
  expect(await button(eve, 'Claim').count()).toBe(0);
  await eve.context().close();
});

test('a session is saved once under a name, and no more than may be kept', async () => {
  const save = ada.getByRole('region', { name: 'Save' });
  const fill = async (name: string) => {
    await save.getByLabel('Name').fill(name);
    await save.getByRole('button', { name: 'Save', exact: true }).click();
  };
  await fill('my work');
  await save.locator('[data-status="READY"]').waitFor({ timeout: 30_000 });
  await fill('my work');
  await seeRefusal(ada, 'There is already a saved snapshot named my work in pool cks.');
  await fill('more of it');
  await seeRefusal(ada, 'One owner may keep 1 saved snapshot.');
  await look(ada, '4-saved');
});

test('an admin makes a session the golden state of its pool', async () => {
  await goToSession(root, session);
  await pressSurely(root, "Make this the pool's golden state");
  await expect
    .poll(async () => JSON.stringify(await asRoot('{ jobs { edges { node { kind } } } }')))
    .toContain('CREATE_SNAPSHOTS');
  await look(root, '5-admin-phone');
});

test(
  'a session ends when its time is up',
  async () => {
    await goToSession(ada, brief);
    await ada.getByText('Its time was up.').waitFor({ timeout: 70_000 });
    await button(ada, 'Claim again in cks').waitFor();
    await root.goto(`${dashboard.origin}/sessions`);
    await root.locator(`tr[data-session="${brief}"]`, { hasText: 'Its time was up.' }).waitFor();
    await look(ada, '6-expired');
  },
  WITH_A_START,
);

test('what was saved is found by its owner and by admins, and started from', async () => {
  await ada.getByRole('link', { name: 'Saved' }).click();
  await root.getByRole('link', { name: 'Saved' }).click();
  await root.locator('tr[data-saved="my work"]', { hasText: 'ada' }).waitFor();
  await button(root, 'Start for ada from my work').waitFor();
  const row = ada.locator('tr[data-saved="my work"]');
  await row.locator('[data-status="READY"]').waitFor();
  await look(ada, '7-saved');
  await look(root, '7-saved-phone');
  await button(ada, 'Start a session from my work').click();
  await ada.waitForURL('**/sessions/*');
  await ada.locator('.phase-list').waitFor();
  await dashboard.shot(ada, '7-starting');
  await ada.locator('.card[data-status="RUNNING"]').waitFor({ timeout: 30_000 });
  await look(ada, '7-started');
  await pressSurely(ada, 'Release');
  await ada.getByText('It was released.').waitFor();
});

test('what was saved is deleted, and the page tells how to save', async () => {
  await ada.getByRole('link', { name: 'Saved' }).click();
  await pressSurely(ada, 'Delete');
  await Promise.all([ada, root].map((page) => page.getByText('Nothing is saved yet.').waitFor()));
  await look(root, '8-nothing-saved-phone');
});

test('who waits sees its place, and moves up when somebody leaves', async () => {
  const held = await claimFor('ada', 'lab', 30);
  const first = await claimFor('grace', 'lab', 30);
  const second = await claimFor('ada', 'lab', 30);
  await root.getByRole('link', { name: 'Sessions', exact: true }).click();
  const row = root.locator(`tr[data-session="${second}"]`);
  await row.getByText('place 2 in the queue').waitFor();
  await goToSession(ada, second);
  await ada.getByText('Place 2 in the queue of lab').waitFor();
  await look(ada, '9-waiting');
  await release(first);
  await ada.getByText('Place 1 in the queue of lab').waitFor();
  await row.getByText('place 1 in the queue').waitFor();
  await release(held);
  await ada.locator('.card[data-status="RUNNING"]').waitFor({ timeout: 30_000 });
  await row.and(root.locator('[data-status="RUNNING"]')).waitFor();
  await look(root, '9-sessions-phone');
});

test('an admin claims for somebody else, and is refused when there is nothing left', async () => {
  const form = root.getByRole('region', { name: 'Claim' });
  const claim = async () => {
    await form.getByLabel('Pool').selectOption('cks');
    await form.getByLabel('Minutes').fill('5');
    await form.getByLabel('On behalf of').fill('grace');
    await form.getByRole('button', { name: 'Claim' }).click();
  };
  await claim();
  await root.waitForURL('**/sessions/*');
  await root.getByText('of grace').waitFor();
  await root.getByRole('link', { name: 'Sessions', exact: true }).click();
  await claim();
  await seeRefusal(root, 'No available clusters in pool.');
  await look(root, '10-refused-phone');
  await button(root, 'Mine').click();
  await expect.poll(() => root.locator('tr[data-session]').count()).toBe(0);
  await button(root, 'All').click();
  await root.locator('tr[data-session]', { hasText: 'grace' }).first().waitFor();
});

test('a release takes the ways in away, and another is claimed from there', async () => {
  await goToSession(ada, session);
  await button(ada, 'Show access').click();
  await button(ada, 'Hide').waitFor();
  await pressSurely(ada, 'Release');
  await ada.getByText('It was released.').waitFor();
  expect(await ada.getByRole('region', { name: 'Access' }).count()).toBe(0);
  await look(ada, '11-ended');
  // The cluster that was given back is free again when it is clean.
  await root.getByRole('link', { name: 'Overview' }).click();
  await root.locator('[data-pool="cks"] .cell[data-status="AVAILABLE"]').first().waitFor();
  await button(ada, 'Claim again in cks').click();
  await expect.poll(() => sessionIn(ada)).not.toBe(session);
  await ada.locator('.card[data-status="RUNNING"]').waitFor();
  await ada.goBack();
  await ada.getByText('It was released.').waitFor();
});

test('what has ended is listed a page at a time, and opened by its link', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 25; count += 1) ids.push(await claimFor('old', 'lab', 5));
  await Promise.all(ids.map(release));
  const [oldest = ''] = ids;
  await root.getByRole('link', { name: 'Sessions', exact: true }).click();
  await root.locator(`tr[data-session="${ids.at(-1) ?? ''}"]`).waitFor();
  expect(await root.locator(`tr[data-session="${oldest}"]`).count()).toBe(0);
  await button(root, 'Older').click();
  await root.locator(`tr[data-session="${oldest}"]`).getByRole('link').first().click();
  await root.getByText('An admin ended it.').waitFor();
  await root.reload();
  await root.getByText('An admin ended it.').waitFor();
  await root.goto(`${dashboard.origin}/sessions/nonsense`);
  await root.getByText('There is no such session').waitFor();
});

test('nothing was asked of anybody else, and nothing was complained of', () => {
  dashboard.expectNoComplaints();
});
