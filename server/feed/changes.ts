import { lastSeq, trimmedUpTo } from '../../db/change.ts';
import { tookNameSince } from '../../db/change-history.ts';
import type { Db } from '../../db/connection.ts';
import type { ReadLease } from '../../db/readers.ts';
import { presentSubjects } from '../../db/subject.ts';
import type { ChangeFilter, FeedMessage, ResyncReason } from '../../schema/context.ts';
import type { Change } from '../../schema/model/change.ts';
import type { Cursor } from '../../schema/model/cursor.ts';
import { requestError } from '../../schema/request-error.ts';
import { nextTurn } from '../world.ts';
import type { LogPages } from './log-pages.ts';
import { openForMessage, openForMessages, type ReaderParts } from './reader.ts';
import type { Turn, TurnRules, Turns } from './turns.ts';

/** What a reader of all changes is made of. */
export interface ChangeReaderParts extends ReaderParts {
  readonly filter: ChangeFilter;
  /** The name of the reader's viewer. */
  readonly caller: string;
  readonly log: LogPages;
  /** Those who read a state hold a connection for long: few may at once. */
  readonly stateTurns: Turns;
}

const PORTION_SUBJECTS = 200;
/** A read transaction keeps the log of the database from being trimmed. */
const LONGEST_STATE_MS = 10_000;
const PATIENCE_MS = 2_000;

/** Who may read a state at the same time, and for how long. */
export const STATE_TURNS: TurnRules = {
  atOnce: 4,
  longestMs: LONGEST_STATE_MS,
  patienceMs: PATIENCE_MS,
};

/** Readers are promised a sign of life each 10 s; the message has a way to go. */
const HEARTBEAT_MS = 8_000;
/** How long a position may stay behind because what lies ahead is not for this reader. */
const BOOKMARK_AFTER_MS = 1_000;

/** What a message is besides its place in the stream. */
type Content = FeedMessage extends infer Message
  ? Message extends FeedMessage
    ? Omit<Message, 'cursor' | 'prev'>
    : never
  : never;

/**
 * Reads the log for one reader: the state first, then verb by verb what follows. It holds one
 * page of rows at most, and makes the next message only when it is asked for.
 */
export class ChangeReader {
  readonly #parts: ChangeReaderParts;
  /** How far the log has been read. */
  #position = 0;
  #prev: Cursor | null = null;
  #sentAt: number;
  /** Whether the reader knows that it is level; whoever resumes is told, if only by a bookmark. */
  #isGreeted: boolean;

  constructor(parts: ChangeReaderParts) {
    this.#parts = parts;
    this.#sentAt = parts.world.elapsed();
    this.#isGreeted = parts.place.from !== undefined;
  }

