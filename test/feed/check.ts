/**
 * One process of the check of the feed; prints a line of JSON for each seed, or each bug.
 * `node test/feed/check.ts seeds FIRST COUNT STEP` plays every STEPth of so many seeds;
 * `node test/feed/check.ts bugs FIRST COUNT STEP N` hunts every STEPth bug, from the Nth on,
 * for so many seeds.
 */
import { hunt } from './hunt.ts';
import { BUGS } from './planted/bugs.ts';
import { play } from './play.ts';

const [what, ...given] = process.argv.slice(2);
const [first = 1, count = 1, step = 1, from = 0] = given.map(Number);
let escaped: string[] = [];
process.on('unhandledRejection', (error) => {
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  escaped.push(`a fault of the server: ${said}`);
});

function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function playAll(): Promise<void> {
  for (let seed = first; seed < first + count; seed += step) {
    const { faults, story, counts } = await play(seed);
    const all = [...faults, ...escaped].slice(0, 5);
    escaped = [];
    tell(all.length > 0 ? { seed, counts, faults: all, story } : { seed, counts });
  }
}

async function huntAll(): Promise<void> {
  for (const bug of BUGS.filter((_bug, n) => n % step === from)) {
    tell((await hunt(bug, first, count)) ?? { bug: bug.name, breaks: bug.breaks });
  }
}

await (what === 'bugs' ? huntAll() : playAll());
