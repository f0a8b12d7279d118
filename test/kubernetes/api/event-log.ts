import type { World } from '../../../server/world.ts';

/** Something that happened in the simulator. */
export interface LogLine {
  /** The time of its world, as objects carry it, with milliseconds. */
  readonly at: string;
  readonly what: string;
  readonly object: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The latest lines that are kept. */
const MOST_LINES = 100_000;

/** What happened, in order. */
export class EventLog {
  readonly #world: World;
  readonly #listeners = new Set<(line: LogLine) => void>();
  #lines: LogLine[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  tell(what: string, object: string, details?: Readonly<Record<string, unknown>>): void {
    const at = new Date(this.#world.now()).toISOString();
    const line = { at, what, object, ...(details && { details }) };
    this.#lines.push(line);
    if (this.#lines.length > MOST_LINES) this.#lines = this.#lines.slice(MOST_LINES / 10);
    for (const listener of this.#listeners) listener(line);
  }

  /** All lines that are kept. */
  lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** Calls back at every new line. */
  onLine(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