  /** The messages behind a cursor, or from the state on, until the reader meets others. */
  async *read(asked: Cursor | undefined): AsyncGenerator<FeedMessage, void, undefined> {
    const { seat, log, place } = this.#parts;
    yield* this.#begin(asked);
    while (seat.isOpen) {
      seat.position = this.#position;
      if (this.#standsWithOthers() && place.meet()) return;
      const rows = log.behind(this.#position);
      if (rows === undefined) yield* this.#state('LAGGING');
      else if (rows.length > 0) yield* this.#verbs(rows);
      else if (place.meeting?.at === undefined && this.#isGreeted && place.meet()) return;
      else yield* this.#silence();
    }
  }

  async *#begin(asked: Cursor | undefined): AsyncGenerator<FeedMessage, void, undefined> {
    const { store, place, slot } = this.#parts;
    const resumed = place.from === undefined ? undefined : { epoch: slot.epoch, seq: place.from };
    const after = resumed ?? asked;
    this.#prev = after ?? null;
    this.#position = after?.seq ?? 0;
    place.last = this.#position;
    const reason =
      asked && resumed === undefined ? store.read((db) => this.#whyNot(db, asked)) : undefined;
    if (after === undefined || reason !== undefined) yield* this.#state(reason);
  }

  /** Whether the last message of this reader is the last one of those it is to meet. */
  #standsWithOthers(): boolean {
    return this.#isGreeted && this.#prev?.seq === this.#parts.place.meeting?.at;
  }

  /** Why this cursor cannot be resumed; undefined when it can. */
  #whyNot(db: Db, after: Cursor): ResyncReason | undefined {
    if (after.epoch !== this.#parts.slot.epoch) return 'FOREIGN_EPOCH';
    if (after.seq > lastSeq(db)) return 'FUTURE';
    const { poolId } = this.#parts.filter;
    // It is of another pool that had this name: of that one nothing more can be told here.
    const isOfAnother = poolId !== undefined && tookNameSince(db, poolId, after.seq);
    return isOfAnother || after.seq < trimmedUpTo(db) ? 'TRIMMED' : undefined;
  }

  /** One message for each verb of which something is for this reader. */
  async *#verbs(rows: readonly Change[]): AsyncGenerator<FeedMessage, void, undefined> {
    let delivered = false;
    for (const verb of Map.groupBy(rows, (row) => row.tx).values()) {
      this.#position = verb.at(-1)?.seq ?? this.#position;
      const changes = verb.filter((row) => this.#isFor(row));
      if (changes.length === 0) continue;
      if ((await openForMessage(this.#parts)) === undefined) return;
      delivered = true;
      yield this.#message({ kind: 'CHANGES', changes });
    }
    // A long stretch that is not for this reader must not keep others from their turn.
    if (!delivered) await nextTurn(this.#parts.world);
  }

  #isFor(change: Change): boolean {
    const { filter, seen } = this.#parts;
    if (filter.poolId !== undefined && change.poolId !== filter.poolId) return false;
    if (filter.sessionId !== undefined && change.sessionId !== filter.sessionId) return false;
    if (filter.types !== undefined && !filter.types.includes(change.type)) return false;
    if (change.owner === null || seen === 'ALL') return true;
    return seen !== 'NONE' && change.owner === seen.owner;
  }

  /** Nothing to read: a bookmark when it is time for one, else a wait. */
  async *#silence(): AsyncGenerator<FeedMessage, void, undefined> {
    const { place, world } = this.#parts;
    const prev = this.#prev?.seq ?? 0;
    const at = place.meeting?.at ?? this.#position;
    // Others stand further on, and nothing lies between that is for this reader.
    if (prev < at && place.meeting !== undefined) return yield this.#bookmark(at);
    const silence = this.#position > prev ? BOOKMARK_AFTER_MS : HEARTBEAT_MS;
    const left = this.#isGreeted ? this.#sentAt + silence - world.elapsed() : 0;
    if (left <= 0) yield this.#bookmark(this.#position);
    else await this.#wait(left);
  }

  async #wait(ms: number): Promise<void> {
    const { seat, place } = this.#parts;
    const stop = place.meeting?.onMove(() => seat.wake());
    await place.wait(seat.wait(ms));
    stop?.();
  }

  #bookmark(seq: number): FeedMessage {
    return this.#message({ kind: 'BOOKMARK' }, seq);
  }

  /** The state at one position, in portions, all read in one transaction. */
  async *#state(reason: ResyncReason | undefined): AsyncGenerator<FeedMessage, void, undefined> {
    const { stateTurns, seat, slot, caller } = this.#parts;
    // Where it stands is known, so it need not wait to be told.
    const isKnown = reason === 'LAGGING';
    if (isKnown) yield this.#message({ kind: 'RESYNC', reason });
    const turn = await stateTurns.take(seat, caller);
    if (turn === undefined) return;
    try {
      const lease = await openForMessages(this.#parts, LONGEST_STATE_MS);
      if (lease === undefined) return;
      turn.use(() => slot.close(lease));
      this.#position = lastSeq(lease.db);
      if (reason !== undefined && !isKnown) yield this.#handOver({ kind: 'RESYNC', reason }, turn);
      yield* this.#portions(lease, turn);
    } finally {
      turn.end();
    }
  }

  async *#portions(lease: ReadLease, turn: Turn): AsyncGenerator<FeedMessage, void, undefined> {
    const { filter, seen, world } = this.#parts;
    assertOpen(lease);
    const portions = presentSubjects(lease.db, { ...filter, seen }, PORTION_SUBJECTS);
    let subjects = portions.next().value ?? [];
    for (let more = true; more;) {
      assertOpen(lease);
      // The next one is read first: each says whether another follows.
      const next = portions.next();
      more = next.done !== true;
      if (!more) world.soon(() => turn.end());
      yield this.#handOver({ kind: 'STATE', subjects, more }, turn);
      subjects = next.value ?? [];
    }
  }

  /** A reader that does not come back for the next message may lose its turn. */
  #handOver(content: Content, turn: Turn): FeedMessage {
    turn.handedOver();
    return this.#message(content);
  }

  #message(content: Content, seq = this.#position): FeedMessage {
    const { slot, place, world } = this.#parts;
    const cursor = { epoch: slot.epoch, seq };
    const message = { cursor, prev: this.#prev, ...content };
    this.#prev = cursor;
    this.#sentAt = world.elapsed();
    this.#isGreeted = true;
    place.isWhole = message.kind !== 'RESYNC' && !(message.kind === 'STATE' && message.more);
    if (place.isWhole) place.last = seq;
    return message;
  }
}

function assertOpen(lease: ReadLease): void {
  if (lease.isOpen) return;
  throw requestError('UNAVAILABLE', 'the state was taken too slowly; subscribe again');
}
