/**
 * Shows what it is like to have the dashboard open on a large and busy installation:
 * `npm run bench:dashboard -- [clusters] [changes a second] [seconds] [place]`, such as 1000 200 30
 * /pools/big; the overview when no place is named. Printed are how long after
 * a commit a page shows it, quiet and under load, how long the page was busy at one go, and its
 * memory; ends with 1 when a goal is missed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CDPSession, Page } from 'playwright-core';
import { z } from 'zod';
import { launchBrowser } from '../test/kit/browser.ts';
import { ServerProcess } from '../test/kit/server-process.ts';
import { ChangeMaker } from './change-maker.ts';
import { quantile } from './figures.ts';
import { loadAverage } from './machine.ts';
import { LongTasks } from './long-tasks.ts';

const [clusters = 1_000, rate = 200, seconds = 30] = process.argv.slice(2, 5).map(Number);
const place = process.argv[5] ?? '/';
const GOALS = { shownP95Ms: 100, taskMs: 200, growth: 1.3 } as const;
const QUIET_CLAIMS = 60;

const folder = mkdtempSync(join(tmpdir(), 'bench-dashboard-'));
const pools = join(folder, 'pools.yaml');
writeFileSync(pools, JSON.stringify([{ name: 'big', provider: 'SIMULATOR', size: clusters }]));
spawnSync(process.execPath, ['scripts/build-client.ts'], { stdio: 'inherit' });
const server = new ServerProcess(folder, {
  SNAPYARD_POOLS: pools,
  SNAPYARD_SIMULATOR_SPEED: '1000000',
});
await server.start();
const browser = await launchBrowser();
let failed = false;
try {
  await measure();
} finally {
  await browser.close();
  await server.stop();
  rmSync(folder, { recursive: true });
}
process.exitCode = failed ? 1 : 0;

async function measure(): Promise<void> {
  const maker = new ChangeMaker(server.origin, 'big');
  await maker.untilAvailable(clusters);
  const [page, second] = [await openPage(), await openPage()];
  console.info(`${place}: ${clusters} clusters, load average ${loadAverage()}`);
  tellShown('quiet', await shownAfter(second, await maker.make(4, QUIET_CLAIMS / 4)));
  await second.close();
  const devtools = await page.context().newCDPSession(page);
  const tasks = await LongTasks.begin(devtools);
  const heapBefore = await heapOf(devtools);
  const done = maker.makeChanges(rate, seconds);
  const made = await done;
  const busy = await tasks.end();
  const heapAfter = await heapOf(devtools);
  console.info(`under load: ${made.perSecond.toFixed(0)} changes a second for ${seconds} s`);
  tellShown('under load', await shownAfter(page, made.claims));
  tell('longest task of the page', `${busy.longestMs.toFixed(0)} ms`, busy.longestMs, GOALS.taskMs);
  console.info(`  tasks over 50 ms: ${busy.over50}; busy ${(busy.share * 100).toFixed(0)} %`);
  const growth = heapAfter / heapBefore;
  const heaps = `${megabytes(heapBefore)} -> ${megabytes(heapAfter)} MB`;
  tell('heap after collection', heaps, growth, GOALS.growth);
}

/** Opens the overview, and notes when each cluster is seen in another state. */
async function openPage(): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(server.origin + place);
  await page.locator('.mark[data-standing="LIVE"]').waitFor();
  await page
    .locator('.cell')
    .nth(Math.min(clusters, 1_000) - 1)
    .waitFor();
  await page.evaluate(`
    window.seen = {};
    new MutationObserver((records) => {
      const cells = records.map(({ target }) => target);
      requestAnimationFrame(() => {
        for (const { dataset } of cells) {
          if (dataset.status === 'LOCKED') (window.seen[dataset.cluster] ??= []).push(Date.now());
        }
      });
    }).observe(document.querySelector('.strip'), {
      subtree: true, attributes: true, attributeFilter: ['data-status'],
    });
  `);
  return page;
}

/** How long after each commit the page showed it, as of the next frame; sorted. */
async function shownAfter(
  page: Page,
  claims: readonly { cluster: string; committedAt: number }[],
): Promise<number[]> {
  // Of what was committed last the page may still be told.
  await page.waitForTimeout(1_000);
  const seen = z.record(z.string(), z.array(z.number())).parse(await page.evaluate('window.seen'));
  const delays = claims.map(({ cluster, committedAt }) => {
    const at = seen[cluster]?.find((moment) => moment >= committedAt);
    return at === undefined ? Infinity : at - committedAt;
  });
  return delays.toSorted((a, b) => a - b);
}

function tellShown(when: string, delays: readonly number[]): void {
  const [p50, p95] = [quantile(delays, 0.5), quantile(delays, 0.95)];
  const what = `commit to the page of another browser, ${when}`;
  tell(what, `p50 ${p50} ms, p95 ${p95} ms (${delays.length})`, p95, GOALS.shownP95Ms);
}

function tell(what: string, found: string, value: number, goal: number): void {
  const isMet = value <= goal;
  failed ||= !isMet;
  console.info(`  ${what}: ${found}, goal <= ${goal}: ${isMet ? 'met' : 'MISSED'}`);
}

async function heapOf(devtools: CDPSession): Promise<number> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize } = await devtools.send('Runtime.getHeapUsage');
  return usedSize;
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
