import { type Client, gql } from '@urql/core';
import { EMPTY_FEED, type Feed, receive, reopened, startedAgain, toldHead } from './feed.ts';
import { CHANGES, type FeedMessage } from './feed-message.ts';
import { codeOf, UNAUTHENTICATED } from './socket.ts';
import { type Connection, createConnection } from './urql.ts';

/** Who the server takes us for. */
export interface Viewer {
  readonly name: string;
  readonly role: string;
}

/** What there is to show, at one moment. */
export interface LiveView {
  readonly feed: Feed;
  /** Whether there is a line to the server. */
  readonly isConnected: boolean;
  readonly viewer: Viewer | null;
  /** Whether the server wants a token: the first, or another than the one it was shown. */
  readonly tokenWanted: 'NONE' | 'FIRST' | 'OTHER';
}

/** Where the token is kept. */
export interface TokenStore {
  readonly read: () => string | null;
  readonly keep: (token: string) => void;
}

/** Who we are, and how far the log has come. */
export const POSITION = gql<{ viewer: Viewer; cursor: string }, Record<string, never>>`
  query Position {
    viewer {
      name
      role
    }
    cursor
  }
`;

/** Changes come faster than eyes: listeners are told at most so often. */
const TELL_EVERY_MS = 16;

/** The feed of a server as it happens, through broken lines, restarts and other tokens. */
export class LiveFeed {
  readonly #connection: Connection;
  readonly #tokens: TokenStore;
  readonly #listeners = new Set<() => void>();
  #view: LiveView = {
    feed: EMPTY_FEED,
    isConnected: false,
    viewer: null,
    tokenWanted: 'NONE',
  };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #subscription: { unsubscribe: () => void } | undefined;
  /** Rises with every line, so that answers to an earlier one are not taken for news. */
  #line = 0;

  constructor(url: string, tokens: TokenStore) {
    this.#tokens = tokens;
    this.#connection = createConnection({
      url,
      token: () => tokens.read(),
      cursor: () => this.#view.feed.cursor,
      onOpened: () => this.#onOpened(),
      onClosed: () => this.#change({ isConnected: false }),
      onRefused: (code) => this.#onRefused(code),
    });
    this.#subscribe();
  }

  /** For queries and mutations. */
  get client(): Client {
    return this.#connection.client;
  }

  /** What there is to show now; the same object until something changes. */
  readonly read = (): LiveView => this.#view;

  /** Tells when there is something new to show. */
  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Goes on as whoever this token stands for; what was shown to somebody else is forgotten. */
  readonly signIn = (token: string): void => {
    this.#tokens.keep(token);
    this.#change({ feed: EMPTY_FEED, viewer: null, tokenWanted: 'NONE' });
    this.#subscribe();
  };

  /** Ends it all. */
  close(): void {
    clearTimeout(this.#timer);
    this.#subscription?.unsubscribe();
    this.#connection.close();
  }

  #subscribe(): void {
    this.#subscription?.unsubscribe();
    const messages = this.client.subscription(CHANGES, { after: null });
    this.#subscription = messages.subscribe(({ data }) => {
      if (data != null) this.#receive(data.changes);
    });
  }

  #receive(message: FeedMessage): void {
    const feed = receive(this.#view.feed, message);
    if (feed !== 'GAP') return this.#change({ feed });
    this.#change({ feed: startedAgain(this.#view.feed) });
    this.#connection.restart();
  }

  #onOpened(): void {
    this.#line += 1;
    this.#change({ isConnected: true, feed: reopened(this.#view.feed) });
    void this.#askPosition(this.#line);
  }

  async #askPosition(line: number): Promise<void> {
    const { data, error } = await this.#connection.client.query(POSITION, {}).toPromise();
    if (error !== undefined) this.#onRefused(codeOf(error.graphQLErrors));
    if (data === undefined || line !== this.#line) return;
    this.#change({ viewer: data.viewer, feed: toldHead(this.#view.feed, data.cursor) });
  }

  #onRefused(code: string): void {
    if (code === UNAUTHENTICATED) this.#askForToken();
    // A server of another make cannot read the cursor.
    if (code === 'BAD_INPUT') this.#change({ feed: startedAgain(this.#view.feed) });
  }

  /** What was for somebody else's eyes goes with its token. */
  #askForToken(): void {
    const tokenWanted = this.#tokens.read() === null ? 'FIRST' : 'OTHER';
    this.#change({ tokenWanted, feed: EMPTY_FEED, viewer: null });
  }

  #change(change: Partial<LiveView>): void {
    this.#view = { ...this.#view, ...change };
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const listener of this.#listeners) listener();
    }, TELL_EVERY_MS);
  }
}
