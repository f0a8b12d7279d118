import type { LogChange, LogPage } from './history-documents.ts';

/** No more than so many lines of the log are kept. */
export const MOST_ENTRIES = 1_000;

/** A line of the log, as this page has it. */
export interface Entry {
  /** Which line of this page it is; no two have the same, whatever is loaded anew. */
  readonly key: number;
  readonly change: LogChange;
}

/**
 * What is known of the log: a stretch of it without gaps.
 *
 * Its life: it is loaded, page by page, from the newest back. What happens then comes on top, or,
 * while it is held, waits in the same order. At most so many lines are kept: what comes on top
 * pushes the oldest out, and what is fetched at the end pushes the newest out. A log without its
 * newest lines can only be loaded anew.
 */
export interface Rows {
  /** What is shown, newest first. */
  readonly entries: readonly Entry[];
  /** What has come while it was held, newest first: the newest of it. */
  readonly waiting: readonly Entry[];
  /** How much has come while it was held. */
  readonly waitingCount: number;
  /** Whether the newest lines, up to those that wait, are there. */
  readonly hasNewest: boolean;
  /** Whether there are older ones that can be fetched. */
  readonly hasOlder: boolean;
  /** Behind which position older ones come; null when the end was pushed out. */
  readonly end: string | null;
}

/** Before anything was loaded. */
export const NO_ROWS: Rows = {
  entries: [],
  waiting: [],
  waitingCount: 0,
  hasNewest: true,
  hasOlder: false,
  end: null,
};

/** Numbers lines of the log. */
export class Numbering {
  #last = 0;

  /** Lines of the log for changes, in the same order. */
  number(changes: readonly LogChange[]): Entry[] {
    return changes.map((change) => {
      this.#last += 1;
      return { key: this.#last, change };
    });
  }
}

/** A page of older lines comes at the end; of a log that is empty, it is the newest. */
export function withOlder(rows: Rows, page: LogPage, numbering: Numbering): Rows {
  const { edges, pageInfo } = page.changeLog;
  const more = numbering.number(edges.map(({ node }) => node));
  const entries = [...rows.entries, ...more];
  const isFull = entries.length > MOST_ENTRIES;
  return {
    ...rows,
    entries: isFull ? entries.slice(-MOST_ENTRIES) : entries,
    hasNewest: rows.hasNewest && !isFull,
    hasOlder: pageInfo.hasNextPage,
    end: pageInfo.endCursor ?? rows.end,
  };
}

/** What has just happened, newest first, comes on top, or waits. */
export function withNew(rows: Rows, news: readonly Entry[], isHeld: boolean): Rows {
  if (news.length === 0) return rows;
  if (!isHeld) return onTop(rows, news);
  const waiting = [...news, ...rows.waiting].slice(0, MOST_ENTRIES);
  return { ...rows, waiting, waitingCount: rows.waitingCount + news.length };
}

/** What has waited comes on top. */
export function released(rows: Rows): Rows {
  if (rows.waitingCount === 0) return rows;
  const { waiting, waitingCount } = rows;
  // Where some of it was pushed out, nothing that was shown before is next to what is left.
  const isWhole = waitingCount === waiting.length;
  const before = isWhole ? rows : { ...rows, entries: [], hasOlder: true, end: null };
  return onTop({ ...before, waiting: [], waitingCount: 0 }, waiting);
}

function onTop(rows: Rows, news: readonly Entry[]): Rows {
  const entries = [...news, ...rows.entries];
  if (entries.length <= MOST_ENTRIES) return { ...rows, entries };
  return { ...rows, entries: entries.slice(0, MOST_ENTRIES), hasOlder: true, end: null };
}
