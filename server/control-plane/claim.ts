import { findPoolByName } from '../../db/cluster-pool.ts';
import { claim } from '../../db/hold/claim.ts';
import { countLiveOf } from '../../db/session.ts';
import type { Tx } from '../../db/tx.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import { InvalidInput, PoolExhausted, QuotaExceeded } from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import { savedSetFor } from './saved-session.ts';
import { asked, poolNamed, wakePool, type VerbParts } from './verb.ts';

/** What a claim asks for. */
export interface Claim {
  readonly owner: string;
  readonly ttlMinutes?: number | null | undefined;
  readonly task?: string | null | undefined;
  /** A snapshot that the owner saved; its whole set is what the cluster is made from. */
  readonly snapshotId?: string | null | undefined;
}

/** Claims a cluster of a pool, within the owner's quota and the pool's longest time. */
export function claimFrom(
  parts: VerbParts,
  tx: Tx,
  pool: ClusterPool,
  { owner, ttlMinutes, task, snapshotId }: Claim,
): Session {
  const { viewer, findTraits } = parts;
  const ttl = ttlWithin(pool, ttlMinutes);
  assertQuota(tx, pool, owner);
  const traits = findTraits(pool.provider);
  if (traits === undefined) {
    throw new PoolExhausted(`provider ${pool.provider} is not available on this server`);
  }
  const wantedSet = snapshotId == null ? null : savedSetFor(parts, tx, pool, { owner, snapshotId });
  const why = asked(viewer, 'CLAIM');
  const awake = wakePool(tx, pool, why);
  const request = { owner, ttlMinutes: ttl, task: task ?? null, wantedSet, wakes: traits.wakes };
  return claim(tx, awake, request, why);
}

function ttlWithin(pool: ClusterPool, wanted: number | null | undefined): number {
  const ttl = wanted ?? pool.sessionTtlMinutes;
  if (ttl > pool.maxTtlMinutes) {
    const message = `ttlMinutes must not be above ${pool.maxTtlMinutes} in pool ${pool.name}`;
    throw new InvalidInput(message, 'ttlMinutes');
  }
  return ttl;
}

function assertQuota(tx: Tx, pool: ClusterPool, owner: string): void {
  const limit = pool.maxSessionsPerOwner;
  if (limit !== null && countLiveOf(tx.db, pool.id, owner) >= limit) throw new QuotaExceeded(limit);
}

/**
 * Runs a claim. One that a lazy pool must refuse still wakes it, in a transaction of its own:
 * otherwise it would refuse for ever.
 */
export async function transactClaim<T>(
  parts: VerbParts,
  poolName: string,
  body: (tx: Tx) => T extends PromiseLike<unknown> ? never : T,
): Promise<T> {
  try {
    return await parts.store.transact<T>(body);
  } catch (error) {
    if (error instanceof PoolExhausted) await wakeAsleep(parts, poolName);
    throw error;
  }
}

async function wakeAsleep({ store, viewer }: VerbParts, name: string): Promise<void> {
  const isAsleep = store.read((db) => findPoolByName(db, name)?.awake === false);
  if (!isAsleep) return;
  await store.transact((tx) => {
    wakePool(tx, poolNamed(tx, name), asked(viewer, 'CLAIM'));
  });
}
