import type { Duplex } from 'node:stream';

/** Somebody before a serial line, who reads and types. */
export interface Typist {
  /** All that was ever on the line. */
  readonly seen: () => string;
  readonly type: (text: string) => void;
  /** Resolves when that is on the line, in what came since the last time; fails at its end. */
  readonly until: (what: RegExp) => Promise<void>;
  readonly hangUp: () => void;
  /** Resolves when the line has ended. */
  readonly end: Promise<void>;
}

/** Sits down before a line. */
export function typistAt(line: Duplex): Typist {
  let seen = '';
  let from = 0;
  const looks = new Set<() => void>();
  const look = () => looks.forEach((each) => each());
  line.on('data', (chunk: Buffer) => {
    seen += chunk.toString('utf8');
    look();
  });
  const end = new Promise<void>((resolve) => {
    for (const name of ['end', 'close']) line.once(name, resolve);
  });
  line.once('close', look);
  const until = (what: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const isOver = () => {
        const found = what.exec(seen.slice(from));
        if (found !== null) {
          from += found.index + found[0].length;
          resolve();
        } else if (line.destroyed) reject(new Error(`no ${what} on the line: ${seen}`));
        else return;
        looks.delete(isOver);
      };
      looks.add(isOver);
      isOver();
    });
  const type = (text: string) => void (line.writable && line.write(text));
  return { seen: () => seen, type, until, hangUp: () => line.destroy(), end };
}
