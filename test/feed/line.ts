import type { ExecutionResult } from 'graphql';
import type { Batch, Outlet } from '../../server/http/outlet.ts';
import type { World } from '../../server/world.ts';

/** What a line needs of the reader at its end. */
export interface LineEnd {
  take(result: ExecutionResult): void;
  completed(): void;
  fault(text: string): void;
}

/**
 * A line to one reader, in virtual time. Whether there is room on it, and how long a batch is on
 * its way, is the reader's doing; how much is written without room is the server's.
 */
export class Line implements Outlet {
  readonly #world: Pick<World, 'after'>;
  readonly #end: LineEnd;
  /** Milliseconds until a batch is taken; 0 for a reader that is never behind. */
  #pace: number;
  #unsent: Batch | undefined;
  #isPaused = false;
  /** Whether the line had no room left when the reader paused. */
  #isFull = false;
  #isCut = false;
  #isComplete = false;
  readonly #waiting: (() => void)[] = [];
  #cancel: () => void = () => undefined;

  constructor(world: Pick<World, 'after'>, pace: number, end: LineEnd) {
    this.#world = world;
    this.#pace = pace;
    this.#end = end;
  }

  get hasRoom(): boolean {
    return this.#isCut || (this.#unsent === undefined && !this.#isFull);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  write(batch: Batch): void {
    if (this.#isCut) return;
    if (this.#unsent !== undefined) this.#end.fault('W9: written to a line that is full');
    if (this.#isPaused || this.#pace > 0) this.#hold(batch);
    else this.#deliver(batch);
  }

  room(): Promise<void> {
    if (this.hasRoom) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  complete(): void {
    this.#isComplete = true;
    if (this.#unsent === undefined) this.#tellCompletion();
  }

  /** The reader stops reading; one batch more may fit on the line. */
  pause(isFull: boolean): void {
    this.#isPaused = true;
    this.#isFull = isFull;
    this.#cancel();
  }

  /** The reader reads on. */
  resume(): void {
    this.#isPaused = false;
    this.#isFull = false;
    this.#flush();
  }

  /** From now on nothing takes time. */
  hurry(): void {
    this.#pace = 0;
    this.#cancel();
    this.resume();
  }

  /** The line breaks: what is on its way is lost. */
  cut(): void {
    this.#isCut = true;
    this.#unsent = undefined;
    this.#cancel();
    this.#makeRoom();
  }

  #hold(batch: Batch): void {
    this.#unsent = batch;
    if (!this.#isPaused) this.#cancel = this.#world.after(this.#pace, () => this.#flush());
  }

  #flush(): void {
    const batch = this.#unsent;
    this.#unsent = undefined;
    if (batch !== undefined) this.#deliver(batch);
    if (this.#isComplete) this.#tellCompletion();
    this.#makeRoom();
  }

  /** It comes behind all that was written. */
  #tellCompletion(): void {
    if (!this.#isCut) this.#end.completed();
  }

  #deliver(batch: Batch): void {
    for (const one of batch.results) {
      if (!this.#isCut) this.#end.take(JSON.parse(String(one)) as ExecutionResult);
    }
  }

  #makeRoom(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
