import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { moveCluster } from '../../db/cluster.ts';
import { clusters } from '../../db/tables.ts';
import { openStore } from '../../db/store.ts';
import { newToken, writeTokens } from '../../server/token-file.ts';
import { realWorld } from '../../server/world.ts';
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

// The page of a pool in two browsers: what one does, the other sees. The tests are one story: each
// goes on where the one before ended.

const noBrowser = whyNoBrowser();
const dashboard = new Dashboard('pool-page');
/** Who acts, and who looks on. */
let desk: Page;
let phone: Page;

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  await dashboard.start();
  desk = await dashboard.open('/pools/cks');
  phone = await dashboard.open('/pools/cks', PHONE);
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(() => dashboard.close());

function button(page: Page, name: string): Locator {
  return page.getByRole('button', { name, exact: true });
}

function row(page: Page, name: string): Locator {
  return page.locator(`tr[data-row="${name}"]`);
}

/** The last job of a kind. */
function job(page: Page, kind: string): Locator {
  return page.locator(`.job[data-job="${kind}"]`).first();
}

async function seeJob(page: Page, kind: string, status: string): Promise<void> {
  await job(page, kind).locator(`.badge[data-status="${status}"]`).waitFor();
}

/** Answers what the dialog says, and confirms it. */
async function confirm(page: Page, label: string): Promise<string> {
  const dialog = page.getByRole('dialog');
  const text = await dialog.innerText();
  await dialog.getByRole('button', { name: label }).click();
  await dialog.waitFor({ state: 'hidden' });
  return text;
}

/** Does something as somebody who is not looking at a page. */
async function ask(query: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ query });
  const response = await fetch(`${dashboard.origin}/graphql`, { method: 'POST', headers, body });
  expect(response.ok).toBe(true);
}

async function seeIndicators(page: Page, standing: string, words: string): Promise<void> {
  for (const role of ['Control plane', 'Worker']) {
    await page
      .locator(`.indicator[data-status="${standing}"]`, { hasText: `${role}: ${words}` })
      .waitFor();
  }
}

async function takeShots(name: string): Promise<void> {
  await dashboard.shot(desk, `${name}-desk`);
  await dashboard.shot(phone, `${name}-phone`);
}

test('the pool is told: what it is, how it stands, and what it is made of', async () => {
  await Promise.all([desk, phone].map((page) => seeClusters(page, 'AVAILABLE', 3)));
  await desk.getByRole('heading', { level: 1, name: 'cks' }).waitFor();
  expect(await desk.title()).toBe('cks · Snapyard');
  await desk.getByText('two-node, version 1').waitFor();
  await desk.getByText('By bootstrap: new clusters are built from the image').waitFor();
  await seeIndicators(phone, 'NONE', 'no snapshot');
  expect(await row(desk, 'cluster1').locator('.vms li').count()).toBe(2);
  expect(await desk.getByRole('link', { name: /^Serial console/ }).count()).toBe(0);
});

test('clusters are found by state and by name', async () => {
  const [state, name] = [desk.getByLabel('State of clusters'), desk.getByLabel('Name of clusters')];
  await name.fill('ER2');
  await desk.getByText('1 of 3').waitFor();
  await state.selectOption('LOCKED');
  await desk.getByText('No cluster is like that.').waitFor();
  await state.selectOption('');
  await name.fill('');
  await desk.getByText('3 in all').waitFor();
});

