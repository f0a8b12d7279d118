import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { whyNoBrowser } from '../kit/browser.ts';
import { Dashboard, DESK, PHONE, seeMark, WITH_A_START } from '../kit/dashboard.ts';
import { claimOne, endOne } from '../kit/people.ts';

// Ten pages stand open while the server is killed, or stops, and comes back. Whatever a page says
// is live must be so: each notes what it showed at every moment at which its mark said Live.

const noBrowser = whyNoBrowser();
const dashboard = new Dashboard('restart');
const pages: Page[] = [];
let sessions: string[] = [];

/** Notes each different thing that the page showed as live. */
const NOTE_WHAT_IS_LIVE = `
  window.isTheSame = true;
  window.shownAsLive = new Set();
  const note = () => {
    const mark = document.querySelector('.mark');
    if (mark?.dataset.standing !== 'LIVE') return;
    const cells = document.querySelectorAll('[data-cluster]');
    const rows = document.querySelectorAll('tr[data-session]');
    const told = [
      ...[...cells].map(({ dataset }) => dataset.cluster + ' ' + dataset.status),
      ...[...rows].map(({ dataset }) => dataset.session + ' ' + dataset.status),
    ];
    window.shownAsLive.add([...new Set(told)].sort().join(', '));
  };
  new MutationObserver(note).observe(document, {
    subtree: true, childList: true, attributes: true, characterData: true,
  });
  note();
`;

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  await dashboard.start();
  const first = await dashboard.open();
  pages.push(first);
  await first.locator('.cell[data-status="AVAILABLE"]').nth(2).waitFor();
  sessions = [await claimOne(dashboard.origin, 'cks'), await claimOne(dashboard.origin, 'cks')];
  const places = ['/pools/cks', '/sessions', `/sessions/${sessions[0]}`, '/history', '/saved'];
  for (const path of places) pages.push(await dashboard.open(path, DESK));
  for (const path of ['/', '/pools/cks', '/sessions', `/sessions/${sessions[1]}`])
    pages.push(await dashboard.open(path, PHONE));
  await Promise.all(pages.map((page) => seeMark(page, 'LIVE')));
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(() => dashboard.close());

test.each(['killed', 'stopped'] as const)(
  'a server that is %s comes back to ten open pages, and none is ever wrong',
  async (how) => {
    await Promise.all(pages.map((page) => page.evaluate(NOTE_WHAT_IS_LIVE)));
    const away = Promise.all(pages.map((page) => seeMark(page, 'AWAY')));
    await (how === 'killed' ? dashboard.server.kill() : dashboard.server.stop());
    await away;
    await dashboard.server.startAgain();
    const start = performance.now();
    await Promise.all(pages.map((page) => seeMark(page, 'LIVE')));
    const ms = performance.now() - start;
    console.info(`${how}: ten pages were live ${Math.round(ms)} ms after the server was ready`);
    for (const page of pages) {
      // Nothing happened meanwhile, so everything that was ever shown as live is the same.
      const [shown, isTheSame] = await page.evaluate<[string[], boolean]>(
        '[[...window.shownAsLive], window.isTheSame]',
      );
      expect(shown, page.url()).toHaveLength(1);
      expect(isTheSame).toBe(true);
    }
  },
  WITH_A_START,
);

test('what happens then is seen by all of them', async () => {
  await endOne(dashboard.origin, sessions[0] ?? '');
  for (const page of pages) {
    const cells = page.locator('.cell');
    if ((await cells.count()) > 0) {
      await page.locator('.cell[data-status="LOCKED"]').nth(1).waitFor({ state: 'detached' });
    }
  }
  dashboard.expectNoComplaints();
});
