import { play } from './play.ts';
import type { Bug } from './ports.ts';

/** Where a planted bug was found. */
export interface Found {
  readonly bug: string;
  readonly breaks: string;
  readonly seed: number;
  /** What gave it away. */
  readonly fault: string;
}

/** Plays with a bug until it is found; undefined when so many seeds have not shown it. */
export async function hunt(bug: Bug, first: number, seeds: number): Promise<Found | undefined> {
  for (let seed = first; seed < first + seeds; seed += 1) {
    const { faults } = await play(seed, bug);
    const [fault] = faults;
    if (fault !== undefined) return { bug: bug.name, breaks: bug.breaks, seed, fault };
  }
  return undefined;
}