test(
  'base snapshots are created, and everybody sees how far that is',
  { timeout: WITH_A_START },
  async () => {
    await button(desk, 'Create base snapshots in cks').click();
    await phone.getByRole('button', { name: 'Creating snapshots …' }).waitFor();
    const bar = job(phone, 'CREATE_SNAPSHOTS').getByRole('progressbar');
    expect(await bar.getAttribute('aria-label')).toMatch(/^Create snapshots: \d+ percent done$/);
    await job(phone, 'CREATE_SNAPSHOTS').getByText('no estimate yet').waitFor();
    await seeIndicators(phone, 'CREATING', 'snapshot being taken');
    await takeShots('1-creating-snapshots');
    await seeJob(phone, 'CREATE_SNAPSHOTS', 'SUCCEEDED');
    await seeIndicators(phone, 'READY', 'snapshot ready');
    await phone.getByText('From snapshots: new clusters are restored.').waitFor();
    await button(desk, 'Recreate snapshots in cks').waitFor();
    const [first] = await phone.locator('.rows.sets tbody tr').allInnerTexts();
    expect(first?.replaceAll(/\s+/g, ' ')).toMatch(/current .*new clusters .*the image .*GiB/);
  },
);

test('a job is cancelled, and the old snapshots stay', async () => {
  await button(desk, 'Recreate snapshots in cks').click();
  await job(desk, 'RECREATE_SNAPSHOTS')
    .getByRole('button', { name: /^Cancel/ })
    .click();
  expect(await confirm(desk, 'Cancel job')).toContain('What it has begun is undone');
  await seeJob(phone, 'RECREATE_SNAPSHOTS', 'CANCELLED');
  await seeIndicators(phone, 'READY', 'snapshot ready');
});

test('a free cluster is reset after a warning; the second time has an estimate', async () => {
  for (const estimate of [/no estimate yet/, /about .+ left|any moment now/]) {
    await button(desk, 'Reset cluster1').click();
    expect(await confirm(desk, 'Reset')).toContain('whatever was changed in its VMs');
    await row(phone, 'cluster1').locator('.badge[data-status="RESETTING"]').waitFor();
    await job(phone, 'RESET_CLUSTER').getByText(estimate).waitFor();
    await row(phone, 'cluster1').locator('.badge[data-status="AVAILABLE"]').waitFor();
    await seeJob(phone, 'RESET_CLUSTER', 'SUCCEEDED');
  }
  await row(phone, 'cluster1')
    .getByText(/^reset .+ ago$/)
    .waitFor();
});

test('the details of a cluster go on while they are open', async () => {
  const details = desk.getByRole('figure', { name: 'Steps of cluster2' });
  await desk.getByRole('button', { name: 'Details of cluster2' }).click();
  await details.waitFor();
  const before = await details.locator('.phase-list li').count();
  await button(phone, 'Reset cluster2').click();
  await confirm(phone, 'Reset');
  await expect.poll(() => details.locator('.phase-list li').count()).toBeGreaterThan(before);
  await takeShots('2-details');
  await desk.getByRole('button', { name: 'Details of cluster2' }).click();
  await row(desk, 'cluster2').locator('.badge[data-status="AVAILABLE"]').waitFor();
});

