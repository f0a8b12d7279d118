import type { Tx } from '../../db/tx.ts';
import type { Job } from '../../schema/model/job.ts';
import type { Capabilities } from '../providers/provider.ts';

/** How a job stands after a look at it. */
export type Outcome =
  | { readonly kind: 'WORKING'; readonly progress: number; readonly message: string }
  | { readonly kind: 'DONE' }
  | { readonly kind: 'FAILED'; readonly error: string };

/** What a kind of job does. All of it is marking rows; reconcilers do what they say. */
export interface JobWork {
  /** Looks how far what the job wants is so, and marks what is to be done next. */
  readonly advance: (tx: Tx, job: Job, surroundings: Surroundings) => Outcome;
  /** Takes back what the job has reserved; what is done stays done. */
  readonly undo: (tx: Tx, job: Job) => void;
}

/** What a job may know of the world besides rows. */
export interface Surroundings {
  /** What the provider of the job's pool can do; undefined where this host has none. */
  readonly capabilities: Capabilities | undefined;
  /** Whether this is the first look at the job. */
  readonly first: boolean;
}

/** Rows that one look marks at most. */
export const BATCH = 64;

/** The share of what is done, as progress. */
export function share(done: number, all: number): number {
  return all === 0 ? 1 : Math.round((done / all) * 100) / 100;
}
