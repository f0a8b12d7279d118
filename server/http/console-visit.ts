import type { Duplex } from 'node:stream';
import type { ConsoleGrant } from '../console-grant.ts';
import type { ConsoleLine } from './console-line.ts';

/** Why a visit is over: with which code its WebSocket is closed, and a sentence. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/**
 * One visit to a console, from the use of its ticket on: first its stream is being opened, then
 * there is a line. It may be ended at any time.
 */
export class ConsoleVisit {
  readonly grant: ConsoleGrant;
  /** Resolves when nothing of it is left. */
  readonly gone: Promise<void>;
  readonly #opening = new AbortController();
  #ending: Ending | undefined;
  #line: ConsoleLine | undefined;
  #markGone: () => void = () => {};

  constructor(grant: ConsoleGrant) {
    this.grant = grant;
    this.gone = new Promise((resolve) => {
      this.#markGone = resolve;
    });
  }

  /** Why it is over; undefined while it is not. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Aborted when it ends before its stream is open. */
  get signal(): AbortSignal {
    return this.#opening.signal;
  }

  /** There is a line now. */
  connected(line: ConsoleLine): void {
    this.#line = line;
    void line.gone.then(this.#markGone);
  }

  /** It came to no line. */
  failed(stream: Duplex | undefined): void {
    stream?.on('error', () => {});
    stream?.destroy();
    this.#markGone();
  }

  /** Ends it; the first reason counts. */
  end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#opening.abort(new Error(ending.reason));
    this.#line?.end(ending.code, ending.reason);
  }

  /** See `ConsoleLine.beat`. */
  beat(): void {
    this.#line?.beat();
  }
}
