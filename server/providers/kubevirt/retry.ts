import type { World } from '../../world.ts';
import { KubernetesError } from './kubernetes.ts';

const MOST_ATTEMPTS = 5;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;
/** What asks for a longer pause than this is told to the caller instead. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * Three layers repeat what failed. Here, in the client, a call that may be sent again is: a few
 * times within seconds, for everybody. `patient.ts` does so for minutes, for the calls of steps
 * that may be sent twice. `insist.ts` is for any call or piece of work of a step, patches and
 * orders too: its caller says that all of it may be done again. Waiting for something to become
 * true is none of these: see `until.ts`.
 */

/**
 * How long to wait before the attempt after so many failures: any time up to a bound that doubles,
 * so that many clients that failed together do not come back together. What the server asks for
 * comes on top.
 */
export function backOff(world: World, failures: number, error: unknown): number {
  const bound = Math.min(FIRST_WAIT_MS * 2 ** Math.min(failures, 10), LONGEST_WAIT_MS);
  const asked = error instanceof KubernetesError ? (error.retryAfterMs ?? 0) : 0;
  return Math.min(asked, LONGEST_PAUSE_MS) + world.random() * bound;
}

/** Repeats a call while its failures may be repeated, a few times, and not past the signal. */
export async function withRetries<T>(
  world: World,
  signal: AbortSignal,
  mayRepeat: (error: unknown) => boolean,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (failures >= MOST_ATTEMPTS || signal.aborted || !mayRepeat(error)) throw error;
      await world.sleep(backOff(world, failures, error), signal);
    }
  }
}

/** The call was surely not carried out: it was turned away at the door, or never sent. */
export function wasNotTaken(error: unknown): boolean {
  if (!(error instanceof KubernetesError) || isTooLong(error)) return false;
  return error.status === 429 || (error.status === 0 && NOT_SENT.has(error.reason));
}

/** Whether it was carried out is not known; a call without harm in its repetition may be sent. */
export function isUncertain(error: unknown): boolean {
  if (!(error instanceof KubernetesError)) return false;
  return error.status >= 500 || (error.status === 0 && !FINAL.has(error.reason));
}

/** For calls that may as well be sent twice. */
export function mayRepeat(error: unknown): boolean {
  return (wasNotTaken(error) || isUncertain(error)) && !isTooLong(error);
}

/** Failures without an answer that stay the same however often they are tried. */
const FINAL = new Set(['TooLong', 'Closed']);
const NOT_SENT = new Set(['NeverSent', 'NoCredentials']);

function isTooLong(error: unknown): boolean {
  return error instanceof KubernetesError && (error.retryAfterMs ?? 0) > LONGEST_PAUSE_MS;
}
