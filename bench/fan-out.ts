/**
 * One change to many subscribers: ours, with commit, rights, GraphQL and graphql-ws, beside a
 * broadcast of as many bytes by `ws.send`. And what an idle subscriber holds.
 */
import { Audience } from './audience.ts';
import {
  fireRaw,
  gatherRaw,
  lineOf,
  startBroadcast,
  type Pair,
  type Servers,
} from './broadcast.ts';
import { benchClusters, clusterPools } from './cluster-fan-out.ts';
import { type AudienceRound, outcomeOf } from './fan-out-report.ts';
import { BURSTS, CLOSED_LOOP, type Channel, flow, type Pace } from './flow.ts';
import { Line } from './load.ts';
import type { Outcome, Run } from './outcome.ts';
import { startServer, type ServerProcess } from './server-process.ts';
import { assertComplete, changesOf, longest, update, updateOf } from './watched-pool.ts';

/** How much is measured. */
interface Plan {
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  /** Clusters of the pools that are watched by `clusterUpdated`. */
  readonly clusters: number;
}

const POOL = 'watched';
const KEEP_ONE_IN = 100;
const CONNECTIONS = 32;

/** Measures all sizes of the audience. */
export async function benchFanOut(run: Run): Promise<Outcome> {
  const plan: Plan = run.isQuick
    ? { sizes: [20], rounds: 1, seconds: 0.1, clusters: 4 }
    : { sizes: [1_000, 5_000], rounds: Math.min(run.rounds, 3), seconds: 1.2, clusters: 16 };
  const pools = [{ name: POOL, size: 1 }, ...clusterPools(plan)];
  const ours = await startServer({ ...run, name: 'fan-out', pools });
  const raw = await startBroadcast(run.folder);
  const servers = { ours, raw };
  try {
    const found: AudienceRound[] = [];
    const failures: string[] = [];
    for (const size of plan.sizes) {
      await benchSize(servers, plan, size).then(
        (round) => void found.push(round),
        (error: unknown) =>
          void failures.push(`${size} subscribers: NOT MEASURED, ${String(error)}`),
      );
    }
    const clusters = await benchClusters(servers, { ...plan, size: plan.sizes[0] ?? 0 });
    return outcomeOf(found, clusters, failures);
  } finally {
    await Promise.all([ours.stop(), raw.stop()]);
  }
}

type Channels = Readonly<Record<'ours' | 'raw', Channel>>;

async function benchSize(servers: Servers, plan: Plan, size: number): Promise<AudienceRound> {
  const { ours, raw } = servers;
  // The compiler of the engine is part of no figure.
  await inTurn(servers, {}, { ...plan, rounds: 1 });
  const alone = await inTurn(servers, {}, plan);
  const before = await ours.memory();
  const wish = changesOf(ours.address, POOL);
  const audience = await Audience.gather(wish, size, { keepOneIn: KEEP_ONE_IN });
  const after = await ours.memory();
  const rawAudience = await gatherRaw(raw, size);
  const text = await firstMessage(ours, audience);
  const watched = await inTurn(servers, { ours: audience, raw: rawAudience, text }, plan);
  for (const texts of audience.kept) assertComplete(texts, POOL, audience.counted / size);
  for (const one of [audience, rawAudience]) one.close();
  return {
    size,
    bytes: Buffer.byteLength(text),
    closed: { watched: watched.closed, alone: alone.closed },
    bursts: { watched: watched.bursts, alone: alone.bursts },
    heap: (after.heapUsed - before.heapUsed) / size,
    resident: (after.rss - before.rss) / size,
  };
}

/** Has one change made and delivered, to see how long a message is. */
async function firstMessage(ours: ServerProcess, audience: Audience): Promise<string> {
  const line = await Line.open(ours.address);
  const fire = async () => void (await update(line, updateOf(POOL)));
  const one = { makers: 1, atOnce: 1 };
  await flow({ server: ours, fire, audience }, one, { seconds: 0, events: 1 });
  line.close();
  return longest(audience.kept[0] ?? []);
}

/** Who watches, and what the broadcast sends to those who watch it. */
interface Watching {
  readonly ours?: Audience;
  readonly raw?: Audience;
  readonly text?: string;
}

/** All rounds of both paces, ours and the other in turn. */
async function inTurn(
  { ours, raw }: Servers,
  watching: Watching,
  plan: Plan,
): Promise<{ readonly closed: Pair[]; readonly bursts: Pair[] }> {
  const lines = await Line.openMany(ours.address, CONNECTIONS);
  const rawLines = await Line.openMany(raw.address, CONNECTIONS);
  const body = updateOf(POOL);
  const fire = async (n: number) => void (await update(lineOf(lines, n), body));
  const fireOther = fireRaw(rawLines, watching.text ?? body);
  const channels: Channels = {
    ours: { server: ours, fire, audience: watching.ours },
    raw: { server: raw, fire: fireOther, audience: watching.raw },
  };
  const most = { seconds: plan.seconds, events: Infinity };
  const both = async (pace: Pace): Promise<Pair> => ({
    ours: await flow(channels.ours, pace, most),
    raw: await flow(channels.raw, pace, most),
  });
  const [closed, bursts]: [Pair[], Pair[]] = [[], []];
  for (let round = 0; round < plan.rounds; round += 1) {
    closed.push(await both(CLOSED_LOOP));
    bursts.push(await both(BURSTS));
  }
  for (const line of [...lines, ...rawLines]) line.close();
  return { closed, bursts };
}
