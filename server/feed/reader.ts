import type { ReadLease } from '../../db/readers.ts';
import type { SessionsSeen } from '../../db/session.ts';
import type { Store } from '../../db/store.ts';
import type { Hub, Seat } from '../hub.ts';
import type { ReadSlot } from '../read-slot.ts';
import type { World } from '../world.ts';
import type { Place } from './place.ts';

/** What every reader of the log is made of. */
export interface ReaderParts {
  readonly store: Store;
  readonly world: World;
  /** Where the message that is delivered is read. */
  readonly slot: ReadSlot;
  readonly seat: Seat;
  readonly place: Place;
  /** Whose sessions the reader sees. */
  readonly seen: SessionsSeen;
}

/**
 * Opens the transaction in which the next message is read. It ends when the message has been
 * read, for that takes promises only, never a turn of the event loop. Undefined when the reader
 * has left.
 */
export function openForMessage(parts: ReaderParts): Promise<ReadLease | undefined> {
  return unlessLeft(parts, parts.slot.openForMessage());
}

/** Opens a transaction for several messages; undefined when the reader has left meanwhile. */
export function openForMessages(
  parts: ReaderParts,
  longestMs: number,
): Promise<ReadLease | undefined> {
  return unlessLeft(parts, parts.slot.open(longestMs));
}

async function unlessLeft(
  { slot, seat }: ReaderParts,
  opening: Promise<ReadLease>,
): Promise<ReadLease | undefined> {
  try {
    const lease = await opening;
    if (seat.isOpen) return lease;
    slot.close(lease);
    return undefined;
  } catch (error) {
    // The database may be closed right after its readers were told to leave.
    if (!seat.isOpen) return undefined;
    throw error;
  }
}

/**
 * The messages of a reader, pulled one by one. Its place in the hub is taken when the first is
 * asked for. `return` ends it at once, also while it waits: a generator alone would first wait on.
 */
export function streamOf<Message>(
  hub: Hub,
  read: (seat: Seat) => AsyncGenerator<Message, void, undefined>,
): AsyncIterableIterator<Message, void, undefined> {
  let seat: Seat | undefined;
  let messages: AsyncGenerator<Message, void, undefined> | undefined;
  let hasEnded = false;
  const start = () => {
    seat = hub.join();
    return leavingAtEnd(seat, read(seat));
  };
  return {
    async next() {
      if (hasEnded) return { done: true, value: undefined };
      messages ??= start();
      return messages.next();
    },
    async return() {
      hasEnded = true;
      seat?.leave();
      return messages?.return() ?? { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* leavingAtEnd<Message>(
  seat: Seat,
  messages: AsyncGenerator<Message, void, undefined>,
): AsyncGenerator<Message, void, undefined> {
  try {
    yield* messages;
  } finally {
    seat.leave();
  }
}
