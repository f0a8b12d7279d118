import type { Observable } from '@graphiql/toolkit';
import type { SubscribePayload } from 'graphql-ws';
import { closeCodeOf, codeOf, type Line, UNAUTHENTICATED } from '../socket.ts';
import { type Message, MessageScroll } from './message-scroll.ts';

/** How a subscription goes, for the bar. */
export type StreamState = 'LIVE' | 'BROKEN' | 'NONE';

/** The editor is filled anew for each message: more often than that nobody could read it. */
const SHOW_EVERY_MS = 200;

/** What a subscription needs. */
export interface StreamOptions {
  readonly line: Line;
  readonly payload: SubscribePayload;
  readonly onState: (state: StreamState) => void;
}

/** A subscription over the line, as GraphiQL takes it: each message as it comes, readable. */
export function streamOf(options: StreamOptions): Observable<Message> {
  return {
    subscribe(observer: unknown) {
      const run = new Run(options, asObserver(observer));
      return { unsubscribe: () => run.stop() };
    },
  };
}

interface Observer {
  readonly next: (message: Message) => void;
  readonly complete: () => void;
}

/** GraphiQL passes an object; the older form, of functions, is not used. */
function asObserver(observer: unknown): Observer {
  if (isObserver(observer)) return observer;
  throw new TypeError('a stream is subscribed to by an object');
}

function isObserver(given: unknown): given is Observer {
  return typeof given === 'object' && given !== null && 'next' in given && 'complete' in given;
}

/** One subscription under way. */
class Run {
  readonly #scroll = new MessageScroll();
  readonly #observer: Observer;
  readonly #onState: (state: StreamState) => void;
  readonly #end: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #shownAt = 0;
  #isOver = false;

  constructor({ line, payload, onState }: StreamOptions, observer: Observer) {
    this.#observer = observer;
    this.#onState = onState;
    onState('LIVE');
    this.#end = line.socket.subscribe<Message>(payload, {
      next: (message) => this.#take({ ...message }),
      error: (error) => this.#broken(error),
      complete: () => this.#finished(),
    });
  }

  /** Ends it because somebody wants that. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#end();
    this.#onState('NONE');
  }

  #take(message: Message): void {
    if (this.#isOver) return;
    this.#scroll.add(message, new Date().toLocaleTimeString([], { hour12: false }));
    const wait = this.#shownAt + SHOW_EVERY_MS - performance.now();
    this.#timer ??= setTimeout(() => this.#show(), Math.max(0, wait));
  }

  #show(): void {
    this.#timer = undefined;
    this.#shownAt = performance.now();
    this.#observer.next(this.#scroll.shown());
  }

  #finished(): void {
    if (this.#isOver) return;
    this.#close(this.#timer === undefined ? undefined : this.#scroll.shown(), 'NONE');
  }

  #broken(error: unknown): void {
    if (this.#isOver) return;
    // Refused, for what it asks: the line is as good as ever.
    if (Array.isArray(error)) this.#close({ errors: error }, 'NONE');
    else this.#close(this.#scroll.ended(sentenceFor(error)), 'BROKEN');
  }

  #close(last: Message | undefined, state: StreamState): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    if (last !== undefined) this.#observer.next(last);
    this.#observer.complete();
    this.#onState(state);
  }
}

const AGAIN = 'Run it again for a new one; with the last cursor as "after" nothing is missed.';

function sentenceFor(error: unknown): string {
  if (codeOf(error) === UNAUTHENTICATED) return 'The server does not know this token.';
  const code = closeCodeOf(error);
  const how = code === undefined ? '' : ` (closed with ${code})`;
  return `The line to the server broke${how}. ${AGAIN}`;
}
