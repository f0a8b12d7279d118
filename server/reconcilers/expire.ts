import { findPools } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { release } from '../../db/hold/release.ts';
import { findExpired, findOldestWaiting, nextExpiry } from '../../db/session.ts';
import type { Tx } from '../../db/tx.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Deps, Found, Reconciler, Work } from './reconciler.ts';

/** Sessions ended in one transaction: small enough to stay short. */
const BATCH = 32;

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
  return waiting && waiting.createdAt + pool.maxWaitSeconds * 1_000;
}

async function endOverdue(deps: Deps): Promise<void> {
  await deps.store.transact((tx) => {
    for (const session of findExpired(tx.db, tx.now, BATCH)) {
      const ending = { to: 'COMPLETED', endReason: 'EXPIRED', statusMessage: null } as const;
      release(tx, session.id, ending, { cause: 'EXPIRY' });
    }
    for (const pool of findPools(tx.db)) giveUpWaiting(tx, pool);
  });
}

function giveUpWaiting(tx: Tx, pool: { id: string; maxWaitSeconds: number }): void {
  for (let ended = 0; ended < BATCH; ended += 1) {
    const waiting = findOldestWaiting(tx.db, pool.id);
    const waited = waiting === undefined ? 0 : tx.now - waiting.createdAt;
    if (waiting === undefined || waited < pool.maxWaitSeconds * 1_000) return;
    giveUp(tx, waiting, waited);
  }
}

function giveUp(tx: Tx, session: Session, waitedMs: number): void {
  const seconds = Math.round(waitedMs / 1_000);
  const statusMessage = `waited ${seconds} s for a cluster; none became available`;
  const why = { cause: 'DEADLINE', reason: statusMessage } as const;
  release(tx, session.id, { to: 'FAILED', endReason: null, statusMessage }, why);
}
