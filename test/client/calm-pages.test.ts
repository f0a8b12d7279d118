import { expect, test } from 'vitest';
import { followingWords } from '../../client/dashboard/following-words.ts';
import { type GoldenState, goldenStateOf } from '../../client/dashboard/golden-state.ts';
import { askInMs } from '../../client/dashboard/health-check.ts';
import { type DonePage, olderMedians } from '../../client/dashboard/job-time.ts';
import { nextActionOf } from '../../client/dashboard/next-action.ts';
import { bucketLabel, PERIODS } from '../../client/dashboard/provisioning-periods.ts';
import { failedOf, servedWords } from '../../client/dashboard/served-words.ts';
import { aPool, aSnapshot } from './things.ts';

const AT = Date.parse('2026-01-01T00:00:00.000Z');
const MINUTE = 60_000;

function after(ms: number): string {
  return new Date(AT + ms).toISOString();
}

function own(cluster: string, set: number, values: Parameters<typeof aSnapshot>[0] = {}) {
  return aSnapshot({ id: `${cluster} ${set}`, set, cluster: { id: cluster }, ...values });
}

function wanted(golden: GoldenState, now = AT + 2_000, availableClusters = 3) {
  const { stats } = aPool();
  const pool = aPool({ stats: { ...stats, availableClusters } });
  return nextActionOf({ pool, golden, jobs: [], now });
}

test('the own golden states of clusters are known by age, those of others are not', () => {
  const golden = goldenStateOf([
    own('b', 3, { createdAt: after(30) }),
    own('a', 2, { createdAt: after(10) }),
    own('c', 4, { current: false, status: 'FAILED' }),
    aSnapshot({ set: 1, createdAt: after(20) }),
  ]);
  expect(golden.ownSets.map(({ set }) => set)).toEqual([2, 3]);
  expect(golden.templateSets.map(({ set }) => set)).toEqual([1]);
  expect(golden.clustersWithOwn).toBe(2);
});

test('what is stale is renewed where it is: for new clusters, or in those that are free', () => {
  const fresh = goldenStateOf([aSnapshot({ staleAt: after(5_000) })]);
  expect(wanted(fresh)).toBeNull();
  expect(wanted(fresh, AT + 5_000)).toMatchObject({
    kind: 'RECREATE',
    reason: 'Snapshot set 1 is older than the pool allows.',
  });
  const outdated = goldenStateOf([aSnapshot({ staleAt: after(5_000), outdated: true })]);
  expect(wanted(outdated)?.reason).toBe('Snapshot set 1 is of an older image.');
  const mine = goldenStateOf([own('a', 2), own('b', 3), own('c', 4, { staleAt: null })]);
  expect(wanted(mine)).toEqual({
    kind: 'RECREATE_OWN',
    reason: "2 clusters' own snapshots are stale.",
  });
  expect(wanted(mine, AT + 2_000, 0)).toBeNull();
  expect(wanted(goldenStateOf([own('a', 2), aSnapshot()]))?.kind).toBe('RECREATE');
});

test('each way of serving has a median of its own; what failed was not served', () => {
  const ways = [
    { servedFrom: 'BOOTSTRAP', count: 2, failed: 1, p50Ms: 90_000 },
    { servedFrom: 'SNAPSHOT', count: 2, failed: 0, p50Ms: 4_000 },
    { servedFrom: 'BY_MAIL', count: 1, failed: 0, p50Ms: null },
  ];
  const cold = '2 from snapshots (median 4.0 s), 1 by bootstrap (median 1 min 30 s), 1 BY_MAIL';
  expect(servedWords(ways)).toBe(`0 warm, ${cold}`);
  const warm = { servedFrom: 'POOL', count: 12, failed: 0, p50Ms: 340 };
  expect(servedWords([...ways, warm])).toBe(`12 warm (median 340 ms), ${cold}`);
  expect(failedOf(ways)).toBe(1);
  expect(servedWords([])).toBe('0 warm');
});

test("a health check is asked for once there must be a later one, by the server's clock", () => {
  const known = { checkedAt: after(0), askedAt: 0, now: AT, aheadMs: 0 };
  expect(askInMs(known)).toBe(315_000);
  expect(askInMs({ ...known, now: AT + 60 * MINUTE })).toBe(0);
  expect(askInMs({ ...known, checkedAt: null })).toBe(0);
  expect(askInMs({ ...known, aheadMs: 10_000 })).toBe(305_000);
  // The server has not looked at it when it should have: it is not asked all the time.
  expect(askInMs({ ...known, now: AT + 10 * MINUTE, askedAt: AT + 10 * MINUTE })).toBe(120_000);
});

test('new lines are said to come on top only when they do', () => {
  const following = { state: 'FOLLOWING', hasNewest: true } as const;
  const free = { isPaused: false, isAway: false };
  expect(followingWords(following, free)).toMatch(/^Following/);
  expect(followingWords(following, { ...free, isPaused: true })).toBe('Paused');
  expect(followingWords(following, { ...free, isAway: true })).toMatch(/^New lines wait above/);
  expect(followingWords({ ...following, hasNewest: false }, free)).toMatch(/^Not following/);
  expect(followingWords({ ...following, state: 'REFUSED' }, free)).toMatch(/does not show/);
});

/** A log of jobs in pages, and how many of them were asked for. */
function doneJobs(pages: readonly (readonly string[])[]) {
  const asked: (string | null)[] = [];
  const ask = (position: string | null): Promise<DonePage> => {
    asked.push(position);
    const index = Number(position ?? 0);
    const jobs = (pages[index] ?? []).map((kind) => ({
      kind,
      createdAt: after(0),
      finishedAt: after(1_000 * (index + 1)),
    }));
    return Promise.resolve({ jobs, next: index + 1 < pages.length ? String(index + 1) : null });
  };
  return { ask, asked };
}

test('a job that is rare is found behind many others, but not for ever', async () => {
  const resets = ['RESET_CLUSTER', 'RESET_CLUSTER'];
  const found = doneJobs([resets, resets, ['WARM_UP_POOL'], resets]);
  expect([...(await olderMedians(['WARM_UP_POOL'], found.ask))]).toEqual([['WARM_UP_POOL', 3_000]]);
  expect(found.asked).toEqual([null, '1', '2']);
  const never = doneJobs(Array.from({ length: 9 }, () => resets));
  expect((await olderMedians(['WARM_UP_POOL'], never.ask)).size).toBe(0);
  expect(never.asked.length).toBe(5);
});

test('a bucket of a day is a day of UTC, wherever somebody looks', () => {
  const [days] = PERIODS.filter(({ bucketMinutes }) => bucketMinutes === 1_440);
  const label = days === undefined ? '' : bucketLabel(AT, days);
  expect(label).toMatch(/1.* UTC$/);
  expect(label).toBe(`${UTC_DAY.format(AT)} UTC`);
});

const UTC_DAY = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  timeZone: 'UTC',
});
