import { idFrom, LONGEST_TIMER_MS, sleepBy, type World } from '../../server/world.ts';
import { hexDigits, seeded } from './seeded.ts';
import { TimerQueue, type Timer } from './timer-queue.ts';

/**
 * A world in virtual time. Nothing happens by itself: time moves only while a test drives it by
 * `settle`, `advance`, `runUntil` or `finish`, and then jumps from timer to timer. Between two
 * steps all promises run. The same seed gives the same order, numbers and identifiers.
 */
export interface VirtualWorld extends World {
  /** Does all that is ready now; time stands still. */
  settle(): Promise<void>;
  /** Lets this much time pass, firing what comes due on the way. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until this holds; throws, and says what is pending, when it does not. */
  runUntil(holds: () => boolean, limit: Limit): Promise<void>;
  /** Lets time pass until the promise settles, and answers as it does. */
  finish<T>(promise: Promise<T>, limit: Limit): Promise<T>;
  /** Sets the clock as an administrator would: `now` jumps, `elapsed` and timers do not. */
  jumpClock(ms: number): void;
  /** Ends this world as a killed process ends: nothing that waits will ever go on. */
  halt(): void;
  /** The world of the process started next: the same time goes on, and the same chance. */
  successor(): VirtualWorld;
  /** The timers that wait, one line each, in the order in which they will fire. */
  pendingTimers(): string[];
}

/** How much virtual time something may take. */
export interface Limit {
  readonly withinMs: number;
}

/** How a virtual world begins. */
export interface VirtualWorldOptions {
  readonly seed: number;
  /** Epoch milliseconds at its beginning. */
  readonly now?: number;
  /** Whether the seed also chooses the order of what is ready at the same time. */
  readonly shuffle?: boolean;
  /** Whether pending timers tell where they were set; slow. */
  readonly trace?: boolean;
  /** Whether something is under way for which time stands still: see `watchLoopback`. */
  readonly isBusy?: () => boolean;
}

/** Makes a world in virtual time. */
export function virtualWorld(options: VirtualWorldOptions): VirtualWorld {
  return worldFrom({
    elapsed: 0,
    offset: options.now ?? Date.UTC(2026, 0, 1),
    random: seeded(options.seed),
    // A stream of its own, so that shuffling changes no other number.
    pick: options.shuffle === true ? seeded(options.seed ^ 0x5bd1e995) : () => 0,
    trace: options.trace ?? false,
    isBusy: options.isBusy ?? (() => false),
    seq: 0,
  });
}

/** What outlives a process: time and chance. */
interface Course {
  elapsed: number;
  /** What `now` is ahead of `elapsed`. */
  offset: number;
  readonly random: () => number;
  readonly pick: () => number;
  readonly trace: boolean;
  readonly isBusy: () => boolean;
  seq: number;
}

/** What waits in one process. */
interface Waiting {
  readonly timers: TimerQueue;
  readonly ready: (() => void)[];
  halted: boolean;
  driven: boolean;
  /** Rises with every use of the world, so that a driver sees that there was work. */
  uses: number;
}

/** More ready work than this without time moving is taken for an endless loop. */
const MOST_READY_WORK = 100_000;

function worldFrom(course: Course): VirtualWorld {
  const waiting: Waiting = {
    timers: new TimerQueue(),
    ready: [],
    halted: false,
    driven: false,
    uses: 0,
  };
  return { ...worldPort(course, waiting), ...controls(course, waiting) };
}

function worldPort(course: Course, waiting: Waiting): World {
  const after: World['after'] = (ms, callback) => setTimer(course, waiting, ms, callback);
  return {
    now: () => course.elapsed + course.offset,
    elapsed: () => course.elapsed,
    random: () => course.random(),
    newId: () => idFrom(Math.floor(course.elapsed + course.offset), hexDigits(course.random, 20)),
    secret: (bytes) => hexDigits(course.random, bytes * 2),
    after,
    soon: (callback) => {
      waiting.uses += 1;
      if (!waiting.halted) waiting.ready.push(callback);
    },
    sleep: (ms, signal) => unlessHalted(waiting, sleepBy(after, ms, signal)),
  };
}

function controls(course: Course, waiting: Waiting): Omit<VirtualWorld, keyof World> {
  return {
    settle: () => drive(waiting, () => settle(course, waiting)),
    advance: (ms) => drive(waiting, () => advance(course, waiting, course.elapsed + ms)),
    runUntil: (holds, limit) =>
      drive(waiting, () => runUntil(course, waiting, holds, limit.withinMs)),
    finish: (promise, limit) =>
      drive(waiting, () => finish(course, waiting, promise, limit.withinMs)),
    jumpClock: (ms) => {
      course.offset += ms;
    },
    halt: () => {
      waiting.halted = true;
      waiting.timers.clear();
      waiting.ready.length = 0;
    },
    successor: () => worldFrom(course),
    pendingTimers: () => waiting.timers.list().map((timer) => describe(course, timer)),
  };
}

