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
import { update, updateOf } from './watched-pool.ts';

const POOL = 'status';
const OTHER_POOL = 'other';
const CLUSTERS = 10;
const CONNECTIONS = 32;
const COMMITS_PER_SECOND = 100;
/** More than the server keeps answers of. */
const UNLIKE_REQUESTS = 200;
const OURS = 'Snapyard';
const BUSY = `Snapyard, ${COMMITS_PER_SECOND} commits a second`;
const UNLIKE = 'Snapyard, no two requests alike';
const RAW = 'node:http, parse and stringify';
const GOAL = 0.6;

const STATUS = `query Status($pool: String!) {
  clusterPool(name: $pool) {
    id name provider size strategy replenishPaused template { name templateVersion }
    stats { availableClusters lockedClusters queuedSessions }
    clusters(first: 10) { edges { node { name status statusMessage } } }
  }
}`;

/** Somebody who answers, and what makes it harder. */
interface Contender {
  readonly server: PinnedProcess;
  readonly unlike?: number;
  readonly isBusy?: boolean;
}

type Round = ReadonlyMap<string, Measured>;

/** Asks all of them the same, in turn. */
export async function benchStatusQuery(run: Run): Promise<Outcome> {
  const pools = [
    { name: POOL, size: CLUSTERS },
    { name: OTHER_POOL, size: 1 },
  ];
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
    const contenders = new Map<string, Contender>(
      [...running].map(([name, server]) => [name, { server }]),
    );
    contenders.set(BUSY, { server: ours, isBusy: true });
    contenders.set(UNLIKE, { server: ours, unlike: UNLIKE_REQUESTS });
    return outcomeOf(isWhole, answer, await runRounds(run, contenders, answer));
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
  contenders: ReadonlyMap<string, Contender>,
  answer: string,
): Promise<Round[]> {
  const seconds = isQuick ? 0.1 : 1.5;
  // Whoever answers anything else does less; ours also says what the query costs.
  const expected = dataOf(answer);
  const load = { body: bodyOf(STATUS, { pool: POOL }), expected, seconds, atMost: 1e6 };
  const found: Round[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const measured = new Map<string, Measured>();
    for (const [name, { server, isBusy = false, unlike = 1 }] of contenders) {
      const lines = await Line.openMany(server.address, CONNECTIONS);
      const stop = isBusy ? await commitAllTheWhile(server) : () => undefined;
      await drive(lines, { ...load, unlike, seconds: seconds / 4 });
      measured.set(name, await measureLoad(server, lines, { ...load, unlike }));
      await stop();
      for (const line of lines) line.close();
    }
    // The first is for the compiler of the engine.
    if (round > 0) found.push(measured);
  }
  return found;
}

/** Changes another pool at a steady rate; answers what ends that. */
async function commitAllTheWhile({ address }: PinnedProcess): Promise<() => Promise<void>> {
  const line = await Line.open(address);
  const body = updateOf(OTHER_POOL);
  let last: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    last = last.then(() => update(line, body));
  }, 1_000 / COMMITS_PER_SECOND);
  return async () => {
    clearInterval(timer);
    await last;
    line.close();
  };
}

/** What must be in every answer, in the very same words. */
function dataOf(answer: string): string {
  const { data } = JSON.parse(answer) as { readonly data: object };
  return `"data":${JSON.stringify(data)}`;
}

function outcomeOf(isWhole: boolean, answer: string, rounds: readonly Round[]): Outcome {
  const names = [...(rounds[0]?.keys() ?? [])];
  const mine = [OURS, BUSY, UNLIKE];
  const ratio = (own: string, other: string, of = (one: Measured) => one.perCpuSecond) =>
    rounds.map((round) => of(figure(round, own)) / of(figure(round, other)));
  const findings: Finding[] = [
    { name: `per CPU second, of ${RAW}`, values: ratio(OURS, RAW), goal: { atLeast: GOAL } },
    { name: '  the same by the clock', values: ratio(OURS, RAW, (one) => one.perSecond) },
    { name: `  with ${COMMITS_PER_SECOND} commits a second meanwhile`, values: ratio(BUSY, RAW) },
    { name: '  no two requests alike: nothing to keep', values: ratio(UNLIKE, RAW) },
    ...names
      .filter((name) => name !== RAW && !mine.includes(name))
      .map((name) => ({ name: `per CPU second, of ${name}`, values: ratio(OURS, name) })),
  ];
  const left = 'Others that serve GraphQL are left out: not installed, and could or should not be.';
  return {
    title: `A pool's status by HTTP, ${CONNECTIONS} connections: ours / others`,
    notes: [
      `All answer the same ${Buffer.byteLength(dataOf(answer))} bytes to the same query; who does`,
      'not ends the run. The others have the answer in memory and check nothing. Ours checks',
      'rights and limits and reads SQLite; it keeps an answer for those who ask the very same,',
      'until the next commit and 50 ms at most. With commits it makes those too; where no two',
      'requests are alike (in their spaces) it makes every answer anew.',
      ...(isWhole ? [] : [left]),
    ],
    findings,
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
