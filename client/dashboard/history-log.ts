import type { Client } from '@urql/core';
import type { ChangeFilter } from '../feed-message.ts';
import { PAST_CACHE } from '../past-cache.ts';
import { afterPause, CALM, pauseMs } from '../pause.ts';
import { isOutage } from '../refresh.ts';
import { LOG_CHANGES, LOG_PAGE, type LogMessage, type LogPage } from './history-documents.ts';
import { NO_ROWS, Numbering, released, type Rows, withNew, withOlder } from './history-rows.ts';

/** Which part of the log. */
export interface LogFilter {
  /** Only what concerns the pool of this name; null for all. */
  readonly pool: string | null;
  /** Only these kinds of things; all when there is none. */
  readonly types: NonNullable<ChangeFilter['types']>;
  /** Only the thing with this id; null for all. */
  readonly id: string | null;
}

/** What there is to show of the log. */
export interface LogView extends Omit<Rows, 'waiting' | 'end'> {
  /** LOADING until the first page is there, REFUSED when there will be none. */
  readonly state: 'LOADING' | 'FOLLOWING' | 'REFUSED';
  readonly isLoadingOlder: boolean;
  /** When it could not be followed without a gap the last time; it was loaded anew since. */
  readonly lostAt: string | null;
}

type Told = Pick<LogView, 'state' | 'isLoadingOlder' | 'lostAt'>;

const PAGE = 100;

/** Changes come faster than eyes: what comes within this time is shown together. */
const SHOW_EVERY_MS = 100;

/**
 * The log as it happens. What was there is read page by page; the first answer also tells the
 * position it was read at, and a stream of its own goes on from exactly there, through broken
 * lines: nothing is missing in between, and nothing comes twice. Where the stream must begin anew,
 * because the server no longer knows the position or something is missing, so does the log.
 */
