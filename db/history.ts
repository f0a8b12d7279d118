import { sql } from 'drizzle-orm';
import type { Tx } from './tx.ts';

/** Up to which time each kind of history is forgotten, and how many rows at once. */
export interface Forgetting {
  readonly calls: number;
  readonly ended: number;
  readonly records: number;
  readonly batch: number;
}

/**
 * Deletes history that need not be kept: calls, ended sessions and jobs, removed clusters with
 * their VMs and phases, provisioning records, and who read or opened what. At most about a batch
 * of rows; answers how many.
 */
export function trimHistory(tx: Tx, until: Forgetting): number {
  const { batch: n } = until;
  const old = [
    sql`DELETE FROM idempotency WHERE rowid IN
      (SELECT rowid FROM idempotency WHERE created_at <= ${until.calls} LIMIT ${n})`,
    sql`DELETE FROM provisionings WHERE id IN
      (SELECT id FROM provisionings WHERE started_at <= ${until.records} LIMIT ${n})`,
    // They are in the order of their times: only the first need be looked at.
    sql`DELETE FROM audits WHERE at <= ${until.records} AND seq IN
      (SELECT seq FROM audits ORDER BY seq LIMIT ${n})`,
    sql`DELETE FROM jobs WHERE id IN
      (SELECT id FROM jobs WHERE finished_at <= ${until.ended} LIMIT ${n})`,
    sql`DELETE FROM sessions WHERE id IN
      (SELECT id FROM sessions WHERE ended_at <= ${until.ended} LIMIT ${n})`,
    sql`DELETE FROM vm_handles WHERE cluster_id IN
      (SELECT id FROM clusters WHERE removed_at <= ${until.ended} LIMIT ${n})`,
    // A cluster goes when nothing refers to it any more.
    sql`DELETE FROM clusters WHERE id IN
      (SELECT id FROM clusters c WHERE c.removed_at <= ${until.ended}
        AND NOT EXISTS (SELECT 1 FROM vm_handles v WHERE v.cluster_id = c.id)
        AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.cluster_id = c.id)
        AND NOT EXISTS (SELECT 1 FROM snapshots s WHERE s.cluster_id = c.id) LIMIT ${n})`,
    sql`DELETE FROM phases WHERE seq IN
      (SELECT p.seq FROM phases p WHERE p.finished_at <= ${until.ended} LIMIT ${n})`,
  ];
  let deleted = 0;
  for (const statement of old) {
    if (deleted < n) deleted += tx.db.run(statement).changes;
  }
  return deleted;
}
