import type { Exchange } from '@urql/core';
import {
  type Cache,
  cacheExchange,
  type Entity,
  type OptimisticMutationConfig,
  type Resolver,
  type ResolverConfig,
  type UpdatesConfig,
} from '@urql/exchange-graphcache';
import type { Change, FeedMessage } from './feed-message.ts';
import { extendAtOnce, releaseAtOnce, releaseClusterAtOnce } from './at-once.ts';
import { EMBEDDED, fieldsOf, schema } from './schema.ts';

const TYPE_NAMES: Readonly<Record<Change['type'], string>> = {
  CLUSTER_POOL: 'ClusterPool',
  CLUSTER: 'Cluster',
  SESSION: 'Session',
  VM_HANDLE: 'VmHandle',
  SNAPSHOT: 'Snapshot',
  JOB: 'Job',
  IMAGE: 'Image',
};

/** The fields of Query that are lists, by what is in them. */
const LISTS: Readonly<Record<Change['type'], string>> = {
  CLUSTER_POOL: 'clusterPools',
  CLUSTER: 'clusters',
  SESSION: 'sessions',
  VM_HANDLE: 'vmHandles',
  SNAPSHOT: 'snapshots',
  JOB: 'jobs',
  IMAGE: 'images',
};

/**
 * Every thing once, by its id, however many queries show it. The messages of the feed go through
 * it, so that what they tell is seen by all of them; a thing that is gone leaves the lists and is
 * forgotten. What is released or extended shows at once, and is put right if it is refused.
 */
export function createCache(): Exchange {
  return cacheExchange({
    schema,
    keys: Object.fromEntries(EMBEDDED.map((name) => [name, () => null])),
    resolvers: RESOLVERS,
    updates: UPDATES,
    optimistic: OPTIMISTIC,
  });
}

/** One thing by its id is the thing that a list may have brought already. */
const RESOLVERS: ResolverConfig = {
  Query: {
    session: byId('Session'),
    cluster: byId('Cluster'),
    job: byId('Job'),
    image: byId('Image'),
  },
};

function byId(typeName: string): Resolver {
  return (_parent, { id }: { id?: string }, cache, { parentFieldKey }) => {
    const known = cache.resolve('Query', parentFieldKey.replace(/^Query\./, ''));
    // What the server has answered, none at all included: nothing else would show it.
    if (known === null || typeof known === 'string') return known;
    const entity = { __typename: typeName, id: id ?? '' };
    return cache.resolve(entity, 'id') === undefined ? undefined : cache.keyOfEntity(entity);
  };
}

/** None of them leads to anything new by itself: the feed tells what came of it. */
const NOTHING_ELSE = Object.fromEntries(fieldsOf('Mutation').map((name) => [name, () => {}]));

const UPDATES: UpdatesConfig = {
  Mutation: {
    ...NOTHING_ELSE,
    releaseSession(result, _args, cache, { optimistic }) {
      if (optimistic === true) releaseClusterAtOnce(cache, result['releaseSession']);
    },
  },
  Subscription: {
    changes(result, _args, cache) {
      const message = result['changes'] as Partial<FeedMessage> | null;
      if (message?.__typename !== 'FeedChanges') return;
      for (const change of message.changes ?? [])
        if (change.subject === null) forget(cache, change);
    },
  },
};

const OPTIMISTIC: OptimisticMutationConfig = {
  releaseSession: releaseAtOnce,
  extendSession: extendAtOnce,
};

/** Takes what is gone out of the lists, then out of the cache. */
function forget(cache: Cache, { type, id }: Pick<Change, 'type' | 'id'>): void {
  // Of a kind of things that came after this was written there is nothing here.
  if (!Object.hasOwn(TYPE_NAMES, type)) return;
  const entity = { __typename: TYPE_NAMES[type], id };
  const key = cache.keyOfEntity(entity);
  if (key === null) return;
  const owners = type === 'CLUSTER' ? ['Query', ...knownPools(cache)] : ['Query'];
  for (const owner of owners) {
    for (const list of linksOf(cache, owner, LISTS[type])) takeOut(cache, list, key);
  }
  cache.invalidate(entity);
}

/** All that a field of an object leads to, with whatever arguments it was asked for. */
function linksOf(cache: Cache, owner: Entity, fieldName: string): string[] {
  return cache
    .inspectFields(owner)
    .filter((field) => field.fieldName === fieldName)
    .map(({ fieldKey }) => cache.resolve(owner, fieldKey))
    .filter((link) => typeof link === 'string');
}

function takeOut(cache: Cache, list: string, key: string): void {
  const edges = cache.resolve(list, 'edges');
  if (!Array.isArray(edges)) return;
  const left = edges.filter((edge) => cache.resolve(edge as Entity, 'node') !== key);
  if (left.length < edges.length) cache.link(list, 'edges', left as string[]);
}

function knownPools(cache: Cache): string[] {
  const lists = linksOf(cache, 'Query', 'clusterPools');
  const edges = lists.flatMap((list) => cache.resolve(list, 'edges') ?? []);
  const nodes = edges.map((edge) => cache.resolve(edge as Entity, 'node'));
  return [...nodes, ...linksOf(cache, 'Query', 'clusterPool')].filter(
    (pool) => typeof pool === 'string',
  );
}
