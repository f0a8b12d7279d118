/**
 * One process of the check of the feed: plays seeds and prints a line of JSON for each.
 * `node test/feed/check.ts FIRST COUNT [STEP]`
 */
import { play } from './play.ts';

const [first = 1, count = 1, step = 1] = process.argv.slice(2).map(Number);
let escaped: string[] = [];
process.on('unhandledRejection', (error) => {
  escaped.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
});

for (let n = 0; n < count; n += 1) {
  const seed = first + n * step;
  const { faults, story, counts } = await play(seed);
  const all = [...faults, ...escaped.map((text) => `a fault of the server: ${text}`)];
  escaped = [];
  const played =
    all.length > 0 ? { seed, counts, faults: all.slice(0, 5), story } : { seed, counts };
  process.stdout.write(`${JSON.stringify(played)}\n`);
}
