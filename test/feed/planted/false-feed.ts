import type { Store } from '../../../db/store.ts';
import type { Feed, FeedMessage, Subject } from '../../../schema/context.ts';
import type { Cursor } from '../../../schema/model/cursor.ts';
import type { FeedFor } from '../../../server/context.ts';
import type { Ports } from '../ports.ts';

/** How a feed is made false. */
export interface Falsehood {
  /** What is resumed instead of the cursor that was asked for. */
  readonly after?: (asked: Cursor) => Cursor;
  /** What is told instead of a message; asked anew for each stream. */
  readonly tell?: (asked: Cursor | undefined) => (message: FeedMessage) => FeedMessage[];
  /** What is told instead of the latest state of something. */
  readonly tellLatest?: (subject: Subject) => Subject[];
}

/**
 * A feed that tells something else than the true one. It lies well: `prev` fits what it has told,
 * so that only what is missing, doubled or out of order can give it away.
 */
export function falseFeed(falsehoodOf: (store: Store) => Falsehood): NonNullable<Ports['feed']> {
  return (feedFor: FeedFor, store: Store): FeedFor => {
    const falsehood = falsehoodOf(store);
    return (viewer, slot, place) => falsified(feedFor(viewer, slot, place), falsehood);
  };
}

function falsified(feed: Feed, { after, tell, tellLatest }: Falsehood): Feed {
  const latest = (stream: AsyncIterableIterator<Subject>) =>
    tellLatest === undefined ? stream : instead(stream, tellLatest);
  return {
    changes(args) {
      const asked = args.after;
      const begun = asked === undefined || after === undefined ? asked : after(asked);
      const stream = feed.changes({ ...args, after: begun });
      const told = tell?.(asked) ?? ((message: FeedMessage) => [message]);
      return instead(stream, chained(asked, begun, told));
    },
    updates: async (subject) => latest(await feed.updates(subject)),
    updatesInPool: async (type, pool) => latest(await feed.updatesInPool(type, pool)),
    updatesOfImage: async (name) => latest(await feed.updatesOfImage(name)),
  };
}

function chained(
  asked: Cursor | undefined,
  begun: Cursor | undefined,
  tell: (message: FeedMessage) => FeedMessage[],
): (message: FeedMessage) => FeedMessage[] {
  let last: Cursor | null | undefined;
  return (message) =>
    tell(message).map((one) => {
      const isFirst = last === undefined;
      const wasAsked = one.prev?.seq === begun?.seq && one.prev?.epoch === begun?.epoch;
      const first = wasAsked ? (asked ?? null) : one.prev;
      const prev = isFirst ? first : (last ?? null);
      last = one.cursor;
      return { ...one, prev };
    });
}

/** A stream that tells something else for each message, or nothing. */
function instead<Message>(
  stream: AsyncIterableIterator<Message>,
  tell: (message: Message) => Message[],
): AsyncIterableIterator<Message> {
  const ready: Message[] = [];
  return {
    async next() {
      while (ready.length === 0) {
        const next = await stream.next();
        if (next.done === true) return next;
        ready.push(...tell(next.value));
      }
      return { done: false, value: ready.shift() as Message };
    },
    return: async () => (await stream.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
