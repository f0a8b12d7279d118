import { parseCursor, type Cursor } from '../../schema/model/cursor.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import type { Operation } from '../../server/http/operation.ts';
import { findForeign, isFor } from './rights.ts';
import type { History } from './ledger.ts';
import type { Listener } from './reader.ts';
import {
  askChanges,
  type DOCUMENTS,
  type MessageJson,
  type ThingJson,
  type Wanted,
} from './question.ts';
import type { Servers } from './servers.ts';
import { subjectsOf, wrongChanges, wrongState } from './told.ts';

/** Promised is 10 s; virtual time is exact. */
const LONGEST_SILENCE_MS = 10_000;
/** How late a change may be for a reader that reads. */
const LATEST_MS = 1_000;

/** What is known of the present connection. */
interface Connection {
  /** Why the first message must be a resync; undefined when it must not be one. */
  readonly due: string | undefined;
  /** The cursor that `prev` of the next message must be. */
  last: string | undefined;
  /** Since when it reads without a pause; undefined while it does not. */
  readingSince: number | undefined;
  lastAt: number;
  isFirst: boolean;
  /** Set by a resync: only a state may follow. */
  awaitsState: boolean;
  /** Parts of a state that is not whole yet. */
  portions: Map<string, ThingJson> | undefined;
}

/** Checks every message of one logical subscription to `changes` against the ledger. */
export class ChangesListener implements Listener {
  readonly faults: string[] = [];
  /** What it holds: each thing as it was told of it last. */
  readonly state = new Map<string, ThingJson>();
  readonly wanted: Wanted;
  /** Where to go on after a break; undefined until a state is whole. */
  after: string | undefined;
  messages = 0;
  resyncs = 0;
  readonly #servers: Servers;
  readonly document: keyof typeof DOCUMENTS;
  /** Whether nothing but the server can make it wait. */
  #isPrompt = true;
  #viewer: Viewer | undefined;
  #now: Connection | undefined;

  constructor(servers: Servers, document: keyof typeof DOCUMENTS, wanted: Wanted = {}) {
    this.#servers = servers;
    this.document = document;
    this.wanted = wanted;
  }

  ask(): Operation {
    return askChanges(this.document, this.wanted, this.after);
  }

