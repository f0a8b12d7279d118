import { lastSeq, trimmedUpTo } from '../../../db/change.ts';
import type { FeedMessage } from '../../../schema/context.ts';
import type { Bug } from '../ports.ts';
import { falseFeed } from './false-feed.ts';

/** Bugs of those who read the log: the seven that etcd's watch has had, and some of our own. */

type Changes = Extract<FeedMessage, { kind: 'CHANGES' }>;

const withRows = (message: Changes, changes: Changes['changes']): Changes => ({
  ...message,
  changes,
});

/** Tells of a position before it tells what happened up to there (etcd 15220). */
export const bookmarkAhead: Bug = {
  name: 'bookmark ahead of its events',
  breaks: 'W4',
  plant: (random) => ({
    feed: falseFeed(() => ({
      tell: () => (message) => {
        if (message.kind !== 'CHANGES' || random() > 0.1) return [message];
        const { cursor, prev } = message;
        return [{ kind: 'BOOKMARK', cursor, prev }, message];
      },
    })),
  }),
};

/** Resumes before the cursor it was given (etcd 15271). */
export const backInTime: Bug = {
  name: 'going back in time',
  breaks: 'W3',
  plant: (random) => ({
    feed: falseFeed((store) => ({
      after(asked) {
        const earliest = store.read(trimmedUpTo);
        const isKept = asked.epoch === store.installation.epoch && asked.seq > earliest;
        if (!isKept || random() > 0.5) return asked;
        return { ...asked, seq: Math.max(asked.seq - 20, earliest) };
      },
    })),
  }),
};

/** Tells a change twice (etcd 17247). */
export const duplicate: Bug = {
  name: 'duplicate',
  breaks: 'W3',
  plant: (random) => ({
    feed: falseFeed(() => ({
      tell: () => (message) =>
        message.kind === 'CHANGES' && random() < 0.05 ? [message, message] : [message],
    })),
  }),
};

/** Once the log was trimmed, what was deleted is not told (etcd 18089). */
export const lostAtTrim: Bug = {
  name: 'delete lost at a trim',
  breaks: 'W4',
  plant: () => ({
    feed: falseFeed((store) => ({
      tell: () => (message) => {
        if (message.kind !== 'CHANGES' || store.read(trimmedUpTo) === 0) return [message];
        const rest = message.changes.filter(({ kind }) => kind !== 'DELETED');
        return rest.length === 0 ? [] : [withRows(message, rest)];
      },
    })),
  }),
};

/** Opened just where the log was trimmed, it skips the first verb (etcd 19179). */
export const lostAtTrimmedPosition: Bug = {
  name: 'change missing when opened at the trimmed position',
  breaks: 'W6',
  plant: () => ({
    feed: falseFeed((store) => ({
      tell(asked) {
        let skips = asked !== undefined && asked.seq === store.read(trimmedUpTo);
        return (message) => {
          if (message.kind !== 'CHANGES' || !skips) return [message];
          skips = false;
          return [];
        };
      },
    })),
  }),
};

/** Takes a cursor of the future for the end of the log, or nearly so (etcd 20221). */
export const oldEventsForTheFuture: Bug = {
  name: 'old events for a future cursor',
  breaks: 'W7',
  plant: () => ({
    feed: falseFeed((store) => ({
      after(asked) {
        const head = store.read(lastSeq);
        return asked.seq <= head ? asked : { epoch: store.installation.epoch, seq: head };
      },
    })),
  }),
};

/** Resumes at the end of the log. */
export const lostAtReconnect: Bug = {
  name: 'lost at reconnect',
  breaks: 'W6',
  plant: (random) => ({
    feed: falseFeed((store) => ({
      after(asked) {
        const head = store.head();
        const isBehind = asked.epoch === head.epoch && asked.seq < head.seq;
        return isBehind && random() < 0.5 ? head : asked;
      },
    })),
  }),
};

/** Tells the changes of one verb in two messages. */
export const halfAVerb: Bug = {
  name: 'half a verb',
  breaks: 'W5',
  plant: (random) => ({
    feed: falseFeed(() => ({
      tell: () => (message) => {
        const first = message.kind === 'CHANGES' ? message.changes[0] : undefined;
        if (message.kind !== 'CHANGES' || first === undefined) return [message];
        const rest = message.changes.slice(1);
        if (rest.length === 0 || random() > 0.1) return [message];
        const cursor = { ...message.cursor, seq: first.seq };
        return [{ ...withRows(message, [first]), cursor }, withRows(message, rest)];
      },
    })),
  }),
};

/** Says nothing when there is nothing to say. */
export const silence: Bug = {
  name: 'bookmark missing',
  breaks: 'W8',
  plant: () => ({
    feed: falseFeed(() => ({
      tell: () => (message) => (message.kind === 'BOOKMARK' ? [] : [message]),
    })),
  }),
};

/** Takes cursors of a database that was put back for its own. */
export const noResync: Bug = {
  name: 'resync missing after a restore',
  breaks: 'W7',
  plant: () => ({
    feed: falseFeed((store) => ({
      after(asked) {
        const { epoch } = store.installation;
        if (asked.epoch === epoch) return asked;
        return { epoch, seq: Math.min(asked.seq, store.read(lastSeq)) };
      },
    })),
  }),
};

/** A state without something that is there. */
export const tornState: Bug = {
  name: 'state with a hole',
  breaks: 'W2',
  plant: (random) => ({
    feed: falseFeed(() => ({
      tell: () => (message) =>
        message.kind === 'STATE' && random() < 0.1
          ? [{ ...message, subjects: message.subjects.slice(1) }]
          : [message],
    })),
  }),
};

/** The latest state of a thing is sometimes not told. */
export const latestNotTold: Bug = {
  name: 'last state of a thing not told',
  breaks: 'latest',
  plant: (random) => ({
    feed: falseFeed(() => ({ tellLatest: (subject) => (random() < 0.1 ? [] : [subject]) })),
  }),
};
