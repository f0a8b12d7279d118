/**
 * What is watched, and the cheapest verb that changes it: `updateClusterPool` is one row in the
 * log, so one message to each subscriber, and nothing follows from it.
 */
import { z } from 'zod';
import { bodyOf, type Line } from './load.ts';
import type { Wish } from './subscriber.ts';

const CHANGES = `subscription Changes($pool: String!) {
  changes(filter: { pool: $pool, types: [CLUSTER_POOL] }) {
    __typename cursor prev
    ... on FeedChanges { changes { type at subject { clusterPool { name version } } } }
  }
}`;

const UPDATE = `mutation Update($pool: String!) {
  updateClusterPool(input: { name: $pool, maxWaitSeconds: 600 }) {
    __typename
    ... on ClusterPool { version }
    ... on UserError { code message }
  }
}`;

/** To see all changes of a pool: the state comes first, as one message. */
export function changesOf(address: string, pool: string): Wish {
  const operation = { query: CHANGES, variables: { pool } };
  return { address, operation, first: 1, marker: '"__typename":"FeedChanges"' };
}

/** The body of a request that changes a pool. */
export function updateOf(pool: string): string {
  return bodyOf(UPDATE, { pool });
}

const updated = z.object({
  data: z.object({ updateClusterPool: z.object({ version: z.number() }) }),
});

/** Changes a pool; answers the version it then has: one more with each commit. */
export async function update(line: Line, body: string): Promise<number> {
  return updated.parse(JSON.parse(await line.ask(body))).data.updateClusterPool.version;
}

const pool = z.object({ name: z.string(), version: z.number() });
const message = z.object({
  payload: z.object({
    data: z.object({
      changes: z.object({
        __typename: z.string(),
        cursor: z.string(),
        prev: z.string().nullable(),
        changes: z.array(z.object({ subject: z.object({ clusterPool: pool }) })).optional(),
      }),
    }),
  }),
});

/**
 * Whether these messages, the first of which is the state, are all that a subscriber had to get:
 * each names the one before it, and there is one for each of so many changes, of this pool.
 */
export function assertComplete(texts: readonly string[], ofPool: string, changes: number): void {
  const results = texts.filter((text) => text.includes('"type":"next"'));
  const feed = results.map((text) => message.parse(JSON.parse(text)).payload.data.changes);
  let [seen, version] = [0, 0];
  for (const [n, { cursor, prev, changes: all = [] }] of feed.entries()) {
    if (prev !== (feed[n - 1]?.cursor ?? null)) throw new Error(`there is a gap before ${cursor}`);
    for (const { subject } of all) {
      const { name, version: next } = subject.clusterPool;
      // Each shows the pool as it is by then: the same twice, where two commits came together.
      if (name !== ofPool || next < version) throw new Error(`not what comes behind ${prev}`);
      version = next;
      seen += 1;
    }
  }
  if (seen !== changes) throw new Error(`of ${changes} changes ${seen} came`);
}

/** The longest of some messages: not the state, and not a bookmark. */
export function longest(texts: readonly string[]): string {
  return texts.reduce((a, b) => (b.length >= a.length ? b : a), '');
}
