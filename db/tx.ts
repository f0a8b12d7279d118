import type { Why } from '../schema/model/change.ts';
import type { Db } from './connection.ts';

/** One verb's transaction: what the writing functions of this folder take. */
export interface Tx {
  readonly db: Db;
  /** The time of the whole transaction, so that all it writes agrees. */
  readonly now: number;
  readonly newId: () => string;
  /** The number that the verb's rows of the log share; taken at its first one. */
  readonly number: () => number;
  /** Pools whose counts this transaction has changed, and why: each gets one row at its end. */
  readonly touchedPools: Map<string, Why>;
}

/** A body that returns a promise does not compile: a transaction must not wait for anything. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;
