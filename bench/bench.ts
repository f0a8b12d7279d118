/**
 * `npm run bench`: what the server can do, beside what SQLite alone can do on the same machine in
 * the same minutes. Rounds of all measurements follow one another, so that what else the machine
 * does falls on all of them; medians and ratios are what counts.
 *
 * `--quick` only shows that it runs. `--profile <folder>` writes a processor profile of the
 * server. `--rounds <n>` says how many.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { measured, median, type Measured } from './figures.ts';
import { fill } from './fill.ts';
import { bodyOf, drive, Line, timed, type Load } from './load.ts';
import { pinned } from './machine.ts';
import { describe, report, type Round } from './report.ts';
import { startServer, type ServerProcess } from './server-process.ts';

/** How much is measured. */
interface Plan {
  readonly rounds: number;
  /** Seconds of each measurement of a round. */
  readonly seconds: number;
  /** Clusters of the large pools; each small one has 100. */
  readonly large: number;
  readonly small: number;
  /** Claims of a round from the large and from the small pool. */
  readonly pairs: number;
}

const FULL: Plan = {
  rounds: 5,
  seconds: 2.5,
  large: 100_000,
  small: 100,
  pairs: 90,
};
const QUICK: Plan = {
  ...FULL,
  rounds: 1,
  seconds: 0.3,
  large: 3_000,
  pairs: 20,
};

/** The copies in the pools are good for five minutes; nothing here takes that long. */
const LONGEST_MS = 280_000;

const CLAIM = `mutation Claim($pool: String!) {
  createSession(input: { pool: $pool }) {
    __typename
    ... on Session { id status assignedCluster { name } }
    ... on UserError { code message }
  }
}`;

const POOL = `query Pool($pool: String!) {
  clusterPool(name: $pool) {
    name size strategy
    stats { totalClusters availableClusters lockedClusters resettingClusters queuedSessions }
    clusters(first: 10) { edges { node { name status } } }
  }
}`;

const claimOf = (pool: string) => ({
  body: bodyOf(CLAIM, { pool }),
  expected: '"status":"RUNNING","assignedCluster":{"name":"',
});
// The claims take the clusters that this query lists first: on a fast machine all ten are locked.
const poolQuery = {
  body: bodyOf(POOL, { pool: 'fleet' }),
  expected: '"clusters":{"edges":[{"node":{"name":"fleet-1","status":"',
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      profile: { type: 'string' },
      rounds: { type: 'string' },
    },
  });
  const chosen = values.quick ? QUICK : FULL;
  const plan = { ...chosen, rounds: Math.min(Number(values.rounds ?? chosen.rounds), 9) };
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-bench-'));
  const tooLong = setTimeout(() => {
    rmSync(folder, { recursive: true, force: true });
    throw new Error('the bench takes too long');
  }, LONGEST_MS);
  try {
    await bench(plan, folder, values.profile);
  } finally {
    clearTimeout(tooLong);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function bench(plan: Plan, folder: string, profile: string | undefined): Promise<void> {
  const smalls = Array.from({ length: plan.rounds }, (_, round) => `small-${round + 1}`);
  const server = await startServer({ folder, pools: ['fleet', 'large', ...smalls], profile });
  try {
    const began = performance.now();
    await fill(server, [
      { pool: 'fleet', size: plan.large },
      { pool: 'large', size: plan.large },
      ...smalls.map((pool) => ({ pool, size: plan.small })),
    ]);
    const filledIn = (performance.now() - began) / 1_000;
    describe(plan, filledIn);
    report(plan, await runRounds(plan, folder, server));
  } finally {
    await server.stop();
  }
}

async function runRounds(plan: Plan, folder: string, server: ServerProcess): Promise<Round[]> {
  const first = await Line.open(server.address);
  const others = await Promise.all(Array.from({ length: 63 }, () => Line.open(server.address)));
  const [one, lines] = [[first], [first, ...others]];
  const { seconds } = plan;
  const claimsAtMost = claimsOf(plan);
  const measure = (on: readonly Line[], load: Load) => measureServer(server, on, load);
  const claim = { ...claimOf('fleet'), seconds, atMost: claimsAtMost };
  const query = { ...poolQuery, seconds, atMost: 1e6 };
  // The compiler of the engine and the caches of the file system are part of no figure.
  for (const load of [claim, query]) {
    await drive(lines, { ...load, atMost: claimsAtMost / 4 });
  }
  const rounds: Round[] = [];
  for (let round = 1; round <= plan.rounds; round += 1) {
    rounds.push({
      raw: measureRaw(folder, seconds),
      claim1: await measure(one, { ...claim, atMost: claimsAtMost / 5 }),
      claim64: await measure(lines, claim),
      ...(await comparePools(first, `small-${round}`, plan.pairs)),
      query1: await measure(one, query),
      query64: await measure(lines, query),
    });
  }
  for (const line of lines) line.close();
  return rounds;
}

/**
 * Claims of one measurement at most, so that no machine is fast enough to empty the pool: a quarter
 * of them warms up, and each round makes as many at 64 connections and a fifth as many at one.
 */
function claimsOf({ large, rounds }: Plan): number {
  return Math.floor(large / (0.25 + 1.2 * rounds));
}

async function measureServer(
  server: ServerProcess,
  lines: readonly Line[],
  load: Load,
): Promise<Measured> {
  const cpu = server.cpuSeconds();
  const began = performance.now();
  const latencies = await drive(lines, load);
  const seconds = (performance.now() - began) / 1_000;
  return measured(latencies, seconds, server.cpuSeconds() - cpu);
}

const rawFigures = z.object({
  perSecond: z.number(),
  perCpuSecond: z.number(),
  p50: z.number(),
  p99: z.number(),
});

function measureRaw(folder: string, seconds: number): Measured {
  const script = join(import.meta.dirname, 'raw.ts');
  const [command, ...args] = pinned('server', [process.execPath, script, folder, `${seconds}`]);
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the raw transaction failed: ${stderr}`);
  return rawFigures.parse(JSON.parse(stdout));
}

/** Claims in turn from the large and from a small pool; answers the median of each, in ms. */
async function comparePools(
  line: Line,
  small: string,
  pairs: number,
): Promise<Pick<Round, 'fromLarge' | 'fromSmall'>> {
  const times = { large: [] as number[], small: [] as number[] };
  for (let n = 0; n < pairs; n += 1) {
    const large = async () => times.large.push(await timed(line, claimOf('large')));
    const other = async () => times.small.push(await timed(line, claimOf(small)));
    for (const claim of n % 2 === 0 ? [large, other] : [other, large]) await claim();
  }
  return { fromLarge: median(times.large), fromSmall: median(times.small) };
}

await main();
