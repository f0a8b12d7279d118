import { expect, onTestFinished, test } from 'vitest';
import type { ControlPlane, Feed } from '../../schema/context.ts';
import { streamOf } from '../kit/ask.ts';
import { seedsOf } from '../kit/campaign.ts';
import { bearer, makeTokens, post, serve } from '../kit/served.ts';
import { hostileDocument } from './hostile-documents.ts';
import { type Outcome, sendingOverHttp, sendingOverWebSocket } from './hostile-sending.ts';

const { all, seeds } = seedsOf('hostile', 400);

/** Every answer is of some such status; 0 is an ended connection, or a WebSocket. */
const STATUSES = [0, 200, 400, 405, 406, 413, 415, 431];
const LONGEST_ANSWER = 16_384;
const MAX_GROWTH_MIB = 400;

/** Verbs that must never be called, and say which one was. */
function forbiddenVerbs(called: string[]): Partial<ControlPlane> {
  return new Proxy<Partial<ControlPlane>>(
    {},
    {
      get: (_target, name) => () => {
        called.push(String(name));
        throw new Error(`${String(name)} was executed`);
      },
    },
  );
}

/** The longest time in which nothing else could run, while something was being answered. */
function lagMeter() {
  let last = performance.now();
  let longest = 0;
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(tick, 1);
  onTestFinished(() => clearInterval(timer));
  return {
    begin: () => void (last = performance.now()),
    end: tick,
    longest: () => longest,
  };
}

/** What is wrong with an answer; undefined when it is as it must be. */
function complaint({ status, text }: Outcome): string | undefined {
  if (!STATUSES.includes(status)) return `status ${status}`;
  if (text.length > LONGEST_ANSWER) return `an answer of ${text.length} characters`;
  if (text.includes('INTERNAL')) return `a fault: ${text.slice(0, 300)}`;
  return undefined;
}

/** One document: how long it took, how much of that was work, and where to find it again. */
interface Taken {
  readonly ms: number;
  readonly cpuMs: number;
  readonly kind: string;
  readonly seed: number;
}

function quantiles(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}

function report(taken: readonly Taken[], lag: number, growth: number): void {
  console.info(`${taken.length} answers: ${quantiles(taken.map(({ ms }) => ms))}`);
  console.info(`CPU, the sender's included: ${quantiles(taken.map(({ cpuMs }) => cpuMs))}`);
  console.info(`event loop held for ${lag.toFixed(1)} ms at most; memory grew by ${growth} MiB`);
  const worst = taken.toSorted((a, b) => b.cpuMs - a.cpuMs).slice(0, 8);
  for (const { ms, cpuMs, kind, seed } of worst)
    console.info(`  ${ms.toFixed(1)} ms, CPU ${cpuMs.toFixed(1)} ms: ${kind}, seed ${seed}`);
}

test(
  `hostile documents are answered, and do nothing: seeds ${seeds[0]} to ${seeds.at(-1)}`,
  async () => {
    const called: string[] = [];
    const tokens = makeTokens();
    const feed: Partial<Feed> = { changes: () => streamOf() };
    const server = await serve({ auth: tokens.auth, verbs: forbiddenVerbs(called), feed });
    const token = tokens.add('mallory', 'VIEWER');
    const http = sendingOverHttp(server.url, token);
    const webSocket = sendingOverWebSocket(server.url, token);
    const lag = lagMeter();
    const taken: Taken[] = [];
    const before = process.memoryUsage().rss;

    for (const seed of seeds) {
      const document = hostileDocument(seed);
      const small = document.body.length < 1_000_000 && document.headers === undefined;
      const deliver = (seed % 4 === 0 && small ? webSocket : http)(document);
      lag.begin();
      const cpu = process.cpuUsage();
      const outcome = await deliver();
      const { user, system } = process.cpuUsage(cpu);
      lag.end();
      taken.push({ ms: outcome.ms, cpuMs: (user + system) / 1_000, kind: document.kind, seed });
      const wrong = [complaint(outcome), called[0], server.errors[0]?.message];
      expect(wrong, `seed ${seed}: ${document.kind}`).toEqual([undefined, undefined, undefined]);
    }

    const growth = Math.round((process.memoryUsage().rss - before) / 2 ** 20);
    if (all) report(taken, lag.longest(), growth);
    expect(growth).toBeLessThan(MAX_GROWTH_MIB);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect((await post(server, '{ cursor }', bearer(token))).json).toHaveProperty('data.cursor');
    expect(server.contexts.lent()).toBe(0);
  },
  all ? 3_600_000 : undefined,
);
