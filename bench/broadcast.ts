/** The broadcast that ours is compared with, from the side of the load. */
import { join } from 'node:path';
import { Audience } from './audience.ts';
import type { Flow } from './flow.ts';
import type { Line } from './load.ts';
import { launch, type PinnedProcess } from './pinned-process.ts';
import type { ServerProcess } from './server-process.ts';

/** The two servers of a comparison. */
export interface Servers {
  readonly ours: ServerProcess;
  readonly raw: PinnedProcess;
}

/** Ours and the other, in the same minute. */
export interface Pair {
  readonly ours: Flow;
  readonly raw: Flow;
}

/** Starts it. */
export function startBroadcast(folder: string): Promise<PinnedProcess> {
  const script = join(import.meta.dirname, 'raw-broadcast.ts');
  return launch({ args: [script], log: join(folder, 'raw-broadcast.log') });
}

/** Its subscribers: every message counts. */
export function gatherRaw({ address }: PinnedProcess, size: number): Promise<Audience> {
  const wish = { address, operation: undefined, first: 0, marker: '' };
  return Audience.gather(wish, size, { keepOneIn: Infinity });
}

/** Has this text sent to all of them. */
export function fireRaw(lines: readonly Line[], text: string) {
  return async (n: number): Promise<void> => void (await lineOf(lines, n).ask(text));
}

/** One of some connections. */
export function lineOf(lines: readonly Line[], n: number): Line {
  const line = lines[n];
  if (line === undefined) throw new Error(`there is no connection ${n}`);
  return line;
}
