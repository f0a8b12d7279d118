/**
 * From a commit to the clients: changes come at a steady rate, whatever happened to the one before,
 * and it is measured when each has reached the subscribers.
 */
import { Audience } from './audience.ts';
import { lineOf } from './broadcast.ts';
import { quantile } from './figures.ts';
import { Line } from './load.ts';
import type { Finding, Outcome, Run } from './outcome.ts';
import { startServer } from './server-process.ts';
import { assertComplete, changesOf, update, updateOf } from './watched-pool.ts';

/** How much is measured. */
interface Plan {
  readonly subscribers: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** When a commit was asked for and answered, by the version it made; and when it was heard of. */
interface Times {
  readonly asked: Map<number, number>;
  readonly answered: Map<number, number>;
  readonly heard: { readonly version: number; readonly at: number }[];
}

/** Milliseconds, sorted. */
interface Round {
  readonly sinceAsked: readonly number[];
  readonly sinceAnswered: readonly number[];
  readonly perSecond: number;
}

const POOL = 'watched';
const KEEP_ONE_IN = 5;
/** Requests that may be under way at once. */
const CONNECTIONS = 64;
const GOALS_MS = { p50: 10, p99: 50 } as const;

/** Measures each round with all the same subscribers. */
export async function benchLatency(run: Run): Promise<Outcome> {
  const plan: Plan = run.isQuick
    ? { subscribers: 10, perSecond: 100, seconds: 0.2, rounds: 1 }
    : { subscribers: 500, perSecond: 100, seconds: 4, rounds: Math.min(run.rounds, 3) };
  const pools = [{ name: POOL, size: 1 }];
  const server = await startServer({ ...run, name: 'latency', pools });
  try {
    return outcomeOf(plan, await runRounds(plan, server.address));
  } finally {
    await server.stop();
  }
}

async function runRounds(plan: Plan, address: string): Promise<Round[]> {
  const lines = await Line.openMany(address, CONNECTIONS);
  let times = noTimes();
  // Each commit is one message and one version: counting tells which of them it is.
  let first = 0;
  const heard = (nth: number) =>
    void times.heard.push({ version: first + nth - 1, at: performance.now() });
  const attention = { keepOneIn: KEEP_ONE_IN, heard };
  const audience = await Audience.gather(changesOf(address, POOL), plan.subscribers, attention);
  let commits = 1;
  first = await update(lineOf(lines, 0), updateOf(POOL));
  const rounds: Round[] = [];
  for (let round = 0; round <= plan.rounds; round += 1) {
    await audience.reached(commits * audience.size);
    times = noTimes();
    const began = performance.now();
    const made = await commitSteadily(plan, lines, times);
    const perSecond = made / ((performance.now() - began) / 1_000);
    commits += made;
    await audience.reached(commits * audience.size);
    // The first is for the compiler of the engine.
    if (round > 0) rounds.push({ ...since(times), perSecond });
  }
  for (const texts of audience.kept) assertComplete(texts, POOL, commits);
  for (const one of [audience, ...lines]) one.close();
  return rounds;
}

function noTimes(): Times {
  return { asked: new Map(), answered: new Map(), heard: [] };
}

/** Commits at the rate of the plan, also while answers are late; answers how many. */
async function commitSteadily(
  { perSecond, seconds }: Plan,
  lines: readonly Line[],
  times: Times,
): Promise<number> {
  const free = [...lines];
  const body = updateOf(POOL);
  const commit = async (line: Line) => {
    const asked = performance.now();
    const version = await update(line, body);
    times.asked.set(version, asked);
    times.answered.set(version, performance.now());
    free.push(line);
  };
  const began = performance.now();
  const all: Promise<void>[] = [];
  for (let n = 0; n < perSecond * seconds; n += 1) {
    const due = began + (n * 1_000) / perSecond;
    await pause(due - performance.now());
    let line = free.pop();
    // A server that is so far behind cannot keep up with the rate: what it does is shown.
    for (; line === undefined; line = free.pop()) await pause(1);
    all.push(commit(line));
  }
  await Promise.all(all);
  return all.length;
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}

function since({ asked, answered, heard }: Times): Omit<Round, 'perSecond'> {
  const from = (times: ReadonlyMap<number, number>) =>
    heard.map(({ version, at }) => at - (times.get(version) ?? NaN)).toSorted((a, b) => a - b);
  return { sinceAsked: from(asked), sinceAnswered: from(answered) };
}

function outcomeOf({ subscribers, perSecond }: Plan, rounds: readonly Round[]): Outcome {
  const finding = (name: string, of: (round: Round) => number, goal?: number): Finding => ({
    name,
    values: rounds.map(of),
    ...(goal === undefined ? {} : { goal: { atMost: goal } }),
  });
  const [p50, p99] = [0.5, 0.99];
  return {
    title: `Commit to client: ${subscribers} subscribers, ${perSecond} changes a second, ms`,
    notes: [
      'The commit lies between the moment at which its request is sent and the one at which its',
      'answer is there: the time from the first is more than what is meant, the time from the',
      'second less (below zero where the message was first). Both clocks are those of the load.',
      `Of 1 in ${KEEP_ONE_IN} subscribers every message is timed, and its place checked.`,
    ],
    findings: [
      finding('p50 since the request was sent', (r) => quantile(r.sinceAsked, p50), GOALS_MS.p50),
      finding('p99 since the request was sent', (r) => quantile(r.sinceAsked, p99), GOALS_MS.p99),
      finding('p50 since the answer came', (r) => quantile(r.sinceAnswered, p50)),
      finding('p99 since the answer came', (r) => quantile(r.sinceAnswered, p99)),
      finding('changes a second in fact', (r) => r.perSecond),
    ],
    tables: [],
  };
}
