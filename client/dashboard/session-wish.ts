import type { Session } from '../subject.ts';

/** Which sessions somebody wants to see; what is empty asks for nothing. */
export interface SessionWish {
  readonly scope: 'Mine' | 'All';
  readonly pool: string;
  readonly status: string;
}

/** The states that a session can be in. */
export const SESSION_STATUSES = [
  'PENDING',
  'PROVISIONING',
  'RUNNING',
  'COMPLETED',
  'FAILED',
] as const;

/** What an address asks for; what it says wrongly, it does not ask for. */
export function wishIn(params: URLSearchParams): SessionWish {
  const status = params.get('status') ?? '';
  return {
    scope: params.get('whose') === 'mine' ? 'Mine' : 'All',
    pool: params.get('pool') ?? '',
    status: SESSION_STATUSES.find((known) => known === status) ?? '',
  };
}

/** The address that asks for it, from the first page on. */
export function addressOf({ scope, pool, status }: SessionWish): URLSearchParams {
  const params = new URLSearchParams();
  if (scope === 'Mine') params.set('whose', 'mine');
  if (pool !== '') params.set('pool', pool);
  if (status !== '') params.set('status', status);
  return params;
}

const ENDED = ['COMPLETED', 'FAILED'] as const;

/** A state in which a session has ended. */
export type EndedStatus = (typeof ENDED)[number];

/** The states of ended sessions that are wanted. */
export function endedStatuses({ status }: SessionWish): readonly EndedStatus[] {
  return status === '' ? ENDED : ENDED.filter((each) => each === status);
}

/** Whether sessions that go on are wanted. */
export function showsLive(wish: SessionWish): boolean {
  return wish.status === '' || endedStatuses(wish).length === 0;
}

type Row = Pick<Session, 'owner' | 'status' | 'pool'>;

/** Whether a session is one of those. */
export function isWanted(session: Row, wish: SessionWish, viewerName: string): boolean {
  const { scope, pool, status } = wish;
  return (
    (scope === 'All' || session.owner === viewerName) &&
    (pool === '' || session.pool.name === pool) &&
    (status === '' || session.status === status)
  );
}

/** Those that go on and are wanted, the youngest first. */
export function liveSessions(
  sessions: Iterable<Session>,
  wish: SessionWish,
  viewerName: string,
): Session[] {
  return [...sessions]
    .filter((session) => session.endedAt === null && isWanted(session, wish, viewerName))
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt) || a.id.localeCompare(b.id));
}
