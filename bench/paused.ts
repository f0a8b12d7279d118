/**
 * Subscribers that stop reading, while everything changes: the server must live, hold little for
 * them, and serve a healthy subscriber of the same thing as well as without them.
 */
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { Audience } from './audience.ts';
import { quantile } from './figures.ts';
import { bodyOf, Line, waitForFree } from './load.ts';
import type { Outcome, Run } from './outcome.ts';
import { startServer, type ServerProcess } from './server-process.ts';
import { Subscriber, type Wish } from './subscriber.ts';

/** How much is measured. */
interface Plan {
  readonly paused: number;
  /** Changes in the log, without and with the paused subscribers. */
  readonly changesBefore: number;
  readonly changes: number;
  readonly mostSeconds: number;
}

/** What one stretch of changes showed. */
interface Stretch {
  readonly changes: number;
  readonly seconds: number;
  /** Of the healthy subscriber, in milliseconds, sorted. */
  readonly latencies: readonly number[];
  /** The most the process held, looked at ten times a second. */
  readonly peak: number;
}

const POOL = 'busy';
const CLUSTERS = 64;
/** Those who claim and release. */
const BUSY_LINES = 8;
const LOOK_MS = 100;
const MIB = 2 ** 20;
const GOALS = { growthMib: 64, p99: 2 } as const;
/** After this time those who were dropped know. */
const GOODBYE_MS = 1_000;

const CHANGES = `subscription Everything($pool: String!) {
  changes(filter: { pool: $pool }) {
    __typename cursor prev
    ... on FeedState { more }
    ... on FeedChanges {
      changes {
        id type kind from to cause reason actor at
        subject {
          clusterPool { name version maxWaitSeconds stats { availableClusters lockedClusters } }
          cluster { id name namespace status statusMessage version }
          session { id owner status createdAt expiresAt }
          vmHandle { id name }
        }
      }
    }
  }
}`;

const CLAIM = `mutation Claim($pool: String!) {
  createSession(input: { pool: $pool }) { __typename ... on Session { id } }
}`;
const RELEASE = `mutation Release($id: ID!) {
  releaseSession(input: { sessionId: $id }) { __typename }
}`;
const PROBE = `mutation Probe($pool: String!, $n: Int!) {
  updateClusterPool(input: { name: $pool, maxWaitSeconds: $n }) { __typename }
}`;

const claimed = z.object({
  data: z.object({ createSession: z.object({ id: z.string().optional() }) }),
});

/** A small one, as a part of the whole bench. */
export function benchFewPaused(run: Run): Promise<Outcome> {
  return benchPaused(
    run,
    run.isQuick
      ? { paused: 5, changesBefore: 200, changes: 200, mostSeconds: 10 }
      : { paused: 200, changesBefore: 5_000, changes: 10_000, mostSeconds: 30 },
  );
}

/** In full size; as many changes without them, for a longer log takes memory by itself. */
export function benchManyPaused(run: Run): Promise<Outcome> {
  const full = { paused: 1_000, changesBefore: 100_000, changes: 100_000, mostSeconds: 50 };
  return benchPaused(run, full);
}

async function benchPaused(run: Run, plan: Plan): Promise<Outcome> {
  const pools = [{ name: POOL, size: CLUSTERS }];
  const server = await startServer({ ...run, name: 'paused', pools });
  try {
    const line = await Line.open(server.address);
    await waitForFree(line, POOL, CLUSTERS);
    line.close();
    const without = await stretch(server, plan.changesBefore, plan.mostSeconds);
    const audience = await Audience.gather(wishOf(server), plan.paused, { keepOneIn: Infinity });
    const before = { ...(await server.memory()), peak: residentOf(server) };
    audience.pause();
    const withThem = await stretch(server, plan.changes, plan.mostSeconds);
    const after = await server.memory();
    audience.resume();
    await new Promise((resolve) => setTimeout(resolve, GOODBYE_MS));
    const dropped = audience.lost;
    audience.close();
    return outcomeOf(plan, { without, withThem, before, after, dropped });
  } finally {
    await server.stop();
  }
}

/** All the pool's changes; those of the probe count. */
function wishOf({ address }: ServerProcess): Wish {
  const operation = { query: CHANGES, variables: { pool: POOL } };
  return { address, operation, first: 1, marker: '"maxWaitSeconds":' };
}

