import { StringDecoder } from 'node:string_decoder';

/** What a terminal is made of. */
export interface TerminalParts {
  readonly prompt: string;
  /** Runs a line; answers what it prints, with line feeds at the ends of lines. */
  readonly run: (line: string) => string;
}

const LONGEST_LINE = 4_096;
const MOST_REMEMBERED = 100;
const CONTROL_C = '\u0003';
const CONTROL_L = '\u000c';
const CONTROL_U = '\u0015';
const ESCAPE = '\u001b';
const UP = `${ESCAPE}[A`;
const DOWN = `${ESCAPE}[B`;
const CLEAR = `${ESCAPE}[H${ESCAPE}[2J`;

/** Keys as terminals send them: a sequence that begins with ESC is one key. */
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const KEYS = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.|$)|\r\n|[^]/gu;

/**
 * The line discipline of a terminal and as much of a shell as a first try needs: it shows what is
 * typed, takes it back, remembers lines, and runs them.
 */
export class Terminal {
  readonly #parts: TerminalParts;
  readonly #decoder = new StringDecoder('utf8');
  readonly #lines: (readonly string[])[] = [];
  #recalled = 0;
  /** Character by character. */
  #line: readonly string[] = [];

  constructor(parts: TerminalParts) {
    this.#parts = parts;
  }

  /** Takes what is typed; answers what is shown of it. */
  type(bytes: Buffer): string {
    const keys = this.#decoder.write(bytes).match(KEYS) ?? [];
    return keys.map((key) => this.#press(key)).join('');
  }

  #press(key: string): string {
    if (key === '\r' || key === '\n' || key === '\r\n') return this.#enter();
    if (key === '\u007f' || key === '\b') return this.#eraseOne();
    if (key === CONTROL_C) return `^C${this.#begin()}`;
    if (key === CONTROL_U) return this.#replace([]);
    if (key === CONTROL_L) return `${CLEAR}${this.#parts.prompt}${this.#line.join('')}`;
    if (key === UP) return this.#recall(-1);
    if (key === DOWN) return this.#recall(1);
    return this.#add(key);
  }

  #add(key: string): string {
    const isShown = key >= ' ' && key.length <= 2 && this.#line.length < LONGEST_LINE;
    if (!isShown) return '';
    this.#line = [...this.#line, key];
    return key;
  }

  #enter(): string {
    const line = this.#line.join('');
    if (line.trim() !== '') this.#remember(this.#line);
    this.#line = [];
    if (line.trim() === 'clear') return `${CLEAR}${this.#parts.prompt}`;
    const printed = this.#parts.run(line).replaceAll('\n', '\r\n');
    return `\r\n${printed}${this.#parts.prompt}`;
  }

  #remember(line: readonly string[]): void {
    this.#lines.push(line);
    if (this.#lines.length > MOST_REMEMBERED) this.#lines.shift();
    this.#recalled = this.#lines.length;
  }

  #begin(): string {
    this.#line = [];
    return `\r\n${this.#parts.prompt}`;
  }

  #eraseOne(): string {
    if (this.#line.length === 0) return '';
    this.#line = this.#line.slice(0, -1);
    return '\b \b';
  }

  #replace(line: readonly string[]): string {
    const erased = '\b \b'.repeat(this.#line.length);
    this.#line = line;
    return `${erased}${line.join('')}`;
  }

  #recall(by: number): string {
    const at = Math.min(Math.max(this.#recalled + by, 0), this.#lines.length);
    this.#recalled = at;
    return this.#replace(this.#lines[at] ?? []);
  }
}
