/**
 * Checks what the feed promises: `npm run check:feed -- --seeds 1000 --seed 1` plays so many
 * random runs, in virtual time; `-- --bugs` shows that each planted bug is found, within so many
 * seeds; `-- --sockets` breaks lines and kills the real server under real readers; `-- --paused`
 * has a thousand readers that do not read.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const WORKERS = 2;
const CHILD = fileURLToPath(new URL('../test/feed/check.ts', import.meta.url));

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string' },
    bugs: { type: 'boolean', default: false },
    sockets: { type: 'boolean', default: false },
    paused: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);

interface Line {
  readonly seed?: number;
  readonly counts?: Readonly<Record<string, number>>;
  readonly faults?: readonly string[];
  readonly story?: readonly string[];
  readonly bug?: string;
  readonly breaks?: string;
  readonly fault?: string;
}

/** Runs the check in several processes; answers whether all of them came to their end. */
async function work(argsOf: (n: number) => (string | number)[], take: (line: Line) => void) {
  const ends = Array.from({ length: WORKERS }, async (_, n) => {
    const args = [CHILD, ...argsOf(n).map(String)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => void child.once('exit', resolve));
    for await (const line of createInterface(child.stdout)) take(JSON.parse(line) as Line);
    return (await ended) === 0;
  });
  return (await Promise.all(ends)).every(Boolean);
}

async function playSeeds(count: number): Promise<boolean> {
  const sums = new Map<string, number>();
  const failed: number[] = [];
  let played = 0;
  const share = (n: number) => ['seeds', seed + n, count - n, WORKERS];
  const isWhole = await work(share, (line) => {
    played += 1;
    for (const [name, n] of Object.entries(line.counts ?? {}))
      sums.set(name, (sums.get(name) ?? 0) + n);
    if (line.faults !== undefined) {
      failed.push(line.seed ?? 0);
      console.log(`seed ${line.seed}:`, ...line.faults.map((fault) => `\n  ${fault}`));
      console.log(`  what happened:\n    ${line.story?.join('\n    ')}`);
    }
    if (played % 100 === 0) console.log(`${played} of ${count} seeds, ${failed.length} failed`);
  });
  const summed = [...sums].map(([name, n]) => `${n} ${name}`).join(', ');
  console.log(`${played} seeds from ${seed} on: ${summed}; failed: ${failed.join(', ') || 'none'}`);
  return isWhole && played === count && failed.length === 0;
}

async function huntBugs(count: number): Promise<boolean> {
  const missed: string[] = [];
  let hunted = 0;
  console.log('| bug | breaks | found at seed | by |\n|---|---|---|---|');
  const share = (n: number) => ['bugs', seed, count, WORKERS, n];
  const isWhole = await work(share, ({ bug, breaks, seed: at, fault }) => {
    hunted += 1;
    if (at === undefined) missed.push(bug ?? '');
    const found = at === undefined ? 'NOT FOUND |' : `${at} | ${(fault ?? '').slice(0, 90)}`;
    console.log(`| ${bug} | ${breaks} | ${found} |`);
  });
  console.log(`${hunted - missed.length} of ${hunted} bugs found, each within ${count} seeds`);
  return isWhole && hunted > 0 && missed.length === 0;
}

/** Over real sockets, at full length. */
function onSockets(file: string): boolean {
  const env = {
    ...process.env,
    SNAPYARD_CAMPAIGN: 'feed',
    SNAPYARD_SEED: values.seed,
    SNAPYARD_SEEDS: values.seeds ?? '1',
  };
  const args = ['node_modules/vitest/vitest.mjs', 'run', file];
  return spawnSync(process.execPath, args, { stdio: 'inherit', env }).status === 0;
}

async function check(): Promise<boolean> {
  if (values.sockets) return onSockets('test/story/feed-sockets.test.ts');
  if (values.paused) return onSockets('test/story/feed-paused.long.test.ts');
  if (values.bugs) return await huntBugs(Number(values.seeds ?? 1_000));
  return await playSeeds(Number(values.seeds ?? 100));
}

process.exitCode = (await check()) ? 0 : 1;