test('who holds a cluster is told; all sessions are released', async () => {
  await ask('mutation { createSession(input: { pool: "cks" }) { __typename } }');
  const locked = phone.locator('tr[data-row][data-status="LOCKED"]');
  await locked.getByText(/^for \d/).waitFor();
  const href = await locked.getByRole('link', { name: 'local' }).getAttribute('href');
  expect(href).toMatch(/^\/sessions\//);
  const line = locked.getByRole('link', { name: /^Serial console of cp-/ });
  await line.waitFor();
  expect(await line.getAttribute('rel')).toBe('opener');
  expect(await line.getAttribute('href')).toMatch(/^\/console\?vm=.+&kind=SERIAL$/);
  expect(await locked.getByRole('button', { name: /^(Reset|Repair)/ }).count()).toBe(0);
  expect(await desk.getByRole('button', { name: 'Delete pool cks' }).count()).toBe(0);
  await takeShots('3-locked');
  await button(desk, 'Release all of cks').click();
  expect(await confirm(desk, 'Release all')).toContain('One live session ends at once');
  await locked.waitFor({ state: 'hidden' });
  await Promise.all([desk, phone].map((page) => seeClusters(page, 'AVAILABLE', 3)));
  await expect.poll(() => phone.getByRole('link', { name: /^Serial console/ }).count()).toBe(0);
});

test('settings are told at their fields when they cannot be, before and after asking', async () => {
  await button(desk, 'Change the settings of cks').click();
  await desk.getByLabel('Size').fill('');
  await button(desk, 'Save').click();
  await desk.getByText('Give a whole number.').waitFor();
  await desk.getByLabel('Size').fill('0');
  await button(desk, 'Save').click();
  await desk.getByText('Size must be 1 to 100000 for provider SIMULATOR.').waitFor();
  await desk.getByLabel('Size').fill('3');
  await desk.getByLabel('A session lasts at most').fill('5');
  await button(desk, 'Save').click();
  await desk.getByText('must not be below sessionTtlMinutes').waitFor();
  expect(await desk.getByLabel('A session lasts at most').getAttribute('aria-invalid')).toBe(
    'true',
  );
  await expectAccessible(desk);
  await takeShots('4-refused-settings');
  await desk.getByLabel('A session lasts at most').fill('480');
});

test('two change the pool at once: the second is told, and goes on from what is', async () => {
  await button(phone, 'Change the settings of cks').click();
  await phone.getByLabel('Waiting at most').fill('900');
  await desk.getByLabel('Size').fill('4');
  await button(desk, 'Save').click();
  await desk.locator('[data-setting="size"]', { hasText: '4' }).waitFor();
  await phone.getByText('Size: 4').waitFor();
  await button(phone, 'Save').click();
  await phone
    .getByRole('alert')
    .filter({ hasText: 'Somebody else has changed the pool since this form was filled' })
    .waitFor();
  await takeShots('5-conflict');
  await expectNoSidewaysScroll(phone);
  await button(phone, 'Keep my changes, take the rest').click();
  expect(await phone.getByLabel('Size').inputValue()).toBe('4');
  await button(phone, 'Save').click();
  await desk.locator('[data-setting="maxWaitSeconds"]', { hasText: '900' }).waitFor();
  await Promise.all([desk, phone].map((page) => seeClusters(page, 'AVAILABLE', 4)));
});

test('the pool is warmed up and bootstrapped, and says so', async () => {
  await button(desk, 'Warm up cks').click();
  await seeJob(phone, 'WARM_UP_POOL', 'SUCCEEDED');
  await button(desk, 'Bootstrap cks').click();
  await seeJob(phone, 'BOOTSTRAP_POOL', 'SUCCEEDED');
});

test('snapshots are deleted once it is said what that means', async () => {
  await button(desk, 'Delete snapshots of cks').click();
  expect(await confirm(desk, 'Delete snapshots')).toContain('built from the image again');
  await seeJob(phone, 'DELETE_SNAPSHOTS', 'SUCCEEDED');
  await seeIndicators(phone, 'NONE', 'no snapshot');
  await button(desk, 'Create base snapshots in cks').waitFor();
});

test(
  'a cluster in error tells why, and is repaired',
  async () => {
    await dashboard.server.kill();
    await plantError('cluster3', 'the disk is on fire');
    await dashboard.server.startAgain();
    await Promise.all([desk, phone].map((page) => seeMark(page, 'LIVE')));
    await row(phone, 'cluster3').getByText('the disk is on fire').waitFor();
    await takeShots('6-error');
    await button(desk, 'Repair cluster3').click();
    await seeJob(phone, 'REPAIR_CLUSTER', 'SUCCEEDED');
    await row(phone, 'cluster3').locator('.badge[data-status="AVAILABLE"]').waitFor();
  },
  WITH_A_START,
);

/** Puts a cluster into ERROR, as a provider that fails would, until somebody repairs it. */
async function plantError(name: string, statusMessage: string): Promise<void> {
  const world = realWorld();
  const store = openStore(dashboard.server.db, world);
  await store.transact((tx) => {
    const found = tx.db
      .select()
      .from(clusters)
      .all()
      .find((cluster) => cluster.name === name);
    const patch = { statusMessage, nextAttemptAt: world.now() + 1_200_000 };
    const move = { from: ['AVAILABLE'], to: 'ERROR', patch } as const;
    expect(moveCluster(tx, found?.id ?? '', move, { cause: 'PROVIDER_ERROR' })).toBeDefined();
  });
  await store.close();
}

test('a new pool is made; what it cannot be is told at its field', async () => {
  await desk.goto(`${dashboard.origin}/new-pool`);
  await desk.getByLabel('Name').fill('No Name');
  await button(desk, 'Make the pool').click();
  await desk.locator('.mantine-TextInput-error').waitFor();
  await desk.getByLabel('Name').fill('cks');
  await button(desk, 'Make the pool').click();
  await desk.getByText(/pool.+cks/).waitFor();
  await desk.getByLabel('Name').fill('lab');
  await desk.getByLabel('Provider').selectOption('KUBEVIRT');
  await button(desk, 'Make the pool').click();
  await desk.getByText(/KUBEVIRT is not available on this server/).waitFor();
  await expectAccessible(desk);
  await takeShots('7-new-pool');
  await desk.getByLabel('Provider').selectOption('SIMULATOR');
  await desk.getByLabel('Size').fill('2');
  await button(desk, 'Make the pool').click();
  await desk.getByRole('heading', { level: 1, name: 'lab' }).waitFor();
  expect(new URL(desk.url()).pathname).toBe('/pools/lab');
  await desk.getByText('2 in all').waitFor();
});

test('a pool is deleted by typing its name, and who looks at it is told', async () => {
  await phone.goto(`${dashboard.origin}/pools/lab`);
  await phone.getByRole('heading', { level: 1, name: 'lab' }).waitFor();
  await button(desk, 'Delete pool lab').click();
  await desk.getByLabel('Type lab to delete it').fill('la');
  expect(await button(desk, 'Delete it').isDisabled()).toBe(true);
  await desk.getByLabel('Type lab to delete it').fill('lab');
  await button(desk, 'Delete it').click();
  await phone.getByRole('heading', { name: 'lab was deleted' }).waitFor();
  await desk.getByText('Somebody deleted this pool').waitFor();
  await takeShots('8-deleted');
  await phone.goto(`${dashboard.origin}/pools/nothing`);
  await phone.getByRole('heading', { name: 'There is no pool nothing' }).waitFor();
});

test('nobody is kept out by how they read, and no phone has to be pushed sideways', async () => {
  await Promise.all([desk, phone].map((page) => page.goto(`${dashboard.origin}/pools/cks`)));
  await Promise.all([desk, phone].map((page) => seeClusters(page, 'AVAILABLE', 4)));
  await button(desk, 'Details of cluster1').click();
  await desk.getByRole('figure', { name: 'Steps of cluster1' }).waitFor();
  await expectAccessible(desk);
  await expectAccessible(phone);
  await expectNoSidewaysScroll(phone);
  await takeShots('9-whole');
});

test(
  'who may only look gets nothing to press',
  async () => {
    const tokens = join(dashboard.folder, 'tokens');
    const { token, entry } = newToken(realWorld(), 'eve', 'VIEWER');
    writeTokens(tokens, [entry]);
    await dashboard.server.kill();
    await dashboard.server.startAgain({ SNAPYARD_TOKENS: tokens });
    await phone.getByLabel('Token').fill(token);
    await phone.getByRole('button', { name: 'Go on' }).click();
    await seeClusters(phone, 'AVAILABLE', 4);
    const words = /Reset|Repair|Warm|Bootstrap|Release|Delete|Create|Recreate|Change|Claim|Cancel/;
    expect(await phone.getByRole('button', { name: words }).count()).toBe(0);
    expect(await phone.getByRole('link', { name: /^Serial console/ }).count()).toBe(0);
  },
  WITH_A_START,
);

test('nothing was complained of', () => {
  dashboard.expectNoComplaints();
});
