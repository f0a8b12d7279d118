import type { World } from '../world.ts';

/** Tells moments apart: between two commits nothing that anybody can see changes. */
export type Moment = () => number;

/** The answer of a query, serialised; undefined when it turned out not to be for keeping. */
type Kept = Promise<string | undefined>;

interface Entry {
  readonly moment: number;
  readonly until: number;
  readonly answer: Kept;
}

/**
 * Nothing that is seen changes without a commit, but what is only a look at the guests, or only
 * the clock, may: it is shown this much late.
 */
const KEEP_MS = 50;
const MOST_ENTRIES = 64;
const MOST_CHARACTERS = 65_536;

/**
 * The answers of queries that many ask at the same time, as dashboards do: made once, and given to
 * all who ask the same with the same rights until something is committed. They hold one moment of
 * the database, as every answer does, and it is still the present one.
 */
export class KeptAnswers {
  readonly #world: Pick<World, 'elapsed'>;
  readonly #moment: Moment;
  readonly #entries = new Map<string, Entry>();

  constructor(world: Pick<World, 'elapsed'>, moment: Moment) {
    this.#world = world;
    this.#moment = moment;
  }

  /** The answer to this question, if it holds for this moment; it may be on its way. */
  find(question: string): Kept | undefined {
    const entry = this.#entries.get(question);
    const holds = entry?.moment === this.#moment() && this.#world.elapsed() < entry.until;
    return holds ? entry.answer : undefined;
  }

  /**
   * Makes an answer. Only what has been a query before may be waited for by others: of a text that
   * is new nobody knows yet whether it changes something.
   */
  async make(question: string, answer: Kept): Promise<void> {
    const entry = { moment: this.#moment(), until: this.#world.elapsed() + KEEP_MS, answer };
    if (this.#entries.has(question)) this.#entries.set(question, entry);
    const made = await answer;
    if (made === undefined || made.length > MOST_CHARACTERS) this.#entries.delete(question);
    else this.#keep(question, entry);
  }

  /** Keeps an answer as the newest; the one that was kept longest goes. */
  #keep(question: string, entry: Entry): void {
    this.#entries.delete(question);
    this.#entries.set(question, entry);
    if (this.#entries.size <= MOST_ENTRIES) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
