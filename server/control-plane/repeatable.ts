import { createHash } from 'node:crypto';
import { findEarlierCall, recordCall, type RepeatableCall } from '../../db/idempotency.ts';
import type { Tx } from '../../db/tx.ts';
import { NotFound } from '../../schema/model/refusal.ts';

/** Input that may carry a key under which the call can be repeated without a second effect. */
interface KeyedInput {
  readonly idempotencyKey?: string | null | undefined;
}

/** The call as it is recorded; undefined for one without a key. */
export function repeatableCall(
  mutation: string,
  owner: string,
  input: KeyedInput,
): RepeatableCall | undefined {
  const { idempotencyKey: key, ...rest } = input;
  return key == null ? undefined : { owner, mutation, key, inputHash: digest({ ...rest, owner }) };
}

/** Equal for equal input, in whatever order its fields came and however nothing was said. */
function digest(input: object): string {
  const fields = Object.entries(input).filter(([, value]) => value != null);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}

/**
 * Does something once: a repeat of the call answers what the first one made, as it is now. The
 * record is part of the transaction, so a refusal leaves none.
 */
export function once<Made extends { readonly id: string }>(
  tx: Tx,
  call: RepeatableCall | undefined,
  find: (id: string) => Made | undefined,
  make: () => Made,
): Made {
  if (call === undefined) return make();
  const earlier = findEarlierCall(tx, call);
  if (earlier === undefined) {
    const made = make();
    recordCall(tx, call, made.id);
    return made;
  }
  const known = find(earlier);
  if (known === undefined) throw new NotFound('what this call made');
  return known;
}