/** Claims and releases until there are so many changes, and probes all the while. */
async function stretch(server: ServerProcess, changes: number, most: number): Promise<Stretch> {
  const db = new Database(server.db, { readonly: true });
  const last = db.prepare<[], { seq: number }>('SELECT max(seq) AS seq FROM changes');
  const seq = () => last.get()?.seq ?? 0;
  const from = seq();
  const began = performance.now();
  let isOver = false;
  let peak = 0;
  const lines = await Line.openMany(server.address, BUSY_LINES + 1);
  const [prober, ...busy] = lines;
  if (prober === undefined) throw new Error('no connection');
  const look = setInterval(() => {
    peak = Math.max(peak, residentOf(server));
    isOver = seq() - from >= changes || performance.now() - began > most * 1_000;
  }, LOOK_MS);
  const [latencies] = await Promise.all([
    probe(server, prober, () => isOver),
    ...busy.map((line) => keepClaiming(line, () => isOver)),
  ]);
  clearInterval(look);
  const seconds = (performance.now() - began) / 1_000;
  for (const line of lines) line.close();
  const made = seq() - from;
  db.close();
  return { changes: made, seconds, latencies: latencies.toSorted((a, b) => a - b), peak };
}

async function keepClaiming(line: Line, isOver: () => boolean): Promise<void> {
  const claim = bodyOf(CLAIM, { pool: POOL });
  while (!isOver()) {
    const { id } = claimed.parse(JSON.parse(await line.ask(claim))).data.createSession;
    // Without an id all clusters are being reset: the next one is free soon.
    if (id === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    else await line.ask(bodyOf(RELEASE, { id }));
  }
}

let probes = 0;

/** Changes something that can be told apart, again and again; how long until it is heard of. */
async function probe(server: ServerProcess, line: Line, isOver: () => boolean): Promise<number[]> {
  const latencies: number[] = [];
  let heard = Promise.withResolvers<void>();
  let failure: Error | undefined;
  const ears = {
    counted: () => undefined,
    ended: (error: Error) => {
      failure = error;
      heard.reject(error);
    },
    text: (text: string) => {
      if (text.includes(`"maxWaitSeconds":${probes},`)) heard.resolve();
    },
  };
  const subscriber = await Subscriber.open(wishOf(server), 'healthy', ears);
  while (!isOver()) {
    // It may have been dropped between two probes: nobody would hear the next.
    if (failure !== undefined) throw failure;
    probes += 1;
    heard = Promise.withResolvers();
    const began = performance.now();
    await Promise.all([heard.promise, line.ask(bodyOf(PROBE, { pool: POOL, n: probes }))]);
    latencies.push(performance.now() - began);
  }
  subscriber.close();
  return latencies;
}

/** Bytes of memory that the process holds. */
function residentOf({ child }: ServerProcess): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1_024;
}

/** All that was seen. */
interface Seen {
  readonly without: Stretch;
  readonly withThem: Stretch;
  readonly before: { readonly heapUsed: number; readonly rss: number };
  readonly after: { readonly heapUsed: number; readonly rss: number };
  readonly dropped: number;
}

function outcomeOf(plan: Plan, { without, withThem, before, after, dropped }: Seen): Outcome {
  const [calm, paused] = [without, withThem].map(({ latencies }) => quantile(latencies, 0.99));
  const mib = (bytes: number) => [bytes / MIB];
  const figures = ({ changes, seconds, latencies }: Stretch) =>
    [changes, changes / seconds, quantile(latencies, 0.5), quantile(latencies, 0.99)].map((one) => [
      one,
    ]);
  return {
    title: `${plan.paused.toLocaleString('en')} subscribers that stop reading`,
    notes: [
      `${BUSY_LINES} connections claim and release clusters; the healthy subscriber sees all of`,
      'it, as the paused ones would, and is timed from the request of a change to its message.',
      'Memory is the highest of ten looks a second, with them less without them, and what a',
      'collection leaves, less that after all had connected. The server may drop who does not',
      `answer its pings; of ${plan.paused} it dropped ${dropped} until the end.`,
    ],
    findings: [
      {
        name: 'growth of the process at its peak, MiB',
        values: mib(withThem.peak - Math.max(before.rss, without.peak)),
        goal: { atMost: GOALS.growthMib },
      },
      {
        name: 'growth of the heap after a collection, MiB',
        values: mib(after.heapUsed - before.heapUsed),
      },
      {
        name: "the healthy subscriber's p99 with them / without them",
        values: [(paused ?? NaN) / (calm ?? NaN)],
        goal: { atMost: GOALS.p99 },
      },
    ],
    tables: [
      {
        header: ['changes', 'changes per second', 'healthy p50 ms', 'healthy p99 ms'],
        rows: [
          { name: 'without them', cells: figures(without) },
          { name: 'with them', cells: figures(withThem) },
        ],
      },
    ],
  };
}
