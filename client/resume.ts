import type { SubscriptionForwarder } from '@urql/core';
import type { FormattedExecutionResult, SubscribePayload } from 'graphql-ws';
import { type Chain, extend, FROM_THE_STATE, goingOn, type Link } from './chain.ts';
import { afterPause, CALM, EAGER, pauseMs, type Patience, SPREAD } from './pause.ts';
import { closeCodeOf, codeOf, isObject, type Line, UNAUTHENTICATED } from './socket.ts';
import type { TokenKeeper } from './token-keeper.ts';

/** A subscription as urql asks for it. */
export type Request = Pick<Parameters<SubscriptionForwarder>[0], 'query' | 'variables'>;
/** Who gets what it brings. */
export type Sink = Parameters<ReturnType<SubscriptionForwarder>['subscribe']>[0];

/** The server promises `changes` a message each 10 s; so long without one the line is dead. */
const SILENCE_MS = 30_000;

/** What the server answers the same way for as long as the question is the same. */
const FINAL = new Set([
  'NOT_FOUND',
  'FORBIDDEN',
  'BAD_INPUT',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
]);

/** How patient to be after a close; those that are not listed are like a broken line. */
const PATIENCE_AFTER = new Map<number | undefined, Patience>([
  [1001, SPREAD],
  [1012, SPREAD],
  [4400, CALM],
  [4406, CALM],
  [4409, CALM],
  [4429, CALM],
  [4500, CALM],
]);

/**
 * One subscription, over as many lines as it takes. It begins again whenever it breaks, for ever,
 * unless the token or the question is to blame.
 *
 * A subscription to `changes` goes on from the last cursor when its operation has a variable named
 * `after`. It is also checked to be without gaps, when it asks for `cursor` and `prev`: after a gap
 * it begins again with the state. Other subscriptions begin with the present state anyhow, and
 * may end by themselves.
 */
export class ResumingSubscription {
  readonly #line: Line;
  readonly #sink: Sink;
  readonly #payload: SubscribePayload;
  readonly #isFeed: boolean;
  #chain: Chain;
  /** How often it was begun since something came. */
  #attempts = 0;
  #hasEnded = false;
  #stop = () => {};
  #cancelPause = () => {};
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(request: Request, sink: Sink, line: Line) {
    const { query = '', variables = {} } = request;
    this.#line = line;
    this.#sink = sink;
    this.#isFeed = /\bchanges\b/.test(query);
    const { after } = variables as { after?: unknown };
    this.#chain = goingOn(typeof after === 'string' ? after : null);
    const cursor = () => this.#chain.cursor;
    const takesCursor = this.#isFeed && /\$after\b/.test(query);
    this.#payload = {
      query,
      // Read anew each time it is sent: it is then where the reader stands.
      get variables() {
        return takesCursor ? { ...variables, after: cursor() } : { ...variables };
      },
    };
    this.#begin();
  }

  /** Ends it, and leaves nothing behind. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelPause();
    this.#leave();
  }

  #begin(): void {
    this.#attempts += 1;
    this.#chain = goingOn(this.#chain.cursor);
    this.#expectMessage();
    let isOver = false;
    const unsubscribe = this.#line.socket.subscribe<Data>(this.#payload, {
      next: (result) => {
        if (!isOver) this.#receive(result);
      },
      error: (error) => {
        if (!isOver) this.#broken(error);
      },
      complete: () => {
        if (!isOver) this.#completed();
      },
    });
    this.#stop = () => {
      isOver = true;
      unsubscribe();
    };
  }

  #leave(): void {
    clearTimeout(this.#silence);
    this.#stop();
  }

  #beginAgain(ms: number): void {
    this.#leave();
    if (!this.#hasEnded) this.#cancelPause = afterPause(ms, () => this.#begin());
  }

  #pause(patience: Patience): number {
    return pauseMs(Math.max(0, this.#attempts - 1), patience);
  }

  #expectMessage(): void {
    clearTimeout(this.#silence);
    if (this.#isFeed) this.#silence = setTimeout(() => this.#line.drop(), SILENCE_MS);
  }

  #receive({ data = null, errors }: Result): void {
    this.#expectMessage();
    const link = linkOf(data);
    if (link !== undefined && this.#isFeed) {
      const chain = extend(this.#chain, link);
      if (chain === 'GAP') return this.#startOver();
      this.#chain = chain;
    }
    this.#attempts = 0;
    this.#sink.next(errors === undefined ? { data } : { data, errors });
  }

  /** Something is missing: only the state is certain. */
  #startOver(): void {
    this.#chain = FROM_THE_STATE;
    this.#beginAgain(this.#pause(EAGER));
  }

  #completed(): void {
    // The feed has no end, whoever says so.
    if (this.#isFeed) return this.#beginAgain(this.#pause(EAGER));
    this.end();
    this.#sink.complete();
  }

  #broken(error: unknown): void {
    const code = codeOf(error);
    if (code === UNAUTHENTICATED) return void this.#refused(error);
    if (!FINAL.has(code)) {
      const patience = PATIENCE_AFTER.get(closeCodeOf(error)) ?? EAGER;
      return this.#beginAgain(this.#pause(patience));
    }
    if (this.#chain.cursor === null) return this.#fail(error);
    // A server of another make cannot read the cursor; the state it can always tell.
    this.#startOver();
  }

  async #refused(error: unknown): Promise<void> {
    this.#leave();
    const { keeper, shown } = this.#line;
    const hasOther = await hasOtherThan(shown, keeper);
    if (this.#hasEnded) return;
    if (hasOther === false) return this.#fail(error);
    // A line that was opened with the refused token would be refused again.
    if (hasOther === true && this.#line.shown === shown) this.#line.drop();
    const isFirst = hasOther === true && this.#attempts <= 1;
    this.#beginAgain(isFirst ? 0 : this.#pause(CALM));
  }

  #fail(error: unknown): void {
    this.end();
    this.#sink.error(error);
  }
}

/** Undefined when that cannot be told now. */
async function hasOtherThan(shown: string | null, keeper: TokenKeeper) {
  try {
    return await keeper.renew(shown);
  } catch {
    return undefined;
  }
}

/** All subscriptions of a client, so that they can be ended with it. */
export class Subscriptions {
  readonly #line: Line;
  readonly #all = new Map<ResumingSubscription, Sink>();

  constructor(line: Line) {
    this.#line = line;
  }

  /** Begins one; the answer ends it. */
  begin(request: Request, sink: Sink): () => void {
    const subscription = new ResumingSubscription(request, sink, this.#line);
    this.#all.set(subscription, sink);
    return () => {
      this.#all.delete(subscription);
      subscription.end();
    };
  }

  /** Ends all of them. */
  close(): void {
    for (const [subscription, sink] of this.#all) {
      subscription.end();
      sink.complete();
    }
    this.#all.clear();
  }
}

type Data = Record<string, unknown>;
type Result = FormattedExecutionResult<Data, unknown>;

/** A message of the feed among the data, whatever name it was given. */
function linkOf(data: unknown): Link | undefined {
  const [value] = isObject(data) ? Object.values(data) : [];
  return isLink(value) ? value : undefined;
}

function isLink(value: unknown): value is Link & Record<string, unknown> {
  if (!isObject(value)) return false;
  const { __typename, cursor } = value;
  return typeof __typename === 'string' && typeof cursor === 'string';
}
