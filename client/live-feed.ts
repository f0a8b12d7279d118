import { formatDocument, stringifyDocument } from '@urql/core';
import { EMPTY_FEED, type Feed, receive, reopened, toldHead } from './feed.ts';
import { CHANGES, type Change, type ChangeFilter, type FeedMessage } from './feed-message.ts';
import { graphql, type ResultOf } from './graphql.ts';
import { Pace } from './pace.ts';
import { afterPause, CALM, pauseMs } from './pause.ts';
import { ResumingSubscription, type Sink } from './resume.ts';
import { codeOf, type Line, UNAUTHENTICATED } from './socket.ts';

/** Who we are, and how far the log has come. */
export const POSITION = graphql(`
  query Position {
    viewer {
      name
      role
    }
    cursor
    now
  }
`);

/** Who we are, and how far the log has come. */
export type Position = ResultOf<typeof POSITION>;

/** Who the server takes us for. */
export type Viewer = Position['viewer'];

/** What there is to show, at one moment. */
export interface LiveView {
  readonly feed: Feed;
  /** Whether there is a line to the server. */
  readonly isConnected: boolean;
  readonly viewer: Viewer | null;
  /** Whether the server wants a token: the first, or another than the one it was shown. */
  readonly tokenWanted: 'NONE' | 'FIRST' | 'OTHER';
  /** Since when it stands as it does, by this computer's clock; null before it ever changed. */
  readonly since: number | null;
  /** Whether it was live before it was last away or behind. */
  readonly wasLive: boolean;
  /** What to add to this computer's clock to have the server's; 0 while they agree. */
  readonly clockAheadMs: number;
  /** Why there is no feed and will be none, such as NOT_FOUND for a filter; null while there is. */
  readonly refusal: string | null;
}

/** LIVE when everything is shown as it is, CATCHING_UP while it may not be, AWAY without a line. */
export type Standing = 'LIVE' | 'CATCHING_UP' | 'AWAY';

/** How far what is shown can be trusted. */
export function standingOf({ isConnected, feed }: LiveView): Standing {
  if (!isConnected) return 'AWAY';
  return feed.isLevel && !feed.isBehind ? 'LIVE' : 'CATCHING_UP';
}

/** How far a clock is ahead of ours that said so between two moments; 0 when that is not sure. */
function aheadOf(ours: { askedAt: number; answeredAt: number }, theirs: number): number {
  const ahead = theirs - (ours.askedAt + ours.answeredAt) / 2;
  const doubt = (ours.answeredAt - ours.askedAt) / 2 + CLOCKS_AGREE_MS;
  return Math.abs(ahead) > doubt ? Math.round(ahead) : 0;
}

/** Clocks that differ by less are the same to people. */
const CLOCKS_AGREE_MS = 1_000;

/** What a feed is made of. */
export interface LiveFeedParts {
  readonly line: Line;
  readonly filter: ChangeFilter | undefined;
  /** Asks the server who we are and how far it is; undefined when there is no answer. */
  readonly askPosition: () => Promise<Position | undefined>;
}

/** Messages that are kept to be told once more; beyond them everything is asked for anew. */
const RECENT_KEPT = 200;

interface Told {
  readonly moment: number;
  readonly changes: readonly Change[];
}

/**
 * The feed of a server as it happens, through broken lines and restarts. It is told twice: to
 * whoever listens, as a view of everything, and to the cache, message by message.
 */
