/**
 * The same fan-out by `clusterUpdated`: each claim of a free cluster is one message to everybody.
 * The clusters of a pool are claimed one by one; each round has pools of its own.
 */
import { Audience } from './audience.ts';
import { fireRaw, gatherRaw, lineOf, type Pair, type Servers } from './broadcast.ts';
import type { ClusterRounds } from './fan-out-report.ts';
import { CLOSED_LOOP, type Channel, flow } from './flow.ts';
import { bodyOf, Line, waitForFree } from './load.ts';
import type { PoolWish } from './server-process.ts';
import type { Wish } from './subscriber.ts';
import { longest } from './watched-pool.ts';

/** How much is measured. */
interface Plan {
  readonly size: number;
  readonly rounds: number;
  readonly clusters: number;
}

const WATCH = `subscription Clusters($pool: String!) {
  clusterUpdated(pool: $pool) { id name namespace status statusMessage version lockTime lastReset }
}`;
const CLAIM = `mutation Claim($pool: String!) {
  createSession(input: { pool: $pool }) { __typename ... on Session { id } }
}`;

const watchedPool = (round: number) => `seen-${round}`;
const unwatchedPool = (round: number) => `unseen-${round}`;

/** The pools that are needed. */
export function clusterPools({ rounds, clusters }: Omit<Plan, 'size'>): PoolWish[] {
  const all = Array.from({ length: rounds }, (_, n) => [watchedPool(n), unwatchedPool(n)]);
  return all.flat().map((name) => ({ name, size: clusters }));
}

/** Claims all clusters of each round's pools, watched and not. */
export async function benchClusters(servers: Servers, plan: Plan): Promise<ClusterRounds> {
  const lines = await Line.openMany(servers.ours.address, CLOSED_LOOP.makers);
  const rawLines = await Line.openMany(servers.raw.address, CLOSED_LOOP.makers);
  const raw = { server: servers.raw, fire: fireRaw(rawLines, CLAIM), audience: undefined };
  const [watched, alone]: [Pair[], Pair[]] = [[], []];
  for (let round = 0; round < plan.rounds; round += 1) {
    const pool = unwatchedPool(round);
    await waitForFree(lineOf(lines, 0), pool, plan.clusters);
    alone.push(await claimAll(channelOf(servers, lines, pool), raw, plan));
  }
  const rawAudience = await gatherRaw(servers.raw, plan.size);
  let text = '';
  for (let round = 0; round < plan.rounds; round += 1) {
    const pool = watchedPool(round);
    await waitForFree(lineOf(lines, 0), pool, plan.clusters);
    const wish = wishOf(servers.ours.address, pool, plan.clusters);
    const audience = await Audience.gather(wish, plan.size, { keepOneIn: plan.size });
    text = longest(audience.kept[0] ?? []);
    const ours = { ...channelOf(servers, lines, pool), audience };
    const other = { ...raw, fire: fireRaw(rawLines, text), audience: rawAudience };
    watched.push(await claimAll(ours, other, plan));
    audience.close();
  }
  for (const one of [rawAudience, ...lines, ...rawLines]) one.close();
  return { size: plan.size, bytes: Buffer.byteLength(text), watched, alone };
}

/** As many events as there are clusters, first ours, then of the other. */
async function claimAll(ours: Channel, raw: Channel, { clusters }: Plan): Promise<Pair> {
  const most = { seconds: Infinity, events: clusters };
  return {
    ours: await flow(ours, CLOSED_LOOP, most),
    raw: await flow(raw, CLOSED_LOOP, most),
  };
}

function channelOf({ ours }: Servers, lines: readonly Line[], pool: string): Channel {
  const body = bodyOf(CLAIM, { pool });
  const fire = async (n: number) => {
    const answer = await lineOf(lines, n).ask(body);
    if (!answer.includes('"__typename":"Session"')) throw new Error(`no claim: ${answer}`);
  };
  return { server: ours, fire, audience: undefined };
}

/** Everybody gets all clusters first; then what counts is that one of them is locked. */
function wishOf(address: string, pool: string, clusters: number): Wish {
  const operation = { query: WATCH, variables: { pool } };
  return { address, operation, first: clusters, marker: '"status":"LOCKED"' };
}
