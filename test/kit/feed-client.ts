import { presentSubjects } from '../../db/subject.ts';
import type { ChangeFilter, Context, FeedMessage, Reads, Subject } from '../../schema/context.ts';
import type { Change } from '../../schema/model/change.ts';
import type { Cursor } from '../../schema/model/cursor.ts';
import { isUnfinished } from '../../schema/model/job.ts';
import { isLive } from '../../schema/model/session.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { sessionsSeenBy } from '../../server/reads.ts';
import type { TestStore } from './store.ts';

/** Where a client of the feed finds its server. */
type Served = Pick<TestStore, 'contexts'>;

/** Objects by type and id, as a client of the feed holds them. */
type State = Map<string, unknown>;

/** How a client subscribes. */
export interface Subscription {
  readonly viewer: Viewer;
  readonly filter?: ChangeFilter;
}

/**
 * One logical subscription as a careful client keeps it: it holds the state, proves for each
 * message that nothing is missing before it, and goes on after a break from where it was.
 */
export class FeedClient {
  /** All messages, over all connections. */
  readonly messages: FeedMessage[] = [];
  readonly changes: Change[] = [];
  readonly violations: string[] = [];
  state: State = new Map();
  /** Where to go on after a break; undefined until a state is complete. */
  cursor: Cursor | undefined;
  /** While it holds nothing is asked for: the reader is slow. */
  isPaused = false;
  /** What ended the connection, when that was an error. */
  error: unknown;
  readonly #kit: Served;
  readonly #subscription: Subscription;
  #last: Cursor | null = null;
  #isComplete = true;
  #stop: (() => Promise<unknown>) | undefined;
  #resume: (() => void) | undefined;

  constructor(kit: Served, subscription: Subscription) {
    this.#kit = kit;
    this.#subscription = subscription;
  }

  get isConnected(): boolean {
    return this.#stop !== undefined;
  }

  /** Subscribes, behind the last cursor when there is one. */
  connect(kit = this.#kit): void {
    if (this.isConnected) return;
    void this.#run(kit);
  }

  /** Breaks the connection, as a network does. */
  async drop(): Promise<void> {
    const stop = this.#stop;
    this.#stop = undefined;
    this.unpause();
    await stop?.();
  }

  unpause(): void {
    this.isPaused = false;
    this.#resume?.();
  }

  async #run(kit: Served): Promise<void> {
    const { viewer, filter = {} } = this.#subscription;
    const operation = await kit.contexts.openForSubscription(viewer);
    const { context } = operation;
    const stream = context.feed.changes({ after: this.cursor, filter });
    const stop = () => stream.return?.() ?? Promise.resolve();
    this.#stop = stop;
    this.#last = this.cursor ?? null;
    try {
      for await (const message of stream) {
        if (this.#stop !== stop) break;
        this.#take(message, context);
        await this.#pause();
      }
    } catch (error) {
      this.error = error;
    } finally {
      operation.close();
      if (this.#stop === stop) this.#stop = undefined;
    }
  }

  async #pause(): Promise<void> {
    if (!this.isPaused) return;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
  }

  #take(message: FeedMessage, { reads }: Context): void {
    this.#check(message, reads);
    this.messages.push(message);
    this.#last = message.cursor;
    if (message.kind === 'STATE') {
      if (this.#isComplete) this.state = new Map();
      for (const subject of message.subjects) this.#put(subject, reads);
      this.#isComplete = !message.more;
    }
    if (message.kind === 'CHANGES') {
      this.changes.push(...message.changes);
      for (const { type, subjectId } of message.changes) this.#put({ type, id: subjectId }, reads);
    }
    if (message.kind !== 'RESYNC' && this.#isComplete) this.cursor = message.cursor;
  }

  #check(message: FeedMessage, reads: Reads): void {
    const said = `${message.kind} at ${message.cursor.seq}`;
    const { kind, cursor, prev } = message;
    if (prev?.seq !== this.#last?.seq || prev?.epoch !== this.#last?.epoch) {
      this.violations.push(`${said}: prev is ${prev?.seq}, the last was ${this.#last?.seq}`);
    }
    if (kind === 'CHANGES' && prev !== null && cursor.seq <= prev.seq) {
      this.violations.push(`${said}: goes back from ${prev.seq}`);
    }
    const seen = reads.cursor().seq;
    if (kind === 'STATE' ? seen !== cursor.seq : seen < cursor.seq) {
      this.violations.push(`${said}: is read at ${seen}`);
    }
  }

  #put(subject: Subject, reads: Reads): void {
    const row = presentRow(subject, reads);
    const key = `${subject.type} ${subject.id}`;
    if (row === undefined) this.state.delete(key);
    else this.state.set(key, row);
  }
}

/** The row of a thing that is present for a viewer. */
function presentRow({ type, id }: Subject, reads: Reads): unknown {
  switch (type) {
    case 'SESSION':
      return unless(reads.session(id), (row) => !isLive(row));
    case 'CLUSTER_POOL':
      return unless(reads.clusterPool(id), (row) => row.deletedAt !== null);
    case 'CLUSTER':
      return unless(reads.cluster(id), (row) => row.removedAt !== null);
    case 'VM_HANDLE':
      return unless(reads.vmHandle(id), (row) => row.endedAt !== null);
    case 'SNAPSHOT':
      return reads.snapshot(id);
    case 'IMAGE':
      return reads.image(id);
    case 'JOB':
      return unless(reads.job(id), (row) => !isUnfinished(row));
  }
}

function unless<Row>(row: Row | undefined, isGone: (row: Row) => boolean): Row | undefined {
  return row === undefined || isGone(row) ? undefined : row;
}

/** What a client of the feed should hold now. */
export async function stateNow(
  kit: Pick<TestStore, 'contexts' | 'store' | 'done'>,
  subscription: Subscription,
): Promise<State> {
  const operation = await kit.done(kit.contexts.open(subscription.viewer));
  const scope = { ...subscription.filter, seen: sessionsSeenBy(subscription.viewer) };
  const state: State = new Map();
  const portions = kit.store.read((db) => [...presentSubjects(db, scope, 1_000)]);
  for (const { type, id } of portions.flat()) {
    const row = presentRow({ type, id }, operation.context.reads);
    if (row !== undefined) state.set(`${type} ${id}`, row);
  }
  operation.close();
  return state;
}
