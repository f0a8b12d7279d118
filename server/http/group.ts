import type { ExecutionResult } from 'graphql';
import { type Meeting, Place } from '../feed/place.ts';
import { nextTurn, type World } from '../world.ts';
import { Batch, serialised } from './outlet.ts';
import type { Pace } from './pace.ts';
import type { Source } from './result-stream.ts';

/** A subscription as its group knows it. */
export interface Member extends Meeting {
  /** Sends what all are told; false when its line cannot take it. */
  take(batch: Batch): boolean;
  /** Goes on alone behind a position, once its line takes more. */
  resume(from: number): Promise<void>;
  /** Nothing more will come. */
  complete(): void;
}

/** What a group is made of. */
export interface GroupParts {
  readonly world: World;
  readonly pace: Pace;
  /** Runs the operation that all of the group asked, from a place on. */
  readonly open: (place: Place) => Promise<Source | ExecutionResult>;
  /** One has left; whether it was the last. */
  readonly onLeave: (isEmpty: boolean) => void;
}

/** Results of one batch at most: what an unhappy reader may hold unsent. */
const MOST_BATCH_BYTES = 16_384;
/** Readers that are written to in one turn of the event loop. */
const AT_ONCE = 500;

/**
 * Those who asked the same and may see the same. The log is read, the operation executed and its
 * result serialised once for all of them: the stream of the first who was level goes on for the
 * group, whoever stays. All stand at one position, so each result fits all of them.
 *
 * Each has taken what it was sent before it is sent more. Who has not leaves the group, so that
 * it neither holds the others up nor lets anything pile up here.
 */
export class Group {
  readonly #parts: GroupParts;
  readonly #members = new Set<Member>();
  readonly #wakes = new Set<() => void>();
  /** Those who could not take more, by the position they will go on from. */
  readonly #behind = new Map<Member, number>();
  /** Subscriptions that belong here, also those that are on their own at present. */
  #count = 0;
  #source: Source | undefined;
  #at: number | undefined;
  /** Whether all have a whole state, and not the beginning of a new one. */
  #isWhole = true;
  #isBusy = false;

  constructor(parts: GroupParts) {
    this.#parts = parts;
  }

  /**
   * The position of the last message that all have; undefined while nobody reads for them, and no
   * position at all in the middle of a state.
   */
  get at(): number | undefined {
    if (this.#source === undefined) return undefined;
    return this.#isWhole ? this.#at : NaN;
  }

  /** Whether all that was read has been sent, and nothing is being read. */
  get isQuiet(): boolean {
    return this.#source === undefined || (!this.#isBusy && this.#source.place.isWaiting);
  }

  /** The position of the one furthest back of those who cannot take more. */
  get slowest(): number | undefined {
    return this.#behind.size === 0 ? undefined : Math.min(...this.#behind.values());
  }

  /** At which those go who are on their own. */
  get pace(): Pace {
    return this.#parts.pace;
  }

  /** A subscription belongs here from now on. */
  enter(): void {
    this.#count += 1;
  }

  /** A subscription is over. */
  leave(member: Member): void {
    this.#members.delete(member);
    this.#behind.delete(member);
    this.#count -= 1;
    if (this.#members.size === 0) this.#endSource();
    this.#parts.onLeave(this.#count === 0);
  }

  /** Takes in a subscription that stands where all stand; see `Meeting`. */
  admit(member: Member, source: Source | undefined): 'JOINED' | 'LEADS' {
    this.#members.add(member);
    if (this.#source !== undefined || source === undefined) return 'JOINED';
    this.#source = source;
    this.#at = source.place.last;
    this.#isWhole = true;
    return 'LEADS';
  }

  /** Whether this source reads for the group, or did so to the end. */
  isLedBy(source: Source): boolean {
    return this.#source === source;
  }

  /** Calls back when all have moved on; returns how to stop. */
  onMove(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => void this.#wakes.delete(wake);
  }

  /** Opens the operation for one that goes on alone. */
  async openAt(from: number, member: Member): Promise<Source | ExecutionResult> {
    this.#behind.delete(member);
    return await this.#parts.open(new Place(from, member));
  }

  /** Tells all what its source reads, from this result on, until there is no more. */
  async lead(source: Source, first: IteratorResult<ExecutionResult>): Promise<void> {
    let next = first;
    while (next.done !== true && this.#source === source) {
      this.#isBusy = true;
      next = await this.#tellTogether(source, next.value);
    }
    if (this.#source !== source) return;
    this.#source = undefined;
    this.#isBusy = false;
    for (const member of this.#members) member.complete();
  }

  /** Tells what can be read within this turn in one batch; answers what comes behind it. */
  async #tellTogether(
    { stream, place }: Source,
    first: ExecutionResult,
  ): Promise<IteratorResult<ExecutionResult>> {
    const results = [serialised(first)];
    let bytes = results[0]?.length ?? 0;
    let { last, isWhole } = place;
    let upcoming = stream.next();
    const turnOver = nextTurn(this.#parts.world);
    while (bytes < MOST_BATCH_BYTES) {
      const next = await Promise.race([upcoming, turnOver]);
      if (typeof next !== 'object' || next.done === true) break;
      const result = serialised(next.value);
      results.push(result);
      bytes += result.length;
      ({ last, isWhole } = place);
      upcoming = stream.next();
    }
    // All may have left meanwhile, and those who came since have been told this on their own.
    if (this.#source?.place === place) {
      this.#isWhole = isWhole;
      await this.#send(new Batch(results), last);
    }
    if (this.#source?.place === place) this.#isBusy = false;
    return await upcoming;
  }

  async #send(batch: Batch, last: number): Promise<void> {
    const before = this.#at ?? last;
    this.#at = last;
    let written = 0;
    // Whoever comes meanwhile stands behind this batch already.
    const told = [...this.#members];
    for (const member of told) {
      if (!this.#members.has(member)) continue;
      if (!member.take(batch)) this.#leaveBehind(member, before);
      written += 1;
      if (written % AT_ONCE === 0) await nextTurn(this.#parts.world);
    }
    for (const wake of this.#wakes) wake();
    // What was written is on its way before anybody is asked whether there is room.
    await nextTurn(this.#parts.world);
  }

  #leaveBehind(member: Member, from: number): void {
    this.#members.delete(member);
    this.#behind.set(member, from);
    void member.resume(from);
    if (this.#members.size === 0) this.#endSource();
  }

  #endSource(): void {
    const source = this.#source;
    this.#source = undefined;
    this.#isBusy = false;
    void source?.stream.return();
  }
}