export class LiveFeed {
  readonly #parts: LiveFeedParts;
  readonly #listeners = new Set<() => void>();
  readonly #sinks = new Set<Sink>();
  readonly #pace = new Pace((message) => this.#deliver(message));
  #view: LiveView = {
    feed: EMPTY_FEED,
    isConnected: false,
    viewer: null,
    tokenWanted: 'NONE',
    since: null,
    wasLive: false,
    clockAheadMs: 0,
    refusal: null,
  };
  #subscription: ResumingSubscription | undefined;
  /** Rises with every line, so that answers to an earlier one are not taken for news. */
  #lineNumber = 0;
  /** Rises with every message, so that answers can be told from older than a message. */
  #moment = 0;
  #stateAt = 0;
  readonly #recent: Told[] = [];
  #isClosed = false;
  #cancelPause = () => {};

  constructor(parts: LiveFeedParts) {
    this.#parts = parts;
  }

  /** What there is to show now; the same object until something changes. */
  readonly read = (): LiveView => this.#view;

  /** Tells when there is something new to show, until the answer is called. */
  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Begins to follow the server. */
  start(): void {
    const { line, filter } = this.#parts;
    const variables = filter === undefined ? { after: null } : { after: null, filter };
    this.#subscription = new ResumingSubscription(
      // As the cache asks, which wants to know the type of everything.
      { query: stringifyDocument(formatDocument(CHANGES)), variables },
      {
        next: ({ data }) => this.#pace.add((data as ResultOf<typeof CHANGES>).changes),
        error: (error) => this.#refused(codeOf(error)),
        complete: () => {},
      },
      line,
    );
  }

  /** Ends it. */
  close(): void {
    this.#isClosed = true;
    this.#cancelPause();
    this.#pace.clear();
    this.#subscription?.end();
    this.#listeners.clear();
    for (const sink of this.#sinks) sink.complete();
  }

  /** Brings every message from now on, until the answer is called. */
  follow(sink: Sink): () => void {
    this.#sinks.add(sink);
    return () => this.#sinks.delete(sink);
  }

  /** The number of the last message. */
  get moment(): number {
    return this.#moment;
  }

  /** Whether a state has come since, so that what was asked for before may lack anything. */
  hasStateSince(moment: number): boolean {
    return this.#stateAt > moment;
  }

  /**
   * Tells the changes since a moment once more: an answer that was asked for then, and has come
   * only now, may have put something older in their place. Answers whether all are still known.
   */
  repeat(since: number): boolean {
    const missed = this.#recent.filter(({ moment }) => moment > since);
    const { cursor } = this.#view.feed;
    if (missed.length > 0 && cursor !== null) {
      const changes = missed.flatMap((told) => told.changes);
      this.#tell({ __typename: 'FeedChanges', cursor, prev: cursor, changes });
    }
    const [oldest] = this.#recent;
    return oldest === undefined || oldest.moment <= since + 1 || this.#recent.length < RECENT_KEPT;
  }

  /** A line is there. */
  lineOpened(): void {
    this.#lineNumber += 1;
    this.#cancelPause();
    this.#change({ isConnected: true, feed: reopened(this.#view.feed) });
    void this.#askPosition(this.#lineNumber);
  }

  /** The line is gone. */
  lineClosed(): void {
    this.#change({ isConnected: false });
  }

  /** The server wants another token, and there is none; what was for other eyes is forgotten. */
  tokenRefused(hadToken: boolean): void {
    const tokenWanted = hadToken ? 'OTHER' : 'FIRST';
    this.#pace.clear();
    this.#change({ tokenWanted, feed: EMPTY_FEED, viewer: null });
  }

  /** Who we are must be known as long as there is a line: what did not answer is asked again. */
  #askPositionLater(line: number, attempt: number): void {
    const again = () => void this.#askPosition(line, attempt + 1);
    this.#cancelPause = afterPause(pauseMs(attempt, CALM), again);
  }

  async #askPosition(line: number, attempt = 0): Promise<void> {
    const askedAt = Date.now();
    const position = await this.#parts.askPosition();
    if (line !== this.#lineNumber || this.#isClosed) return;
    if (position === undefined) return this.#askPositionLater(line, attempt);
    const { viewer, cursor, now } = position;
    const clockAheadMs = aheadOf({ askedAt, answeredAt: Date.now() }, Date.parse(now));
    this.#change({ viewer, clockAheadMs, feed: toldHead(this.#view.feed, cursor) });
  }

  #refused(code: string): void {
    if (code !== UNAUTHENTICATED) this.#change({ refusal: code });
  }

  #deliver(message: FeedMessage): void {
    this.#moment += 1;
    if (message.__typename === 'FeedState' && !message.more) this.#stateAt = this.#moment;
    if (message.__typename === 'FeedChanges') {
      this.#recent.push({ moment: this.#moment, changes: message.changes });
      if (this.#recent.length > RECENT_KEPT) this.#recent.shift();
    }
    const feed = receive(this.#view.feed, message, Date.now() + this.#view.clockAheadMs);
    this.#tell(message);
    this.#change({ feed });
  }

  #tell(message: FeedMessage): void {
    for (const sink of this.#sinks) {
      try {
        sink.next({ data: { changes: message } });
      } catch (error) {
        // One that fails must not keep the others from the news; all it shows is asked for anew.
        // oxlint-disable-next-line no-console -- a fault of ours, which nobody else would tell
        console.error(error);
        this.#stateAt = this.#moment;
      }
    }
  }

  #change(change: Partial<LiveView>): void {
    const next = { ...this.#view, ...change };
    const before = standingOf(this.#view);
    const hasTurned = standingOf(next) !== before;
    const turned = { since: Date.now(), wasLive: this.#view.wasLive || before === 'LIVE' };
    this.#view = hasTurned ? { ...next, ...turned } : next;
    for (const listener of this.#listeners) listener();
  }
}
