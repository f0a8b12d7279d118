import { expect, it } from 'vitest';
import { changesAfter } from '../../../db/change.ts';
import { findCluster } from '../../../db/cluster.ts';
import { findSession } from '../../../db/session.ts';
import { claim, HOUR, release, restart, runningYard } from '../../kit/pool-under-test.ts';

const DAY = 24 * HOUR;

it('forgets what ended 30 days ago, and keeps as much of the log as it must', async () => {
  const yard = runningYard();
  await yard.addPool({ name: 'p', size: 1, recycle: 'REPLACE' });
  await yard.settled('p', 1);
  const session = await claim(yard, 'p');
  await release(yard, session);
  await yard.settled('p', 1);
  const kept = () => yard.store.read((db) => changesAfter(db, 0, 1_000_000)).length;
  const logged = kept();
  yard.world.jumpClock(29 * DAY);
  const soon = restart(yard);
  await soon.world.advance(HOUR / 30);
  expect(soon.store.read((db) => findSession(db, session.id))).toBeDefined();
  soon.world.jumpClock(2 * DAY);
  const later = restart(soon);
  await later.world.advance(HOUR / 30);
  expect(later.store.read((db) => findSession(db, session.id))).toBeUndefined();
  expect(later.store.read((db) => findCluster(db, session.clusterId ?? ''))).toBeUndefined();
  expect(later.members('p').map(({ status }) => status)).toEqual(['AVAILABLE']);
  // Fewer than 100,000 rows: all can still be resumed from.
  const rows = later.store.read((db) => changesAfter(db, 0, 1_000_000));
  expect(rows.length).toBeGreaterThanOrEqual(logged);
});
