import { sql } from 'drizzle-orm';
import { IdempotencyConflict } from '../schema/model/refusal.ts';
import { prepared } from './connection.ts';
import { idempotency } from './tables.ts';
import type { Tx } from './tx.ts';

/** One call that a caller may repeat; the key belongs to the owner and the mutation. */
export interface RepeatableCall {
  readonly owner: string;
  readonly mutation: string;
  readonly key: string;
  /** A digest of the rest of the input. */
  readonly inputHash: string;
}

const findStatement = prepared((db) =>
  db
    .select()
    .from(idempotency)
    .where(
      sql`${idempotency.owner} = ${sql.placeholder('owner')}
        AND ${idempotency.mutation} = ${sql.placeholder('mutation')}
        AND ${idempotency.key} = ${sql.placeholder('key')}`,
    )
    .prepare(),
);

const insertStatement = prepared((db) =>
  db
    .insert(idempotency)
    .values({
      owner: sql.placeholder('owner'),
      mutation: sql.placeholder('mutation'),
      key: sql.placeholder('key'),
      inputHash: sql.placeholder('inputHash'),
      subjectId: sql.placeholder('subjectId'),
      createdAt: sql.placeholder('createdAt'),
    })
    .prepare(),
);

/** What an earlier call with this key made; refuses the key when its input was another. */
export function findEarlierCall(tx: Tx, call: RepeatableCall): string | undefined {
  const { owner, mutation, key } = call;
  const found = findStatement(tx.db).get({ owner, mutation, key });
  if (found === undefined) return undefined;
  if (found.inputHash !== call.inputHash) throw new IdempotencyConflict();
  return found.subjectId;
}

/** Records what this call made, in the transaction that makes it. */
export function recordCall(tx: Tx, call: RepeatableCall, subjectId: string): void {
  insertStatement(tx.db).run({ ...call, subjectId, createdAt: tx.now });
}
