/**
 * `npm run bench`: what the server can do, beside what can be done without it on the same machine
 * in the same minutes. Rounds of all measurements of a part follow one another, so that what else
 * the machine does falls on all of them; medians and ratios are what counts.
 *
 * `--quick` only shows that it runs. `--only <part,part>` leaves the others out. `--rounds <n>`
 * says how many. `--profile <folder>` writes profiles of the server's processor time. `--paused`
 * is a part of its own, in full size: a thousand subscribers that stop reading.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchClaims } from './claims.ts';
import { benchFanOut } from './fan-out.ts';
import { benchLatency } from './latency.ts';

import type { Outcome, Run } from './outcome.ts';
import { benchFewPaused, benchManyPaused } from './paused.ts';
import { report } from './report.ts';
import { benchStatusQuery } from './status-query.ts';

const PARTS = new Map<string, (run: Run) => Promise<Outcome>>([
  ['claims', benchClaims],
  ['fanout', benchFanOut],
  ['http', benchStatusQuery],
  ['latency', benchLatency],
  ['paused', benchFewPaused],
]);

const ROUNDS = 3;
const MOST_ROUNDS = 9;
/** Nothing here takes that long. */
const LONGEST_MS = 900_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: [...PARTS.keys()].join(',') },
      paused: { type: 'boolean', default: false },
      profile: { type: 'string' },
      rounds: { type: 'string', default: `${ROUNDS}` },
    },
  });
  const rounds = values.quick ? 1 : Math.min(Number(values.rounds), MOST_ROUNDS);
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-bench-'));
  const tooLong = setTimeout(() => {
    rmSync(folder, { recursive: true, force: true });
    throw new Error('the bench takes too long');
  }, LONGEST_MS);
  try {
    const run = { folder, rounds, isQuick: values.quick, profile: values.profile };
    const outcomes: Outcome[] = [];
    const parts = values.paused ? [benchManyPaused] : values.only.split(',').map(partOf);
    for (const part of parts) outcomes.push(await part(run).catch(notMeasured));
    report(rounds, outcomes);
    if (outcomes.some(({ failures = [] }) => failures.length > 0)) process.exitCode = 1;
  } finally {
    clearTimeout(tooLong);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A part that could not be measured is told with the others. */
function notMeasured(error: unknown): Outcome {
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { title: 'A PART WAS NOT MEASURED', notes: [], findings: [], tables: [], failures: [why] };
}

function partOf(name: string): (run: Run) => Promise<Outcome> {
  const part = PARTS.get(name);
  if (part === undefined) throw new Error(`no part ${name}: ${[...PARTS.keys()].join(', ')}`);
  return part;
}

await main();
