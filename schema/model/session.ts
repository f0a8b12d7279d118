import type { ProvisioningStrategy } from './cluster-pool.ts';
import { isFinal, type Transitions } from './transitions.ts';

/**
 * A session is one owner's hold on one cluster, from the claim to release or expiry.
 *
 * Its life: it starts RUNNING when a warm cluster needs nothing more, PROVISIONING while its
 * cluster is woken or made, or PENDING in the pool's queue. A queued session is served first come
 * first served and fails when it has waited `maxWaitSeconds`. RUNNING ends COMPLETED (released,
 * expired or ended by an admin) or FAILED (its VMs were lost). COMPLETED and FAILED are final, and
 * leaving a live state frees the cluster in the same transaction.
 */
export const SESSION_STATUSES = [
  'PENDING',
  'PROVISIONING',
  'RUNNING',
  'COMPLETED',
  'FAILED',
] as const;

/** The state of a session. */
export type SessionStatus = (typeof SESSION_STATUSES)[number];

/** Which state may follow which. */
export const SESSION_TRANSITIONS: Transitions<SessionStatus> = {
  PENDING: ['PROVISIONING', 'RUNNING', 'COMPLETED', 'FAILED'],
  PROVISIONING: ['RUNNING', 'COMPLETED', 'FAILED'],
  RUNNING: ['COMPLETED', 'FAILED'],
  COMPLETED: [],
  FAILED: [],
};

/** The states in which a session has, or waits for, a cluster. */
export const LIVE_SESSION_STATUSES = ['PENDING', 'PROVISIONING', 'RUNNING'] as const;

/** Why a completed session ended. */
export const END_REASONS = ['RELEASED', 'EXPIRED', 'ADMIN'] as const;
/** RELEASED by its owner, EXPIRED by time, ADMIN by somebody with that role. */
export type EndReason = (typeof END_REASONS)[number];

/** How a session was in fact served. */
export const SERVED_FROM = ['POOL', 'SNAPSHOT', 'BOOTSTRAP'] as const;
/** POOL from a warm cluster; SNAPSHOT or BOOTSTRAP by one made for it. */
export type ServedFrom = (typeof SERVED_FROM)[number];

/** Clusters whose wake may fail before the session does. */
export const WAKES_BEFORE_FAILURE = 3;

/** One owner's hold on one cluster. */
export interface Session {
  readonly id: string;
  readonly owner: string;
  readonly poolId: string;
  readonly status: SessionStatus;
  readonly statusMessage: string | null;
  /** Its cluster while it is live; null in the queue and after its end. */
  readonly clusterId: string | null;
  /** The last cluster it had, kept after its end. */
  readonly lastClusterId: string | null;
  readonly clusterLockTime: number | null;
  readonly servedFrom: ServedFrom | null;
  /** How its cluster is made when none was warm; null when served from the pool. */
  readonly strategy: ProvisioningStrategy | null;
  readonly fallbackReason: string | null;
  /** Its place in the order of arrival while PENDING. */
  readonly ticket: number | null;
  /** Clusters that failed to wake for it. */
  readonly failedWakes: number;
  /** What its owner wants it for, as said at spawn. */
  readonly task: string | null;
  /** The saved set it asked to be made from; null for whatever the pool hands out. */
  readonly wantedSet: number | null;
  readonly ttlMinutes: number;
  readonly createdAt: number;
  readonly runningAt: number | null;
  readonly expiresAt: number | null;
  readonly endedAt: number | null;
  readonly endReason: EndReason | null;
  /** Since when the ways into its VMs can be read; null while they cannot. */
  readonly accessReadyAt: number | null;
  /** When they are obtained next, or anew; null when there is no reason to. */
  readonly accessNextAt: number | null;
  /** Attempts at that which have failed since the last that did not. */
  readonly accessAttempts: number;
  readonly version: number;
}

/** Whether the ways into its VMs can be read now. */
export function hasAccess(session: Pick<Session, 'status' | 'accessReadyAt'>): boolean {
  return session.status === 'RUNNING' && session.accessReadyAt !== null;
}

/** Whether the session has, or waits for, a cluster. */
export function isLive(session: Pick<Session, 'status'>): boolean {
  return !isFinal(SESSION_TRANSITIONS, session.status);
}

/** Whether its time may be extended: it must have a cluster, or one being made. */
export function mayExtend(session: Pick<Session, 'status'>): boolean {
  return session.status === 'PROVISIONING' || session.status === 'RUNNING';
}

/**
 * The end of a session's time after an extension: never earlier than it was, and never later
 * than its pool allows, counted from the session's creation. All times in epoch milliseconds.
 */
export function extendedExpiry(
  session: Pick<Session, 'createdAt' | 'expiresAt'>,
  minutes: number,
  maxTtlMinutes: number,
  now: number,
): number {
  const latest = session.createdAt + maxTtlMinutes * 60_000;
  return Math.max(session.expiresAt ?? 0, Math.min(now + minutes * 60_000, latest));
}
