import { getPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { deleteNotes } from '../../db/note.ts';
import { deleteSet, findSet, findSnapshotsAtWork, moveSet } from '../../db/snapshot.ts';
import type { SetKey } from '../../schema/model/snapshot.ts';
import { providerOf, setId, setKey, setObject, workAt } from '../outside.ts';
import { makeStep } from '../step.ts';
import {
  retryDelayMs,
  type Deps,
  type Failure,
  type Found,
  type Reconciler,
  type Turn,
} from './reconciler.ts';

/**
 * Wants: nothing left of snapshot sets that are DELETING.
 * Acts: has the provider remove the set, and only then takes its rows away.
 * After a crash: asks again; what is absent is success. It never gives up, only waits longer.
 */
export function removeSet(deps: Deps): Reconciler {
  return {
    name: 'remove-set',
    find: (now) => deps.store.read((db) => findWork(deps, db, now)),
    pass: (work, turn) => clearAway(deps, setKey(work.id), turn),
    failed: (work, failure) => noteFailure(deps, setKey(work.id), failure),
  };
}

function findWork(deps: Deps, db: Db, now: number): Found {
  const rows = findSnapshotsAtWork(db, 'DELETING', now);
  const sets = new Map(rows.map((row) => [setId(row), row.poolId]));
  const ready = [...sets].map(([id, poolId]) => workAt(deps, db, poolId, id, 'remove'));
  return { ready };
}

async function clearAway(deps: Deps, key: SetKey, turn: Turn): Promise<void> {
  const { store } = deps;
  const [first] = store.read((db) => findSet(db, key));
  if (first?.status !== 'DELETING') return;
  const provider = providerOf(
    deps,
    store.read((db) => getPool(db, key.poolId).provider),
  );
  const step = makeStep(deps, { id: setId(first), fence: first.version }, turn);
  await provider.ensureGone(setObject(first), step);
  await store.transact((tx) => {
    deleteNotes(tx, setId(first));
    deleteSet(tx, key, { cause: 'JOB', jobId: first.jobId });
  });
}

async function noteFailure(deps: Deps, key: SetKey, failure: Failure): Promise<void> {
  await deps.store.transact((tx) => {
    const attempts = (findSet(tx.db, key)[0]?.attempts ?? 0) + 1;
    const nextAttemptAt = tx.now + retryDelayMs(attempts);
    const patch = { attempts, nextAttemptAt, statusMessage: failure.reason };
    const why = { cause: failure.cause, reason: failure.reason };
    moveSet(tx, key, { from: ['DELETING'], to: 'DELETING', patch }, why);
  });
}
