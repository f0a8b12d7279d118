/**
 * `npm run simulate -- --seed 7` plays one history of a whole server in virtual time, prints the
 * hash of its log and answers, with `--verbose` also what happened; `-- --seeds 1000 --seed 1`
 * plays so many from that one on; `-- --bugs` shows for each planted bug the seed that finds it.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { BUGS, type Bug } from './bugs.ts';
import { Broken, simulate, type Check, type Outcome } from './simulation.ts';

/** The last things that are told of a history in which something broke. */
const TOLD = 25;

/** More processes than this only wait for each other's memory. */
const MOST_WORKERS = 4;

/** What planted bugs get to be found. */
const MOST_SEEDS = 1_000;

interface Sum {
  readonly seeds: number;
  /** Those of all histories, in the order of their seeds. */
  readonly hashes: readonly string[];
  readonly calls: number;
  readonly rows: number;
  readonly deaths: number;
  readonly messages: number;
}

/** What one planted bug was found by. */
export interface Finding {
  readonly bug: Bug;
  /** Undefined when no seed found it. */
  readonly found: Broken | undefined;
}

/** Plays histories with a bug until one finds it, by any check or by one alone. */
export async function findBug(
  bug: Bug,
  { first = 1, seeds, only }: { first?: number; seeds: number; only?: Check },
): Promise<Finding> {
  for (let seed = first; seed < first + seeds; seed += 1) {
    const found = await brokenBy(seed, bug, only);
    if (found !== undefined) return { bug, found };
  }
  return { bug, found: undefined };
}

async function brokenBy(seed: number, bug: Bug, only?: Check): Promise<Broken | undefined> {
  try {
    await simulate(seed, { wrapStore: bug.wrapStore, only });
    return undefined;
  } catch (error) {
    if (error instanceof Broken) return error;
    throw error;
  }
}

/** Plays one history; what breaks is told with its way and the command that plays it again. */
async function playOne(seed: number, isVerbose: boolean): Promise<Outcome | undefined> {
  const way: string[] = [];
  const tell = (line: string) => void (isVerbose ? console.log(line) : way.push(line));
  try {
    return await simulate(seed, { tell });
  } catch (error) {
    const told = error instanceof Broken ? error.message : String((error as Error).stack);
    const before = way.slice(-TOLD).map((line) => `  ${line}`);
    console.error([`seed ${seed} broke after`, ...before, told].join('\n'));
    console.error(`again: npm run simulate -- --seed ${seed} --verbose`);
    return undefined;
  }
}

/** Plays histories one after the other; undefined as soon as something breaks. */
async function playAll(first: number, seeds: number): Promise<Sum | undefined> {
  let sum: Sum = { seeds: 0, hashes: [], calls: 0, rows: 0, deaths: 0, messages: 0 };
  for (let seed = first; seed < first + seeds; seed += 1) {
    const outcome = await playOne(seed, false);
    if (outcome === undefined) return undefined;
    sum = added(sum, { ...outcome, seeds: 1, hashes: [outcome.hash] });
  }
  return sum;
}

function added(a: Sum, b: Sum): Sum {
  return {
    seeds: a.seeds + b.seeds,
    hashes: [...a.hashes, ...b.hashes],
    calls: a.calls + b.calls,
    rows: a.rows + b.rows,
    deaths: a.deaths + b.deaths,
    messages: a.messages + b.messages,
  };
}

/** Plays histories in several processes, each with its part of the seeds. */
async function playInParallel(first: number, seeds: number): Promise<Sum | undefined> {
  const workers = Math.min(Math.max(availableParallelism(), 1), MOST_WORKERS, seeds);
  const size = Math.ceil(seeds / workers);
  const parts = Array.from({ length: workers }, (_, part) => {
    const from = part * size;
    return playElsewhere(first + from, Math.min(size, seeds - from));
  });
  const sums = await Promise.all(parts);
  return sums.reduce((a, b) => (a === undefined || b === undefined ? undefined : added(a, b)));
}

/** Plays histories in a process of its own, which prints what broke and answers by its sum. */
function playElsewhere(first: number, seeds: number): Promise<Sum | undefined> {
  const args = [import.meta.filename, '--worker', '--seed', `${first}`, '--seeds', `${seeds}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0 ? (JSON.parse(printed) as Sum) : undefined));
  });
}

async function showBugs(): Promise<boolean> {
  let isComplete = true;
  for (const bug of BUGS) {
    const { found } = await findBug(bug, { seeds: MOST_SEEDS });
    isComplete &&= found !== undefined;
    const how = found === undefined ? 'NOT FOUND' : `seed ${found.seed}, by ${found.check}`;
    console.log(`${bug.name.padEnd(27)} ${bug.guarantee.padEnd(46)} ${how}`);
    console.log(`  ${found?.lines[0] ?? `in ${MOST_SEEDS} seeds`}`);
  }
  return isComplete;
}

async function playMany(first: number, seeds: number): Promise<boolean> {
  const began = performance.now();
  const sum = await playInParallel(first, seeds);
  const seconds = Math.round((performance.now() - began) / 1_000);
  if (sum === undefined) return false;
  const { calls, rows, deaths, messages, hashes } = sum;
  const hash = createHash('sha256').update(hashes.join()).digest('hex');
  console.log(`${sum.seeds} seeds from ${first}: nothing broke in ${seconds} s; hash ${hash}`);
  console.log(`${calls} calls, ${deaths} deaths, ${rows} rows logged, ${messages} messages read`);
  return true;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string' },
      bugs: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      worker: { type: 'boolean', default: false },
    },
  });
  const first = Number(values.seed);
  if (values.bugs) return showBugs();
  if (values.worker) {
    const sum = await playAll(first, Number(values.seeds));
    console.log(JSON.stringify(sum));
    return sum !== undefined;
  }
  if (values.seeds !== undefined) return playMany(first, Number(values.seeds));
  const outcome = await playOne(first, values.verbose);
  if (outcome !== undefined) console.log(JSON.stringify(outcome));
  return outcome !== undefined;
}

if (import.meta.main && !(await main())) process.exitCode = 1;