function setTimer(course: Course, waiting: Waiting, ms: number, fire: () => void): () => void {
  if (Number.isNaN(ms)) throw new RangeError('a timer cannot wait for NaN milliseconds');
  waiting.uses += 1;
  if (waiting.halted) return () => undefined;
  course.seq += 1;
  // In whole milliseconds and at least one, as Node's timers wait: time always moves on.
  const wait = Math.min(Math.max(Math.ceil(ms), 1), LONGEST_TIMER_MS);
  const setBy = course.trace ? caller() : null;
  const timer: Timer = { due: course.elapsed + wait, seq: course.seq, fire, setBy };
  waiting.timers.add(timer);
  return () => waiting.timers.cancel(timer);
}

/** A promise that, once the world is halted, never settles: its process is dead. */
function unlessHalted<T>(waiting: Waiting, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    promise.then(
      (value) => void (waiting.halted || resolve(value)),
      (error: unknown) => void (waiting.halted || reject(error as Error)),
    );
  });
}

/** Keeps two drivers from moving time at once, which no order could survive. */
async function drive<T>(waiting: Waiting, body: () => Promise<T>): Promise<T> {
  if (waiting.driven) throw new Error('this virtual world is already being driven');
  waiting.driven = true;
  try {
    return await body();
  } finally {
    waiting.driven = false;
  }
}

async function settle(course: Course, waiting: Waiting): Promise<void> {
  await letPromisesRun(course, waiting);
  for (let done = 0; waiting.ready.length > 0; done += 1) {
    if (done > MOST_READY_WORK) throw new Error('ready work makes more ready work without end');
    const [callback] = waiting.ready.splice(Math.floor(course.pick() * waiting.ready.length), 1);
    callback?.();
    await letPromisesRun(course, waiting);
  }
}

async function advance(course: Course, waiting: Waiting, until: number): Promise<void> {
  await settle(course, waiting);
  while (!waiting.halted && (waiting.timers.first()?.due ?? Infinity) <= until) {
    await fireNext(course, waiting);
  }
  course.elapsed = Math.max(course.elapsed, until);
}

/** Moves time to the next timer and does all that comes of it. */
async function fireNext(course: Course, waiting: Waiting): Promise<void> {
  const timer = waiting.timers.takeFirst();
  if (timer === undefined) return;
  course.elapsed = Math.max(course.elapsed, timer.due);
  timer.fire();
  await settle(course, waiting);
}

async function runUntil(
  course: Course,
  waiting: Waiting,
  holds: () => boolean,
  withinMs: number,
): Promise<void> {
  const limit = course.elapsed + withinMs;
  await settle(course, waiting);
  while (!holds()) {
    const next = waiting.timers.first();
    if (next === undefined || next.due > limit) throw stuck(course, waiting, withinMs);
    await fireNext(course, waiting);
  }
}

async function finish<T>(
  course: Course,
  waiting: Waiting,
  promise: Promise<T>,
  withinMs: number,
): Promise<T> {
  let settled = false;
  const settledNow = () => {
    settled = true;
  };
  promise.then(settledNow, settledNow);
  await runUntil(course, waiting, () => settled, withinMs);
  return promise;
}

function stuck(course: Course, waiting: Waiting, withinMs: number): Error {
  const lines = waiting.timers.list().map((timer) => describe(course, timer));
  const shown = lines.slice(0, 20).join('\n  ');
  const pending = lines.length === 0 ? 'no timer is pending' : `pending timers:\n  ${shown}`;
  const more = lines.length > 20 ? `\n  and ${lines.length - 20} more` : '';
  return new Error(`did not come true within ${withinMs} virtual ms; ${pending}${more}`);
}

function describe(course: Course, timer: Timer): string {
  const where = timer.setBy === null ? '' : ` set ${timer.setBy}`;
  return `#${timer.seq} in ${timer.due - course.elapsed} ms${where}`;
}

function caller(): string {
  const lines = new Error('trace').stack?.split('\n') ?? [];
  const ours = lines.find((line) => line.includes('at ') && !/world\.ts[:)]/.test(line));
  return ours?.trim() ?? 'somewhere';
}

// The real one: a test may have replaced the global with a fake.
const { setImmediate: realTurn } = globalThis;

/**
 * Gives real turns of the event loop until one passes in which the world was not used and nothing
 * real is under way: all promises have run as far as they can.
 */
async function letPromisesRun(course: Course, waiting: Waiting): Promise<void> {
  let uses: number;
  do {
    ({ uses } = waiting);
    await new Promise<void>((resolve) => {
      realTurn(resolve);
    });
  } while (waiting.uses !== uses || isBusy() || course.isBusy());
}

/** Whether code of the test's process still waits for a turn, a file, a key or a connection. */
function isBusy(): boolean {
  return process
    .getActiveResourcesInfo()
    .some((name) => /^(Immediate|FSReq)|Request$|ConnectWrap$/.test(name));
}
