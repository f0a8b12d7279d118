/**
 * Refusals are the expected "no"s: one class each. A verb throws one, the throw rolls its
 * transaction back, and the API answers it as data. Everything else that is thrown is a fault.
 */
export const ERROR_CODES = [
  'POOL_EXHAUSTED',
  'QUOTA_EXCEEDED',
  'NOT_FOUND',
  'WRONG_STATE',
  'INVALID_INPUT',
  'CONFLICT',
  'IDEMPOTENCY_CONFLICT',
] as const;

/** The code of a refusal. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What all refusals have: a code for programs and a sentence for people. */
export abstract class Refusal extends Error {
  abstract readonly code: ErrorCode;
}

/** No cluster can be had now, and the pool does not queue. */
export class PoolExhausted extends Refusal {
  readonly code = 'POOL_EXHAUSTED';
  readonly retryAfterMs: number | null;
  constructor(reason?: string, retryAfterMs: number | null = null) {
    super(reason ? `no available clusters in pool: ${reason}` : 'no available clusters in pool');
    this.retryAfterMs = retryAfterMs;
  }
}

/** The owner has as much as one owner may: live sessions in a pool, or saved snapshots. */
export class QuotaExceeded extends Refusal {
  readonly code = 'QUOTA_EXCEEDED';
  readonly limit: number;
  /** Only where bytes are what there are too many of. */
  readonly limitBytes: number | null;
  constructor(limit: number, message = liveSessions(limit), limitBytes: number | null = null) {
    super(message);
    this.limit = limit;
    this.limitBytes = limitBytes;
  }
}

function liveSessions(limit: number): string {
  return `this owner already has ${limit} live session${limit === 1 ? '' : 's'} in the pool`;
}

/** There is no such thing, or the viewer may not see it: the two answer alike. */
export class NotFound extends Refusal {
  readonly code = 'NOT_FOUND';
  constructor(what: string) {
    super(`${what} not found`);
  }
}

/** The thing is in a state in which this cannot be done. */
export class WrongState extends Refusal {
  readonly code = 'WRONG_STATE';
  readonly state: string;
  constructor(message: string, state: string) {
    super(message);
    this.state = state;
  }
}

/** The input is well formed but not acceptable. */
export class InvalidInput extends Refusal {
  readonly code = 'INVALID_INPUT';
  readonly field: string | null;
  constructor(message: string, field: string | null = null) {
    super(message);
    this.field = field;
  }
}

/** A name that is taken, or a version that is no longer the present one. */
export class Conflict extends Refusal {
  readonly code = 'CONFLICT';
}

/** The idempotency key was used with other input. */
export class IdempotencyConflict extends Refusal {
  readonly code = 'IDEMPOTENCY_CONFLICT';
  constructor() {
    super('this idempotency key was used with other input');
  }
}