export class HistoryLog {
  readonly #client: Client;
  readonly #filter: LogFilter;
  readonly #listeners = new Set<() => void>();
  readonly #numbering = new Numbering();
  #rows = NO_ROWS;
  #told: Told = {
    state: 'LOADING',
    isLoadingOlder: false,
    lostAt: null,
  };
  #view: LogView = { ...NO_ROWS, ...this.#told };
  #isOpen = false;
  #isHeld = false;
  /** Rises whenever it begins anew: what was asked before is of no interest then. */
  #run = 0;
  #stopStream = () => {};
  #cancelPause = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: Client, filter: LogFilter) {
    this.#client = client;
    this.#filter = filter;
  }

  /** What there is to show now; the same object until something changes. */
  readonly read = (): LogView => this.#view;

  /** Tells when there is something new to show, until the answer is called. */
  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Begins to follow the log. */
  start(): void {
    this.#isOpen = true;
    void this.#load(PAGE);
  }

  /** Ends it; it can be begun again. */
  close(): void {
    this.#isOpen = false;
    this.#leave();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Keeps what is shown as it is, and what comes waiting; or takes it in again. */
  hold(isHeld: boolean): void {
    if (this.#isHeld === isHeld) return;
    this.#isHeld = isHeld;
    if (isHeld) return;
    if (!this.#rows.hasNewest) return void this.#load(PAGE);
    this.#rows = released(this.#rows);
    this.#showNow();
  }

  /** Fetches older lines; those that the bound leaves no room for push the newest out. */
  async showOlder(): Promise<void> {
    const { end, hasOlder, entries } = this.#rows;
    if (!hasOlder || this.#told.isLoadingOlder || this.#told.state !== 'FOLLOWING') return;
    this.#tell({ isLoadingOlder: true });
    // Where the end was pushed out, all up to there is read once more, to find it.
    if (end === null) await this.#load(entries.length + PAGE);
    else await this.#append(end, this.#run);
    this.#tell({ isLoadingOlder: false });
  }

  async #append(end: string, run: number): Promise<void> {
    const page = await this.#ask(end, run);
    if (page === undefined || run !== this.#run) return;
    this.#setOlder(withOlder(this.#rows, page, this.#numbering));
  }

  /** Reads at least so many lines, if there are, and follows the log from where they begin. */
  async #load(depth: number): Promise<void> {
    this.#leave();
    const run = this.#run;
    let cursor: string | undefined;
    let rows = NO_ROWS;
    for (let read = 0; read === 0 || (rows.hasOlder && read < depth); read += PAGE) {
      const page = await this.#ask(rows.end, run);
      if (page === undefined || run !== this.#run) return;
      cursor ??= page.cursor;
      rows = withOlder(rows, page, this.#numbering);
    }
    if (cursor === undefined) return;
    this.#setOlder(rows);
    this.#tell({ state: 'FOLLOWING' });
    this.#follow(cursor);
  }

  #setOlder(rows: Rows): void {
    this.#rows = rows;
    this.#showNow();
  }

  #follow(after: string): void {
    const { pool, types } = this.#filter;
    const filter = types.length === 0 ? { pool } : { pool, types };
    const stream = this.#client.subscription(LOG_CHANGES, { after, filter }, PAST_CACHE);
    const following = stream.subscribe(({ data, error }) => {
      if (error !== undefined) this.#refused();
      else if (data != null) this.#receive(data.changes);
    });
    this.#stopStream = () => following.unsubscribe();
  }

  #receive(message: LogMessage): void {
    if (message.__typename === 'FeedBookmark') return;
    if (message.__typename !== 'FeedChanges') return this.#lose();
    const { id } = this.#filter;
    const ours = message.changes.filter((change) => id === null || change.id === id);
    const news = this.#numbering.number(ours).toReversed();
    this.#rows = withNew(this.#rows, news, this.#isHeld || !this.#rows.hasNewest);
    if (news.length > 0) this.#show();
  }

  /** It cannot be followed from where it is. What somebody reads is not taken from under them. */
  #lose(): void {
    this.#tell({ lostAt: new Date().toISOString() });
    if (!this.#isHeld) return void this.#load(PAGE);
    this.#leave();
    this.#rows = { ...this.#rows, hasNewest: false };
    this.#showNow();
  }

  async #ask(after: string | null, run: number): Promise<LogPage | undefined> {
    const { pool, id, types } = this.#filter;
    const wanted = { pool, id, types: types.length === 0 ? null : types, first: PAGE, after };
    for (let attempt = 0; run === this.#run; attempt += 1) {
      const answer = await this.#client.query(LOG_PAGE, wanted, PAST_CACHE).toPromise();
      if (answer.error === undefined) return answer.data;
      if (!isOutage(answer.error)) {
        this.#refused();
        return undefined;
      }
      await this.#pause(attempt);
    }
    return undefined;
  }

  #pause(attempt: number): Promise<void> {
    return new Promise((resolve) => {
      this.#cancelPause = afterPause(pauseMs(attempt, CALM), resolve);
    });
  }

  #refused(): void {
    this.#leave();
    this.#tell({ state: 'REFUSED', isLoadingOlder: false });
  }

  #leave(): void {
    this.#run += 1;
    this.#cancelPause();
    this.#stopStream();
    this.#stopStream = () => {};
  }

  #tell(told: Partial<Told>): void {
    this.#told = { ...this.#told, ...told };
    this.#showNow();
  }

  /** The first at once, what follows close behind it together. */
  #show(): void {
    if (this.#timer === undefined) this.#showNow();
  }

  #showNow(): void {
    clearTimeout(this.#timer);
    const { entries, waitingCount, hasNewest, hasOlder } = this.#rows;
    this.#view = { entries, waitingCount, hasNewest, hasOlder, ...this.#told };
    const shown = this.#rows;
    if (this.#isOpen) this.#timer = setTimeout(() => this.#showRest(shown), SHOW_EVERY_MS);
    for (const listener of this.#listeners) listener();
  }

  #showRest(shown: Rows): void {
    this.#timer = undefined;
    if (this.#rows !== shown) this.#showNow();
  }
}
