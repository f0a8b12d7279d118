import { trimChanges } from '../../db/change.ts';
import { trimHistory } from '../../db/history.ts';
import type { Deps, Reconciler } from './reconciler.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The log is kept for 7 days, and never less than 100,000 rows. */
const LOG = { keepMs: 7 * DAY_MS, keepRows: 100_000 };
/** What ended is kept for 30 days. */
const ENDED_MS = 30 * DAY_MS;
/** Idempotency records are kept for a day. */
const CALLS_MS = DAY_MS;
/** Provisioning records, and the record of who read or opened what, are kept for a year. */
const RECORDS_MS = 365 * DAY_MS;
/** Rows deleted in one transaction: no transaction is long. */
const BATCH = 200;

/**
 * Wants: nothing kept longer than promised.
 * Looks: once an hour, and again at once while there is more than a batch to delete.
 * After a crash: looks again.
 */
export function trim(deps: Deps): Reconciler {
  let nextAt = 0;
  const work = { id: 'history', group: 'history', parallel: 1, deadlineMs: 60_000 };
  return {
    name: 'trim',
    find: (now) => {
      const waitMs = nextAt - deps.world.elapsed();
      return waitMs <= 0 ? { ready: [work] } : { ready: [], nextAt: now + waitMs };
    },
    pass: async () => {
      const deleted = await deps.store.transact(
        (tx) =>
          trimChanges(tx, LOG, BATCH) +
          trimHistory(tx, {
            calls: tx.now - CALLS_MS,
            ended: tx.now - ENDED_MS,
            records: tx.now - RECORDS_MS,
            batch: BATCH,
          }),
      );
      nextAt = deps.world.elapsed() + (deleted < BATCH ? HOUR_MS : 0);
    },
    failed: () => {
      nextAt = deps.world.elapsed() + HOUR_MS;
      return Promise.resolve();
    },
  };
}
