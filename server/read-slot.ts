import type { Db } from '../db/connection.ts';
import type { ReadLease, ReadLine } from '../db/readers.ts';
import type { Store } from '../db/store.ts';
import type { World } from './world.ts';

/**
 * Where the reads of one operation go: the transaction that is open for it now. A request has
 * one, and another after each verb; a subscription has one for each message.
 */
export class ReadSlot {
  readonly #store: Store;
  readonly #world: World;
  readonly #line: ReadLine;
  #lease: ReadLease | undefined;
  #openedAt = 0;
  /** Whether the open transaction is for one message only. */
  #isForMessage = false;

  /** The slot of a request, or of a subscription, which waits among the readers of the feed. */
  constructor(store: Store, world: World, line: ReadLine) {
    this.#store = store;
    this.#world = world;
    this.#line = line;
  }

  /** Begins a transaction; one that is still open ends. */
  async open(longestMs?: number): Promise<ReadLease> {
    const lease = await this.#store.lease(longestMs, this.#line);
    this.close();
    this.#lease = lease;
    this.#isForMessage = false;
    this.#openedAt = this.#world.now();
    return lease;
  }

  /** Begins a transaction for one message; it ends with the present turn of the event loop. */
  async openForMessage(): Promise<ReadLease> {
    const lease = await this.open();
    this.#isForMessage = true;
    this.#world.soon(() => this.close(lease));
    return lease;
  }

  /** A message has been read; a transaction that is for more messages goes on. */
  closeMessage(): void {
    if (this.#isForMessage) this.close();
  }

  /** Ends this transaction, or the present one. */
  close(lease = this.#lease): void {
    lease?.release();
    if (lease === this.#lease) this.#lease = undefined;
  }

  /** Reads within the open transaction; without one, a subscription reads what is committed now. */
  read<T>(body: (db: Db) => T): T {
    if (this.#lease?.isOpen === true) return body(this.#lease.db);
    if (this.#line === 'FEED') return this.#store.read(body);
    throw new Error('the read transaction of this operation has ended');
  }

  /** The time at which the transaction began. */
  now(): number {
    return this.#lease?.isOpen === true ? this.#openedAt : this.#world.now();
  }

  /** Where the log ends for this transaction. */
  get epoch(): string {
    return this.#store.installation.epoch;
  }
}
