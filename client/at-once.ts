import type { Cache, OptimisticMutationResolver } from '@urql/exchange-graphcache';
import { graphql } from './graphql.ts';
import { isObject } from './socket.ts';

// What a mutation will most likely come to, shown until the server has answered. When it refuses,
// or cannot be reached, the cache takes it back.

const RESETTING = graphql(`
  fragment Resetting on Cluster {
    __typename
    id
    status
    lockTime
    assignedSession {
      id
    }
  }
`);

/** The session ends. */
export const releaseAtOnce: OptimisticMutationResolver = (args, cache) => {
  const session = sessionIn(args);
  if (!isLive(cache.resolve(session, 'status'))) return null;
  return {
    ...session,
    status: 'COMPLETED',
    endReason: 'RELEASED',
    endedAt: new Date().toISOString(),
    queuePosition: null,
    allowedActions: [],
  };
};

/** Its cluster is on the way to the next. */
export function releaseClusterAtOnce(cache: Cache, session: unknown): void {
  if (!isObject(session)) return;
  const cluster = cache.resolve(
    { __typename: 'Session', id: String(session['id']) },
    'assignedCluster',
  );
  const id = typeof cluster === 'string' ? cache.resolve(cluster, 'id') : undefined;
  if (typeof id !== 'string') return;
  cache.writeFragment(RESETTING, {
    __typename: 'Cluster',
    id,
    status: 'RESETTING',
    lockTime: null,
    assignedSession: null,
  });
}

/** The session ends later, never earlier, and not after what its pool allows. */
export const extendAtOnce: OptimisticMutationResolver = (args, cache) => {
  const session = sessionIn(args);
  const { minutes } = inputOf(args);
  const expiresAt = timeOf(cache.resolve(session, 'expiresAt'));
  if (expiresAt === undefined || typeof minutes !== 'number') return null;
  const wanted = Math.min(Date.now() + minutes * MINUTE_MS, latestEnd(cache, session));
  return { ...session, expiresAt: new Date(Math.max(expiresAt, wanted)).toISOString() };
};

const MINUTE_MS = 60_000;

function latestEnd(cache: Cache, session: SessionRef): number {
  const createdAt = timeOf(cache.resolve(session, 'createdAt'));
  const pool = cache.resolve(session, 'pool');
  const most = typeof pool === 'string' ? cache.resolve(pool, 'maxTtlMinutes') : undefined;
  if (createdAt === undefined || typeof most !== 'number') return Infinity;
  return createdAt + most * MINUTE_MS;
}

type SessionRef = ReturnType<typeof sessionIn>;

function sessionIn(args: unknown) {
  return { __typename: 'Session' as const, id: String(inputOf(args)['sessionId']) };
}

function inputOf(args: unknown): Record<string, unknown> {
  const input = isObject(args) ? args['input'] : undefined;
  return isObject(input) ? input : {};
}

function isLive(status: unknown): boolean {
  return status === 'PENDING' || status === 'PROVISIONING' || status === 'RUNNING';
}

function timeOf(value: unknown): number | undefined {
  return typeof value === 'string' ? Date.parse(value) : undefined;
}
