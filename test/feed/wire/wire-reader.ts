import type { Viewer } from '../../../schema/model/viewer.ts';
import { parseCursor } from '../../../schema/model/cursor.ts';
import type { World } from '../../../server/world.ts';
import type { History } from '../ledger.ts';
import { askChanges, type MessageJson, type ThingJson, type Wanted } from '../question.ts';
import { findForeign, isFor } from '../rights.ts';
import type { Thing } from '../things.ts';
import { subjectsOf, wrongAtEnd, wrongChanges } from '../told.ts';
import { type Address, openWire, type Transport, type Wire } from './wire.ts';

/** Where readers find their server, and how time passes there. */
export interface Place {
  readonly origin: () => string;
  readonly world: Pick<World, 'after' | 'elapsed'>;
}

/** Who reads what, and how. */
export interface Reading {
  readonly viewer: Viewer;
  readonly token: string;
  readonly transport: Transport;
  readonly wanted: Wanted;
}

const AGAIN_MS = 25;

/** One logical subscription to `changes` over real connections, as a careful client keeps it. */
export class WireReader {
  readonly reading: Reading;
  readonly faults: string[] = [];
  readonly state = new Map<string, ThingJson>();
  readonly messages: MessageJson[] = [];
  /** When each message came. */
  readonly at: number[] = [];
  after: string | undefined;
  /** How its connections ended, by themselves. */
  readonly codes: (number | undefined)[] = [];
  /** What it was refused with. */
  readonly refusals: string[] = [];
  readonly #place: Place;
  #wire: Wire | undefined;
  #last: string | undefined;
  #portions: Map<string, ThingJson> | undefined;
  #isWanted = true;
  #cancel: () => void = () => undefined;

  constructor(place: Place, reading: Reading) {
    this.#place = place;
    this.reading = reading;
  }

  /** Subscribes behind what it has, again and again until it is told to leave. */
  connect(): void {
    const { token, transport, wanted } = this.reading;
    const to: Address = { origin: this.#place.origin(), token };
    this.#last = this.after;
    this.#portions = undefined;
    const isMine = () => this.#wire === wire;
    const wire: Wire = openWire(to, transport, askChanges('FULL', wanted, this.after), {
      next: (data) => void (isMine() && this.#take(data['changes'] as MessageJson)),
      errors: (text) => void this.refusals.push(text),
      completed: () => void (isMine() && this.refusals.push('completed')),
      gone: (code) => void (isMine() && this.#gone(code)),
    });
    this.#wire = wire;
  }

  /** The line breaks. */
  drop(): void {
    const wire = this.#wire;
    this.#wire = undefined;
    wire?.destroy();
    if (this.#isWanted) this.connect();
  }

  pause(): void {
    this.#wire?.pause();
  }

  resume(): void {
    this.#wire?.resume();
  }

  leave(): void {
    this.#isWanted = false;
    this.#cancel();
    this.drop();
  }

  /** What is wrong with all it was told, against the log at the end. */
  wrongAtEnd(history: History, now: ReadonlyMap<string, Thing>, poolId?: string): string[] {
    const { viewer, wanted } = this.reading;
    const wrong = this.messages.flatMap((message) => this.#wrongMessage(message, history, poolId));
    const held = wrongAtEnd(this.state, now, { viewer, wanted, poolId });
    return [...this.faults, ...wrong, ...held.map((one) => `W11: ${one}`)];
  }

  #gone(code: number | undefined): void {
    this.codes.push(code);
    this.#wire = undefined;
    if (!this.#isWanted) return;
    this.#cancel = this.#place.world.after(AGAIN_MS, () => this.connect());
  }

  #take(message: MessageJson): void {
    this.messages.push(message);
    this.at.push(this.#place.world.elapsed());
    if ((message.prev ?? undefined) !== this.#last)
      this.faults.push(`W4: ${message.cursor} follows ${message.prev}, not ${this.#last}`);
    if (message.__typename === 'FeedResync')
      this.faults.push(`W6: ${message.reason} behind ${message.prev}`);
    const [seq, before] = [message.cursor, message.prev ?? ''].map((c) => parseCursor(c)?.seq ?? 0);
    const mayStay = message.__typename !== 'FeedChanges';
    if (seq !== undefined && before !== undefined && (mayStay ? seq < before : seq <= before))
      this.faults.push(`W3: ${message.cursor} does not rise from ${message.prev}`);
    this.#last = message.cursor;
    this.#apply(message);
    if (this.#portions === undefined) this.after = message.cursor;
  }

  #apply(message: MessageJson): void {
    if (message.__typename === 'FeedState') {
      const portions = this.#portions ?? new Map<string, ThingJson>();
      for (const thing of subjectsOf(message.subjects)) portions.set(thing.id, thing);
      this.#portions = message.more ? portions : undefined;
      if (message.more) return;
      this.state.clear();
      for (const [id, thing] of portions) this.state.set(id, thing);
    }
    if (message.__typename !== 'FeedChanges') return;
    for (const { id, subject } of message.changes) {
      const [thing] = subjectsOf(subject === null ? [] : [subject]);
      if (thing === undefined) this.state.delete(id);
      else this.state.set(id, thing);
    }
  }

  #wrongMessage(message: MessageJson, history: History, poolId: string | undefined): string[] {
    const { viewer, wanted } = this.reading;
    const seq = parseCursor(message.cursor)?.seq ?? 0;
    const wrong = findForeign(message, viewer, (id) => history.ownerOf(id)).map(
      (what) => `W10: ${message.cursor} tells of ${what}`,
    );
    if (seq > history.head) wrong.push(`W1: ${message.cursor} was told, ${history.head} is left`);
    if (message.__typename === 'FeedState' || message.__typename === 'FeedResync') return wrong;
    const rows = history.between(parseCursor(message.prev ?? '')?.seq ?? 0, seq);
    const due = rows.filter((row) => isFor(row, viewer, wanted, poolId));
    const changes = message.__typename === 'FeedChanges' ? message.changes : [];
    return [...wrong, ...wrongChanges(changes, due, seq, history)];
  }
}
