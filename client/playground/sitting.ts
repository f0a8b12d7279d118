import type { Fetcher } from '@graphiql/toolkit';
import { LastIds } from './last-ids.ts';
import { Link } from './link.ts';
import type { Message } from './message-scroll.ts';
import type { StreamState } from './stream.ts';
import { tabToken } from '../tab-token.ts';
import type { Opening } from './opening.ts';
import type { Viewing } from './viewing.ts';

/** What the page shows of it. */
export interface SittingState {
  readonly fetcher: Fetcher;
  readonly viewing: Viewing;
  readonly stream: StreamState;
}

/**
 * Somebody at the playground: one token at a time, with a link of its own. Another token gets
 * another link, and nothing of what the first has under way is left.
 */
export class Sitting {
  /** What was made last, whoever made it. */
  readonly ids = new LastIds();
  readonly opening: Opening;
  readonly #listeners = new Set<() => void>();
  #link: Link;
  #state: SittingState;

  constructor(opening: Opening) {
    this.opening = opening;
    this.#link = this.#open(tabToken.read() ?? opening.token);
    this.#state = this.#begun();
  }

  /** Tells when the state has changed; answers how to stop that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** What to show now. */
  readonly read = (): SittingState => this.#state;

  /** Goes on as whoever has this token; an empty one stands for the token that opened the page. */
  readonly enter = (token: string): void => {
    tabToken.keep(token === '' ? null : token);
    this.#link.close();
    this.#link = this.#open(token === '' ? this.opening.token : token);
    this.#state = this.#begun();
    this.#tell({});
  };

  #open(token: string | null): Link {
    const link: Link = new Link({
      token,
      onStream: (stream) => this.#tellOf(link, { stream }),
      onRefused: () => this.#tellOf(link, { viewing: { kind: 'UNKNOWN' } }),
      onAnswer: (answer) => this.#answered(link, answer),
    });
    this.#askWho(link);
    return link;
  }

  #askWho(link: Link): void {
    void link.viewing().then((viewing) => this.#tellOf(link, { viewing }));
  }

  #answered(link: Link, answer: Message): void {
    this.ids.notice(answer);
    // The server was away when we asked, and is back.
    if (this.#state.viewing.kind === 'AWAY' && 'data' in answer) this.#askWho(link);
  }

  #begun(): SittingState {
    return { fetcher: this.#link.fetcher, viewing: { kind: 'ASKING' }, stream: 'NONE' };
  }

  /** What a link says that was given up does not count. */
  #tellOf(link: Link, change: Partial<SittingState>): void {
    if (link === this.#link) this.#tell(change);
  }

  #tell(change: Partial<SittingState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