  begin(at: number, viewer: Viewer, isPrompt: boolean): void {
    this.#viewer = viewer;
    this.#isPrompt = isPrompt;
    this.#now = {
      due: this.#dueResync(),
      last: this.after,
      readingSince: at,
      lastAt: at,
      isFirst: true,
      awaitsState: false,
      portions: undefined,
    };
  }

  take(data: Record<string, unknown>, at: number): void {
    const message = data['changes'] as MessageJson | undefined;
    if (message === undefined) return void this.faults.push('W10: told what others asked');
    const now = this.#now;
    const cursor = parseCursor(message.cursor);
    if (now === undefined || this.#viewer === undefined || cursor === undefined) return;
    this.messages += 1;
    const history = this.#servers.ledger.of(cursor.epoch);
    if (cursor.epoch !== this.#servers.store.installation.epoch || history === undefined)
      return this.#fault('W7', message, 'is of another epoch');
    this.#checkChain(message, now);
    this.#checkOrder(message, cursor, history);
    this.#checkTime(message, cursor, { history, now, at });
    this.#checkRights(message, history);
    this.#checkContent(message, cursor, { history, now });
    now.last = message.cursor;
    now.lastAt = at;
    now.isFirst = false;
    history.highestTold = Math.max(history.highestTold, cursor.seq);
    if (message.__typename !== 'FeedResync' && now.portions === undefined && !now.awaitsState)
      this.after = message.cursor;
  }

  refused(messages: string): boolean {
    // Whoever takes a state in more than 10 s is told to come again.
    return messages.includes('the state was taken too slowly') && this.#now?.isFirst !== true;
  }

  completed(): void {
    this.faults.push('ended: the server completed a feed');
  }

  end(): void {
    if (this.#now !== undefined) this.#checkSilence(this.#now, this.#servers.world.elapsed());
    this.#now = undefined;
  }

  paused(isPaused: boolean, at: number): void {
    if (this.#now === undefined) return;
    if (isPaused) this.#checkSilence(this.#now, at);
    this.#now.readingSince = isPaused ? undefined : at;
  }

  /** Loses a right: what it holds and may not see any more it throws away. */
  loseSight(viewer: Viewer, ownerOf: (id: string) => string | undefined): void {
    for (const id of this.state.keys()) {
      const owner = ownerOf(id);
      if (owner !== undefined && (viewer.role !== 'USER' || owner !== viewer.name))
        this.state.delete(id);
    }
  }

  /** Why its cursor cannot be resumed on the present database. */
  #dueResync(): string | undefined {
    const cursor = this.after === undefined ? undefined : parseCursor(this.after);
    if (cursor === undefined) return undefined;
    const { store } = this.#servers;
    if (cursor.epoch !== store.installation.epoch) return 'FOREIGN_EPOCH';
    if (cursor.seq > store.head().seq) return 'FUTURE';
    return cursor.seq < this.#servers.trimmedUpTo() ? 'TRIMMED' : undefined;
  }

  #checkChain(message: MessageJson, now: Connection): void {
    if ((message.prev ?? undefined) !== now.last)
      this.#fault('W4', message, `follows ${message.prev}, the last was ${now.last}`);
    if (now.awaitsState && message.__typename !== 'FeedState')
      this.#fault('W7', message, 'comes instead of the state');
    const isResync = message.__typename === 'FeedResync';
    if (isResync) this.resyncs += 1;
    const reason = isResync ? message.reason : undefined;
    if (now.isFirst && now.due !== reason) this.#checkFirst(message, now, reason);
    else if (!now.isFirst && isResync) this.#checkLagging(message, now, message.reason);
  }

  /** A reader that subscribes and is too slow at once may lag before it was told anything. */
  #checkFirst(message: MessageJson, now: Connection, reason: string | undefined): void {
    if (now.due === undefined && reason === 'LAGGING')
      return this.#checkLagging(message, now, reason);
    if (now.due === 'TRIMMED' && reason === 'LAGGING') return;
    this.#fault(now.due === undefined ? 'W6' : 'W7', message, `${reason}, due was ${now.due}`);
  }

  #checkLagging(message: MessageJson, now: Connection, reason: string): void {
    const last = parseCursor(now.last ?? '')?.seq ?? 0;
    if (reason !== 'LAGGING' || this.#servers.trimmedUpTo() <= last)
      this.#fault('W7', message, `${reason} behind ${now.last}, which is kept`);
  }

  #checkOrder(message: MessageJson, { epoch, seq }: Cursor, history: History): void {
    const prev = parseCursor(message.prev ?? '');
    if (seq > history.head) this.#fault('W1', message, `is not committed: ${history.head} is`);
    const end = history.endOfVerb(seq);
    if (end !== undefined && end !== seq) this.#fault('W5', message, `stands within a verb`);
    if (prev === undefined || prev.epoch !== epoch || message.__typename === 'FeedResync') return;
    const mayStay = message.__typename !== 'FeedChanges';
    if (seq < prev.seq || (seq === prev.seq && !mayStay))
      this.#fault('W3', message, `does not rise from ${prev.seq}`);
  }

  #checkTime(
    message: MessageJson,
    { seq }: Cursor,
    { history, now, at }: { history: History; now: Connection; at: number },
  ): void {
    this.#checkSilence(now, at);
    const isNews = message.__typename === 'FeedChanges' && this.#isPrompt;
    const committedAt = isNews ? history.committedAt(seq) : undefined;
    if (committedAt === undefined || now.readingSince === undefined) return;
    const wasThere = committedAt >= now.readingSince + LATEST_MS;
    if (wasThere && at - committedAt > LATEST_MS)
      this.#fault('W9', message, `is ${at - committedAt} ms late, and nobody was in its way`);
  }

  #checkSilence(now: Connection, at: number): void {
    if (now.readingSince === undefined || !this.#isPrompt) return;
    const silence = at - Math.max(now.lastAt, now.readingSince);
    if (silence > LONGEST_SILENCE_MS) this.faults.push(`W8: silence for ${silence} ms`);
  }

  #checkRights(message: MessageJson, history: History): void {
    if (this.#viewer === undefined) return;
    const foreign = findForeign(message, this.#viewer, (id) => history.ownerOf(id));
    for (const what of foreign) this.#fault('W10', message, `tells of ${what}`);
  }

  #checkContent(
    message: MessageJson,
    { seq }: Cursor,
    { history, now }: { history: History; now: Connection },
  ): void {
    const viewer = this.#viewer;
    if (viewer === undefined) return;
    const prev = parseCursor(message.prev ?? '')?.seq ?? 0;
    now.awaitsState = message.__typename === 'FeedResync';
    if (message.__typename === 'FeedState') return this.#takeState(message, seq, history, now);
    if (message.__typename === 'FeedResync') return;
    const due = history
      .between(prev, seq)
      .filter((row) => isFor(row, viewer, this.wanted, this.#pool()));
    const changes = message.__typename === 'FeedChanges' ? message.changes : [];
    for (const wrong of wrongChanges(changes, due, seq, history)) this.faults.push(wrong);
    for (const { id, subject } of changes) {
      const [thing] = subjectsOf(subject === null ? [] : [subject]);
      if (thing === undefined) this.state.delete(id);
      else this.state.set(id, thing);
    }
  }

  #takeState(
    message: Extract<MessageJson, { __typename: 'FeedState' }>,
    seq: number,
    history: History,
    now: Connection,
  ): void {
    const portions = now.portions ?? new Map<string, ThingJson>();
    for (const thing of subjectsOf(message.subjects)) portions.set(thing.id, thing);
    now.portions = message.more ? portions : undefined;
    if (message.more || this.#viewer === undefined) return;
    this.state.clear();
    for (const [id, thing] of portions) this.state.set(id, thing);
    const scope = { viewer: this.#viewer, wanted: this.wanted, poolId: this.#pool() };
    this.faults.push(...wrongState(portions, history.allAt(seq), scope).map((one) => `W2: ${one}`));
  }

  #pool(): string | undefined {
    return this.wanted.pool === undefined ? undefined : this.#servers.poolId(this.wanted.pool);
  }

  #fault(promise: string, { __typename, cursor }: MessageJson, text: string): void {
    this.faults.push(`${promise}: ${__typename} ${cursor} ${text}`);
  }
}
