import { changesAfter, lastSeq, trimmedUpTo } from '../../db/change.ts';
import type { Db } from '../../db/connection.ts';
import type { Store } from '../../db/store.ts';
import type { Change, SubjectType } from '../../schema/model/change.ts';
import { idOf, readEverything, readThing, type Thing } from './things.ts';

const ALL = 1_000_000;

interface Entry {
  readonly seq: number;
  readonly thing: Thing | undefined;
}

/**
 * What was committed under one epoch, noted at each commit before anybody is told: every row of
 * the log, trimmed or not, and every thing as it was at every position.
 */
export class History {
  readonly epoch: string;
  readonly log: Change[] = [];
  /** How far the log is committed. */
  head = 0;
  /** The highest position that anybody was told. */
  highestTold = 0;
  readonly #committedAt = new Map<number, number>();
  readonly #entries = new Map<string, Entry[]>();
  readonly #ends = new Map<number, number>();

  constructor(epoch: string) {
    this.epoch = epoch;
  }

  /** Notes what was there before the first commit that it saw. */
  begin(db: Db): void {
    this.head = lastSeq(db);
    this.#keep(changesAfter(db, trimmedUpTo(db), ALL));
    for (const [id, thing] of readEverything(db)) {
      this.#entries.set(id, [{ seq: this.head, thing }]);
    }
  }

  /** Notes a commit. */
  note(db: Db, now: number): void {
    const rows = changesAfter(db, this.head, ALL);
    this.head = lastSeq(db);
    this.#keep(rows);
    this.#committedAt.set(this.head, now);
    const touched = new Map(rows.map((row) => [row.subjectId, row]));
    for (const { type, subjectId } of touched.values()) this.#noteThing(db, type, subjectId);
  }

  /** What is wrong with a database that a kill has left. */
  whatWasLost(db: Db): string[] {
    const head = lastSeq(db);
    const lost =
      head < this.highestTold ? [`W1: ${this.highestTold} was told, ${head} is left`] : [];
    const kept = changesAfter(db, trimmedUpTo(db), ALL);
    const noted = this.log.filter(({ seq }) => seq > trimmedUpTo(db) && seq <= head);
    return JSON.stringify(kept) === JSON.stringify(noted)
      ? lost
      : [...lost, `W1: the log was changed: ${kept.length} rows are left of ${noted.length}`];
  }

  /** The last position of the verb that has this row. */
  endOfVerb(seq: number): number | undefined {
    const row = this.row(seq);
    return row && this.#ends.get(row.tx);
  }

  row(seq: number): Change | undefined {
    const first = this.log[0]?.seq ?? 0;
    return this.log[seq - first];
  }

  /** The rows behind a position, up to another. */
  between(from: number, to: number): Change[] {
    const first = this.log[0]?.seq ?? 0;
    return this.log.slice(Math.max(from + 1 - first, 0), Math.max(to + 1 - first, 0));
  }

  /** When the commit with this row was on disk, in elapsed time. */
  committedAt(seq: number): number | undefined {
    for (let at = seq; at <= this.head; at += 1) {
      const found = this.#committedAt.get(at);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A thing as it was at a position. */
  thingAt(id: string, seq: number): Thing | undefined {
    return this.#entries.get(id)?.findLast((entry) => entry.seq <= seq)?.thing;
  }

  /** Everything as it was at a position, by the ids that clients know. */
  *allAt(seq: number): Generator<[string, Thing]> {
    for (const id of this.#entries.keys()) {
      const thing = this.thingAt(id, seq);
      if (thing !== undefined) yield [id, thing];
    }
  }

  /** Who owns, or owned, this session. */
  ownerOf(id: string): string | undefined {
    return (
      this.#entries.get(id)?.findLast(({ thing }) => thing?.owner != null)?.thing?.owner ??
      undefined
    );
  }

  #keep(rows: readonly Change[]): void {
    this.log.push(...rows);
    for (const { tx, seq } of rows) this.#ends.set(tx, seq);
  }

  #noteThing(db: Db, type: SubjectType, subjectId: string): void {
    const id = idOf(type, subjectId);
    const entries = this.#entries.get(id) ?? [];
    entries.push({ seq: this.head, thing: readThing(db, type, subjectId) });
    this.#entries.set(id, entries);
  }
}

/** The histories of all epochs. */
export class Ledger {
  readonly #histories = new Map<string, History>();

  /** Follows a store; answers what its last life has lost, and how to stop. */
  follow(store: Store, elapsed: () => number): { lost: string[]; stop: () => void } {
    const { epoch } = store.installation;
    const known = this.#histories.get(epoch);
    const history = known ?? new History(epoch);
    const lost = known === undefined ? [] : store.read((db) => known.whatWasLost(db));
    if (known === undefined) store.read((db) => history.begin(db));
    this.#histories.set(epoch, history);
    const note = () => store.read((db) => history.note(db, elapsed()));
    return { lost, stop: store.onCommit(note) };
  }

  of(epoch: string): History | undefined {
    return this.#histories.get(epoch);
  }
}
