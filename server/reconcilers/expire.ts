import { findPools } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { release } from '../../db/hold/release.ts';
import { findExpired, findOldestWaiting, nextExpiry } from '../../db/session-time.ts';
import type { Tx } from '../../db/tx.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Deps, Found, Reconciler, Work } from './reconciler.ts';

/** Sessions ended in one transaction: each writes about nine rows, and none writes above 256. */
const BATCH = 24;

/**
 * Wants: no live session past its time, and none that has waited longer than its pool lets it.
 * Looks: at the earliest time of both kinds, and wakes just then; the tick is only the net.
 * Acts: ends the session and frees its cluster in one transaction.
 * After a crash: looks again; time went on meanwhile.
 */
export function expire(deps: Deps): Reconciler {
  return {
    name: 'expire',
    find: (now) => deps.store.read((db) => findWork(db, now)),
    pass: () => endOverdue(deps),
    failed: () => Promise.resolve(),
  };
}

const WORK: Work = { id: 'sessions', group: 'sessions', parallel: 1, deadlineMs: 60_000 };

function findWork(db: Db, now: number): Found {
  const times = [nextExpiry(db), ...findPools(db).map((pool) => giveUpAt(db, pool))];
  const due = times.filter((at) => at !== undefined);
  const nextAt = due.length === 0 ? undefined : Math.min(...due);
  return nextAt !== undefined && nextAt <= now ? { ready: [WORK] } : { ready: [], nextAt };
}

/** When the first that waits in a pool has waited too long. */
function giveUpAt(db: Db, pool: { id: string; maxWaitSeconds: number }): number | undefined {
  const waiting = findOldestWaiting(db, pool.id);
  return waiting === undefined ? undefined : waiting.createdAt + pool.maxWaitSeconds * 1_000;
}

async function endOverdue(deps: Deps): Promise<void> {
  await deps.store.transact((tx) => {
    const expired = findExpired(tx.db, tx.now, BATCH);
    for (const session of expired) {
      const ending = { to: 'COMPLETED', endReason: 'EXPIRED', statusMessage: null } as const;
      release(tx, session.id, ending, { cause: 'EXPIRY' });
    }
    let left = BATCH - expired.length;
    for (const pool of findPools(tx.db)) left -= giveUpWaiting(tx, pool, left);
  });
}

/** Ends at most so many that have waited too long in a pool; answers how many. */
function giveUpWaiting(
  tx: Tx,
  pool: { id: string; maxWaitSeconds: number },
  atMost: number,
): number {
  for (let ended = 0; ended < atMost; ended += 1) {
    const waiting = findOldestWaiting(tx.db, pool.id);
    const waited = waiting === undefined ? 0 : tx.now - waiting.createdAt;
    if (waiting === undefined || waited < pool.maxWaitSeconds * 1_000) return ended;
    giveUp(tx, waiting, waited);
  }
  return atMost;
}

function giveUp(tx: Tx, session: Session, waitedMs: number): void {
  const seconds = Math.round(waitedMs / 1_000);
  const statusMessage = `waited ${seconds} s for a cluster; none became available`;
  const why = { cause: 'DEADLINE', reason: statusMessage } as const;
  release(tx, session.id, { to: 'FAILED', endReason: null, statusMessage }, why);
}
