import { readSync } from 'node:fs';

/** A line that ends with a newline. */
export interface Line {
  readonly text: string;
  /** The offset of the byte after its newline. */
  readonly end: number;
  /** Whether nothing but a torn line follows. */
  readonly isLast: boolean;
}

const CHUNK = 1_048_576;
const NEWLINE = 10;

/** Reads the whole lines of a file, a piece of it at a time; what follows the last is left out. */
export function* readLines(fd: number): Generator<Line> {
  let held: Omit<Line, 'isLast'> | undefined;
  for (const line of wholeLines(fd)) {
    if (held !== undefined) yield { ...held, isLast: false };
    held = line;
  }
  if (held !== undefined) yield { ...held, isLast: true };
}

function* wholeLines(fd: number): Generator<Omit<Line, 'isLast'>> {
  const chunk = Buffer.alloc(CHUNK);
  let rest = Buffer.alloc(0);
  let start = 0;
  for (;;) {
    const count = readSync(fd, chunk, 0, CHUNK, start + rest.length);
    if (count === 0) return;
    rest = Buffer.concat([rest, chunk.subarray(0, count)]);
    let from = 0;
    for (let to = rest.indexOf(NEWLINE); to >= 0; to = rest.indexOf(NEWLINE, from)) {
      yield { text: rest.toString('utf8', from, to), end: start + to + 1 };
      from = to + 1;
    }
    rest = rest.subarray(from);
    start += from;
  }
}
