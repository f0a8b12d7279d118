import { lastSeq, trimmedUpTo } from '../../db/change.ts';
import type { Changed } from '../../db/change-history.ts';
import type { Db } from '../../db/connection.ts';
import { isThere } from '../../db/subject.ts';
import type { Subject } from '../../schema/context.ts';
import { openForMessage, type ReaderParts } from './reader.ts';

/** What is watched: one thing, or all of one type in a pool. */
export interface Watched {
  /** The ids of what is there, behind an id: in their order, some at a time, then none. */
  present(db: Db, last: string): string[];
  /** What has changed behind a position, in order of the last changes. */
  changed(db: Db, after: number): Changed[];
  /** Takes note of what is being told; true when nothing can follow it. */
  isFinal(db: Db, id: string): boolean;
  readonly type: Subject['type'];
  /** Whether things can go while it goes on. */
  readonly isMany: boolean;
}

/** At most 20 messages a second about one thing. */
const PASS_MS = 50;
/** Commits wake the reader; this is only how often it looks by itself. */
const LOOK_MS = 30_000;

/**
 * Tells the latest state of what is watched, at once and after every change. It keeps a position
 * in the log and asks what has changed since, so it may skip states, but never the last one, and
 * however slow its reader is, there is nothing that could pile up.
 */
export class UpdateReader {
  readonly #parts: ReaderParts;
  readonly #watched: Watched;
  /** What has changed up to here has been told. */
  #position = 0;
  #isOver = false;

  constructor(parts: ReaderParts, watched: Watched) {
    this.#parts = parts;
    this.#watched = watched;
  }

  /** The messages, until a final state, the reader's leaving, or its going over to others. */
  async *read(): AsyncGenerator<Subject, void, undefined> {
    const { store, place } = this.#parts;
    // One that goes on has been told what is there, and is told also what has gone since.
    if (this.#watched.isMany && place.from !== undefined) this.#position = place.from;
    else yield* this.#present();
    while (this.#goesOn) {
      const changed = store.read((db) => this.#changed(db));
      if (changed !== 'LAGGING') place.last = this.#position;
      if (changed === 'LAGGING') yield* this.#present();
      else if (changed.length > 0) yield* this.#pass(changed);
      else if (place.meeting?.isQuiet === true && place.meet()) return;
      else await this.#wait();
    }
  }

  /** Those whom it is to meet may just be told something older: then it looks again soon. */
  #wait(): Promise<void> {
    const { seat, place } = this.#parts;
    if (place.meeting !== undefined) return seat.rest(PASS_MS);
    return place.wait(seat.wait(LOOK_MS));
  }

  get #goesOn(): boolean {
    return this.#parts.seat.isOpen && !this.#isOver;
  }

  #changed(db: Db): Changed[] | 'LAGGING' {
    if (trimmedUpTo(db) > this.#position) return 'LAGGING';
    return this.#watched.changed(db, this.#position);
  }

  /** Tells everything that is there. */
  async *#present(): AsyncGenerator<Subject, void, undefined> {
    const { store } = this.#parts;
    this.#position = store.read(lastSeq);
    for (let last: string | undefined = ''; last !== undefined;) {
      const after: string = last;
      const ids = store.read((db) => this.#watched.present(db, after));
      for (const id of ids) yield* this.#tell(id);
      last = this.#goesOn ? ids.at(-1) : undefined;
    }
  }

  async *#pass(changed: readonly Changed[]): AsyncGenerator<Subject, void, undefined> {
    const { seat, world, place } = this.#parts;
    const startedAt = world.elapsed();
    for (const { id, seq } of changed) {
      this.#position = seq;
      place.last = seq;
      yield* this.#tell(id);
      if (!this.#goesOn) return;
    }
    const left = startedAt + PASS_MS - world.elapsed();
    if (left > 0) await place.wait(seat.rest(left));
  }

  /** Tells one thing as it is now; what is gone altogether cannot be told. */
  async *#tell(id: string): AsyncGenerator<Subject, void, undefined> {
    const { slot, seen } = this.#parts;
    const subject = { type: this.#watched.type, id };
    if (!this.#goesOn) return;
    const lease = await openForMessage(this.#parts);
    if (lease === undefined || !slot.read((db) => isThere(db, subject, seen))) return;
    this.#isOver = slot.read((db) => this.#watched.isFinal(db, id));
    yield subject;
  }
}
