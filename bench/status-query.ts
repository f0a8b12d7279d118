/**
 * The status of a pool by HTTP, as a dashboard asks for it: our server, which reads its database
 * for each answer, beside others that have the very same answer in memory.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Measured } from './figures.ts';
import { bodyOf, drive, Line, measureLoad, waitForFree } from './load.ts';
import { type Finding, type Outcome, type Run, tableOf } from './outcome.ts';
import { havePeers, startPeers } from './peers.ts';
import { launch, type PinnedProcess } from './pinned-process.ts';
import { startServer } from './server-process.ts';

const POOL = 'status';
const CLUSTERS = 10;
const CONNECTIONS = 32;
const OURS = 'Snapyard, from its database';
const RAW = 'node:http, parse and stringify';
const GOAL = 0.6;

const STATUS = `query Status($pool: String!) {
  clusterPool(name: $pool) {
    id name provider size strategy replenishPaused template { name templateVersion }
    stats { availableClusters lockedClusters queuedSessions }
    clusters(first: 10) { edges { node { name status statusMessage } } }
  }
}`;

type Round = ReadonlyMap<string, Measured>;

/** Asks all of them the same, in turn. */
export async function benchStatusQuery(run: Run): Promise<Outcome> {
  const pools = [{ name: POOL, size: CLUSTERS }];
  const ours = await startServer({ ...run, name: 'http', pools });
  const running = new Map<string, PinnedProcess>([[OURS, ours]]);
  try {
    const answer = await answerOf(ours.address);
    const file = join(run.folder, 'status.json');
    writeFileSync(file, answer);
    const script = join(import.meta.dirname, 'raw-status.ts');
    running.set(RAW, await launch({ args: [script, file], log: join(run.folder, 'raw-http.log') }));
    const isWhole = !run.isQuick && havePeers();
    const peers = isWhole ? await startPeers(run.folder, file) : [];
    for (const [name, peer] of peers) running.set(name, peer);
    return outcomeOf(isWhole, answer, await runRounds(run, running, answer));
  } finally {
    await Promise.all([...running.values()].map((process) => process.stop()));
  }
}

async function answerOf(address: string): Promise<string> {
  const line = await Line.open(address);
  await waitForFree(line, POOL, CLUSTERS);
  const answer = await line.ask(bodyOf(STATUS, { pool: POOL }));
  line.close();
  return answer;
}

async function runRounds(
  { isQuick, rounds }: Run,
  running: ReadonlyMap<string, PinnedProcess>,
  answer: string,
): Promise<Round[]> {
  const seconds = isQuick ? 0.1 : 1.5;
  // Whoever answers anything else does less; ours also says what the query costs.
  const expected = dataOf(answer);
  const load = { body: bodyOf(STATUS, { pool: POOL }), expected, seconds, atMost: 1e6 };
  const found: Round[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const measured = new Map<string, Measured>();
    for (const [name, server] of running) {
      const lines = await Line.openMany(server.address, CONNECTIONS);
      await drive(lines, { ...load, seconds: seconds / 4 });
      measured.set(name, await measureLoad(server, lines, load));
      for (const line of lines) line.close();
    }
    // The first is for the compiler of the engine.
    if (round > 0) found.push(measured);
  }
  return found;
}

/** What must be in every answer, in the very same words. */
function dataOf(answer: string): string {
  const { data } = JSON.parse(answer) as { readonly data: object };
  return `"data":${JSON.stringify(data)}`;
}

function outcomeOf(isWhole: boolean, answer: string, rounds: readonly Round[]): Outcome {
  const names = [...(rounds[0]?.keys() ?? [])];
  const others = names.filter((name) => name !== OURS);
  const ratioTo = (other: string, of: (one: Measured) => number) =>
    rounds.map((round) => of(figure(round, OURS)) / of(figure(round, other)));
  const findings = others.map((other): Finding => ({
    name: `per CPU second, of ${other}`,
    values: ratioTo(other, (one) => one.perCpuSecond),
    ...(other === RAW ? { goal: { atLeast: GOAL } } : {}),
  }));
  const byClock = { name: `by the clock, of ${RAW}`, values: ratioTo(RAW, (m) => m.perSecond) };
  const left =
    'Others that serve GraphQL are left out: they could not be, or should not be, installed.';
  return {
    title: `A pool's status by HTTP, ${CONNECTIONS} connections: ours / others`,
    notes: [
      `All answer the same ${Buffer.byteLength(dataOf(answer))} bytes to the same query; who does`,
      'not ends the run. Ours reads SQLite, checks rights and limits; the others have the answer in',
      'memory and check nothing.',
      ...(isWhole ? [] : [left]),
    ],
    findings: [...findings, byClock],
    tables: [
      tableOf(
        rounds,
        Object.fromEntries(names.map((name) => [name, (round: Round) => figure(round, name)])),
      ),
    ],
  };
}

function figure(round: Round, name: string): Measured {
  const found = round.get(name);
  if (found === undefined) throw new Error(`nothing was measured of ${name}`);
  return found;
}
