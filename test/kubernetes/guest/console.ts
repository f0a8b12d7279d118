import type { Duplex } from 'node:stream';
import { connectionPair } from './streams.ts';

/** The serial console of a machine: what the guest logs, an echo, and a prompt after each line. */
export interface SerialConsole {
  write(line: string): void;
  /** A new viewer; it first sees what was written so far. */
  open(prompt: () => string): Duplex;
  close(): void;
}

/** Lines that are kept for later viewers. */
const MOST_LINES = 500;

/** Makes the console of a machine. */
export function makeConsole(): SerialConsole {
  const lines: string[] = [];
  const viewers = new Set<Duplex>();
  return {
    write(line) {
      lines.push(`${line}\r\n`);
      if (lines.length > MOST_LINES) lines.shift();
      for (const viewer of viewers) viewer.write(`${line}\r\n`);
    },
    open(prompt) {
      const [near, far] = connectionPair();
      viewers.add(near);
      near.on('close', () => viewers.delete(near));
      near.on('error', () => undefined);
      near.write(lines.join(''));
      near.setEncoding('utf8');
      near.on('data', (typed: string) =>
        near.write(typed.replaceAll(/\r\n?|\n/g, () => `\r\n${prompt()}`)),
      );
      return far;
    },
    close() {
      for (const viewer of viewers) viewer.destroy();
      viewers.clear();
    },
  };
}
