import { and, desc, eq, gte, isNotNull } from 'drizzle-orm';
import { SERVED_FROM, type ServedFrom } from '../schema/model/session.ts';
import type { Db } from './connection.ts';
import { rowInserter } from './row.ts';
import { provisionings } from './tables.ts';
import type { Tx } from './tx.ts';

/** How one session was served or one cluster made, and how long that took. */
export interface Provisioning {
  readonly poolId: string;
  readonly clusterId: string;
  readonly sessionId: string | null;
  readonly servedFrom: ServedFrom;
  readonly startedAt: number;
  readonly succeeded: boolean;
  readonly reason: string | null;
}

const insert = rowInserter<Row>(provisionings, [
  'id',
  'poolId',
  'clusterId',
  'sessionId',
  'servedFrom',
  'startedAt',
  'finishedAt',
  'durationMs',
  'succeeded',
  'reason',
]);

/** Records a provisioning that has just ended. */
export function recordProvisioning(tx: Tx, provisioning: Provisioning): void {
  insert(tx.db, {
    ...provisioning,
    id: tx.newId(),
    finishedAt: tx.now,
    durationMs: Math.max(0, tx.now - provisioning.startedAt),
  });
}

/** Times of one way of serving in one period; failures count, but have no time. */
export interface ProvisioningPeriod {
  readonly servedFrom: ServedFrom;
  readonly from: number;
  readonly count: number;
  readonly failed: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** At most so many records are read for one answer: the newest. */
const MOST_RECORDS = 100_000;

/** Which provisionings are wanted. */
export interface ProvisioningsWanted {
  readonly poolId: string;
  readonly since: number;
  /** The length of a period; one period when left out. */
  readonly periodMs?: number | undefined;
  /** Leaves out clusters that were made for the pool. */
  readonly claimsOnly?: boolean | undefined;
}

/** Provisioning times since a moment, in periods of so many milliseconds, or in one. */
export function provisioningTimes(
  db: Db,
  { poolId, since, periodMs, claimsOnly }: ProvisioningsWanted,
): ProvisioningPeriod[] {
  const { startedAt, sessionId } = provisionings;
  const ofSessions = claimsOnly === true ? isNotNull(sessionId) : undefined;
  const records = db
    .select()
    .from(provisionings)
    .where(and(eq(provisionings.poolId, poolId), gte(startedAt, since), ofSessions))
    .orderBy(desc(startedAt))
    .limit(MOST_RECORDS)
    .all();
  const start = (at: number) => (periodMs ? Math.floor(at / periodMs) * periodMs : since);
  const groups = Map.groupBy(records, (r) => `${start(r.startedAt)} ${r.servedFrom}`);
  return [...groups.values()].map(summarise(start)).sort(byTimeThenKind);
}

type Row = typeof provisionings.$inferSelect;

function summarise(start: (at: number) => number): (group: Row[]) => ProvisioningPeriod {
  return (group) => {
    const [first] = group;
    const times = group.filter((r) => r.succeeded).map((r) => r.durationMs);
    times.sort((a, b) => a - b);
    return {
      servedFrom: first?.servedFrom ?? 'POOL',
      from: start(first?.startedAt ?? 0),
      count: group.length,
      failed: group.length - times.length,
      p50Ms: quantile(times, 0.5),
      p95Ms: quantile(times, 0.95),
    };
  };
}

function quantile(sorted: readonly number[], q: number): number | null {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
}

function byTimeThenKind(a: ProvisioningPeriod, b: ProvisioningPeriod): number {
  const kind = SERVED_FROM.indexOf(a.servedFrom) - SERVED_FROM.indexOf(b.servedFrom);
  return a.from - b.from || kind;
}
