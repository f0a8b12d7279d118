import { StringDecoder } from 'node:string_decoder';

/** What a terminal is made of. */
export interface TerminalParts {
  readonly prompt: string;
  /** Runs a line; answers what it prints, with line feeds at the ends of lines. */
  readonly run: (line: string) => string;
}

const LONGEST_LINE = 4_096;
const MOST_REMEMBERED = 100;
/** What may be shown in one go, in characters; a key that shows less counts as some of them. */
const MOST_AT_ONCE = 16_384;
const COST_OF_KEY = 32;
const COST_OF_LINE = 512;
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
 * typed, takes it back, remembers lines, and runs them. A key may show thousands of characters, so
 * what is typed is kept, and worked off in portions.
 */
export class Terminal {
  readonly #parts: TerminalParts;
  readonly #decoder = new StringDecoder('utf8');
  readonly #lines: (readonly string[])[] = [];
  #recalled = 0;
  /** Character by character. */
  #line: string[] = [];
  /** What was typed, key by key, and how many of it have been pressed. */
  #keys: readonly string[] = [];
  #pressed = 0;

  constructor(parts: TerminalParts) {
    this.#parts = parts;
  }

  /** Whether something was typed that has not been worked off. */
  get isBusy(): boolean {
    return this.#pressed < this.#keys.length;
  }

  /** Takes what is typed; `show` works it off. */
  type(bytes: Buffer): void {
    const keys = this.#decoder.write(bytes).match(KEYS) ?? [];
    this.#keys = [...this.#keys.slice(this.#pressed), ...keys];
    this.#pressed = 0;
  }

  /** Works off some of what was typed, a bounded part; answers what is shown of that. */
  show(): string {
    let shown = '';
    let cost = 0;
    while (this.isBusy && cost < MOST_AT_ONCE) {
      const key = this.#keys[this.#pressed] ?? '';
      this.#pressed += 1;
      const more = this.#press(key);
      shown += more;
      cost += Math.max(more.length, isEnter(key) ? COST_OF_LINE : COST_OF_KEY);
    }
    return shown;
  }

  #press(key: string): string {
    if (isEnter(key)) return this.#enter();
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
    this.#line.push(key);
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
    this.#line.pop();
    return '\b \b';
  }

  #replace(line: readonly string[]): string {
    const erased = '\b \b'.repeat(this.#line.length);
    this.#line = [...line];
    return `${erased}${line.join('')}`;
  }

  #recall(by: number): string {
    const at = Math.min(Math.max(this.#recalled + by, 0), this.#lines.length);
    this.#recalled = at;
    return this.#replace(this.#lines[at] ?? []);
  }
}

function isEnter(key: string): boolean {
  return key === '\r' || key === '\n' || key === '\r\n';
}
