import { changesAfter, trimmedUpTo } from '../../db/change.ts';
import type { Store } from '../../db/store.ts';
import type { Change } from '../../schema/model/change.ts';

/** Rows of the log that are read at once. */
const PAGE_ROWS = 256;
/** Readers stand at few positions: at the end of the log, or behind it one by one. */
const MOST_PAGES = 16;

/**
 * Pages of the log, each read once for all readers that stand at its beginning: after a commit
 * all who are level ask for the same one. They hold until the next commit.
 */
export class LogPages {
  readonly #store: Store;
  readonly #pages = new Map<number, readonly Change[]>();

  constructor(store: Store) {
    this.#store = store;
    store.onCommit(() => this.#pages.clear());
  }

  /** The rows behind a position, whole verbs only; undefined when some of them are gone. */
  behind(position: number): readonly Change[] | undefined {
    const known = this.#pages.get(position);
    if (known !== undefined) return known;
    const rows = this.#store.read((db) =>
      trimmedUpTo(db) > position ? undefined : changesAfter(db, position, PAGE_ROWS),
    );
    if (rows === undefined) return undefined;
    if (this.#pages.size >= MOST_PAGES) this.#pages.clear();
    this.#pages.set(position, rows);
    return rows;
  }
}
