import { randomBytes } from 'node:crypto';

/**
 * The clock, timers, randomness and the order of ready work, as one port. Everything that depends
 * on time or chance asks the world, so that a test can run the whole server in virtual time and
 * a seed can be played again.
 */
export interface World {
  /** Epoch milliseconds; may jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds from some fixed moment; never goes back. For durations and time-outs. */
  elapsed(): number;
  /** A number in [0, 1). */
  random(): number;
  /** A new identifier: 32 hexadecimal digits that sort by time of creation. */
  newId(): string;
  /** Secret bytes, hexadecimal. Never predictable outside tests. */
  secret(bytes: number): string;
  /** Calls back once after at least this many milliseconds, unless cancelled first. */
  after(ms: number, callback: () => void): Cancel;
  /** Calls back when the present turn is over: work queued in one turn can be done together. */
  soon(callback: () => void): void;
  /** Waits; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Takes a timer back; harmless when it has fired. */
export type Cancel = () => void;

/** The longest delay a timer can hold; longer waits must be taken up again. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Waits by a world's timers; the one implementation behind every `sleep`. */
export function sleepBy(
  after: World['after'],
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const wake = () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    const cancel = after(ms, wake);
    const abort = () => {
      cancel();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Leaves the rest of this turn of the event loop to others. */
export function nextTurn(world: Pick<World, 'soon'>): Promise<void> {
  return new Promise((resolve) => world.soon(resolve));
}

/** An identifier from a time and a source of randomness: 12 digits of time, 20 of chance. */
export function idFrom(now: number, randomHex: string): string {
  return Math.max(now, 0).toString(16).padStart(12, '0').slice(-12) + randomHex.slice(0, 20);
}

/** Digits of chance for ids, fetched for many at once: asking the system takes longest. */
function chanceInStock(): () => string {
  let stock = '';
  let used = 0;
  return () => {
    if (used === stock.length) {
      stock = randomBytes(2_000).toString('hex');
      used = 0;
    }
    used += 20;
    return stock.slice(used - 20, used);
  };
}

/** The real world. */
export function realWorld(): World {
  const after: World['after'] = (ms, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  };
  const chance = chanceInStock();
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    random: () => Math.random(),
    newId: () => idFrom(Date.now(), chance()),
    secret: (bytes) => randomBytes(bytes).toString('hex'),
    after,
    soon: (callback) => void setImmediate(callback),
    sleep: (ms, signal) => sleepBy(after, ms, signal),
  };
}
