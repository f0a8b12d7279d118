import type { ExecutionResult } from 'graphql';
import type { Batch, Outlet } from '../../server/http/outlet.ts';

/** A line that keeps what is written to it, and that a test can stop up. */
export class TestOutlet implements Outlet {
  readonly results: ExecutionResult[] = [];
  /** The same bytes object for all who are told together. */
  readonly batches: Batch[] = [];
  isComplete = false;
  #hasRoom = true;
  #left = Infinity;
  readonly #onRoom: (() => void)[] = [];

  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  /** The line takes nothing more. */
  stopUp(): void {
    this.#hasRoom = false;
  }

  /** The line takes so many batches, and then nothing more. */
  takes(batches: number): void {
    this.#left = batches;
  }

  /** It takes what waits. */
  open(): void {
    this.#hasRoom = true;
    for (const onRoom of this.#onRoom.splice(0)) onRoom();
  }

  write(batch: Batch): void {
    this.batches.push(batch);
    this.#left -= 1;
    if (this.#left === 0) this.stopUp();
    for (const one of batch.results) this.results.push(JSON.parse(String(one)) as ExecutionResult);
  }

  room(): Promise<void> {
    if (this.#hasRoom) return Promise.resolve();
    return new Promise((resolve) => void this.#onRoom.push(resolve));
  }

  complete(): void {
    this.isComplete = true;
  }
}
