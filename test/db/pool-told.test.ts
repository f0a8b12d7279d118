import { afterEach, beforeEach, expect, test } from 'vitest';
import { changesAfter, lastSeq } from '../../db/change.ts';
import { findJob, moveJob, recordProgress } from '../../db/job.ts';
import type { Tx } from '../../db/tx.ts';
import { ADMIN, openTestStore, type TestStore } from '../kit/store.ts';

let kit: TestStore;

beforeEach(() => {
  kit = openTestStore();
});
afterEach(() => kit.close());

/** The kinds of things that a transaction told of. */
async function toldBy(body: (tx: Tx) => void): Promise<string[]> {
  const before = kit.store.read(lastSeq);
  await kit.transact(body);
  return kit.store.read((db) => changesAfter(db, before, 100)).map(({ type }) => type);
}

test('a pool is told of when a job begins or ends, not while it goes on', async () => {
  await kit.addPool({ name: 'cks' });
  const before = kit.store.read(lastSeq);
  const { id } = await kit.done(kit.verbs(ADMIN).createSnapshots({ pool: 'cks' }));
  const begun = kit.store.read((db) => changesAfter(db, before, 100));
  expect(begun.map(({ type }) => type)).toEqual(['JOB', 'CLUSTER_POOL']);
  const why = { cause: 'JOB' } as const;
  await toldBy((tx) => void moveJob(tx, id, { from: ['QUEUED'], to: 'RUNNING' }, why));
  const onTheWay = await toldBy((tx) => {
    const job = findJob(tx.db, id);
    if (job !== undefined) recordProgress(tx, job, 0.5, 'half of it');
  });
  expect(onTheWay).toEqual(['JOB']);
  const ended = await toldBy(
    (tx) => void moveJob(tx, id, { from: ['RUNNING'], to: 'SUCCEEDED' }, why),
  );
  expect(ended).toEqual(['JOB', 'CLUSTER_POOL']);
});
