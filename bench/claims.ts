/**
 * Claims through the whole path, beside what SQLite alone can do on the same disk: a guarded
 * update and an insert. And that a claim takes as long from a large pool as from a small one.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { median, shown, type Measured } from './figures.ts';
import { fill } from './fill.ts';
import { bodyOf, drive, Line, measureLoad, timed, type Load } from './load.ts';
import { pinned } from './machine.ts';
import { tableOf, type Outcome, type Run } from './outcome.ts';
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

/** What one round found. */
interface Round {
  readonly raw: Measured;
  readonly claim1: Measured;
  readonly claim64: Measured;
  readonly query1: Measured;
  readonly query64: Measured;
  /** Medians of claims from the large and the small pool, in milliseconds. */
  readonly fromLarge: number;
  readonly fromSmall: number;
}

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

/** Runs all rounds on a server with two large pools and a small one for each round. */
export async function benchClaims(run: Run): Promise<Outcome> {
  const plan: Plan = run.isQuick
    ? { rounds: 1, seconds: 0.2, large: 2_000, small: 100, pairs: 10 }
    : { rounds: run.rounds, seconds: 2, large: 100_000, small: 100, pairs: 90 };
  const smalls = Array.from({ length: plan.rounds }, (_, round) => `small-${round + 1}`);
  const names = ['fleet', 'large', ...smalls];
  const pools = names.map((name) => ({ name, size: 1 }));
  const server = await startServer({ ...run, name: 'claims', pools });
  try {
    const began = performance.now();
    const sizeOf = (name: string) => (smalls.includes(name) ? plan.small : plan.large);
    await fill(
      server,
      names.map((pool) => ({ pool, size: sizeOf(pool) })),
    );
    const filledIn = (performance.now() - began) / 1_000;
    return outcomeOf(plan, filledIn, await runRounds(plan, run.folder, server));
  } finally {
    await server.stop();
  }
}

function outcomeOf(plan: Plan, filledIn: number, rounds: readonly Round[]): Outcome {
  const ratio = (name: string, of: (round: Round) => number) => ({ name, values: rounds.map(of) });
  const large = plan.large.toLocaleString('en');
  return {
    title: 'Claims',
    notes: [
      `2 pools of the simulator with ${large} clusters each, small pools of ${plan.small}; ` +
        `two VMs a cluster.`,
      `All clusters but the first of a pool are copied rows (${shown(filledIn)} s);`,
      'the server runs with all its loops and its log on.',
    ],
    findings: [
      ratio(
        'claims at 64 connections / raw transactions',
        (r) => r.claim64.perSecond / r.raw.perSecond,
      ),
      ratio('the same per CPU second', (r) => r.claim64.perCpuSecond / r.raw.perCpuSecond),
      ratio(
        `p50 of a claim from ${large} / a claim from ${plan.small}`,
        (r) => r.fromLarge / r.fromSmall,
      ),
    ],
    tables: [
      tableOf(rounds, {
        'raw transaction, one by one': (r) => r.raw,
        'claim, 1 connection': (r) => r.claim1,
        'claim, 64 connections': (r) => r.claim64,
        'pool query, 1 connection': (r) => r.query1,
        'pool query, 64 connections': (r) => r.query64,
      }),
    ],
  };
}

async function runRounds(plan: Plan, folder: string, server: ServerProcess): Promise<Round[]> {
  const first = await Line.open(server.address);
  const others = await Line.openMany(server.address, 63);
  const [one, lines] = [[first], [first, ...others]];
  const { seconds } = plan;
  const claimsAtMost = claimsOf(plan);
  const measure = (on: readonly Line[], load: Load) => measureLoad(server, on, load);
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

const rawFigures = z.object({
  perSecond: z.number(),
  perCpuSecond: z.number(),
  p50: z.number(),
  p99: z.number(),
});

function measureRaw(folder: string, seconds: number): Measured {
  const script = join(import.meta.dirname, 'raw-transaction.ts');
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
