import type { ErrorCode } from '../../schema/model/refusal.ts';
import type { Model } from './linearizability.ts';

/** What a claim asks for. */
export interface Asked {
  readonly owner: string;
  /** The key under which the claim may be repeated, and no other be made. */
  readonly key: string | null;
  readonly ttl: number;
}

/** A session as a claim made it. */
export interface Claimed extends Asked {
  readonly id: string;
  /** Null while it waits. */
  readonly cluster: string | null;
}

/** What can happen to the sessions of one pool. */
export type ClaimCall =
  /** A claim made a session; or, when its key had made that one before, it was a repeat. */
  | { readonly kind: 'CLAIM'; readonly session: Claimed }
  /** A claim was answered with a session that is known to have been made, as it was then. */
  | { readonly kind: 'ANSWER'; readonly session: Claimed }
  | { readonly kind: 'CLAIM_REFUSED'; readonly asked: Asked; readonly code: ErrorCode }
  /** A release was answered with an ended session, or a session has ended by itself. */
  | { readonly kind: 'END'; readonly id: string }
  | { readonly kind: 'EXTEND'; readonly id: string; readonly expiresAt: number }
  | { readonly kind: 'EXTEND_REFUSED'; readonly id: string }
  /** One that waited was given a cluster. */
  | { readonly kind: 'SERVE'; readonly id: string; readonly cluster: string };

/** What claims are answered by. */
export interface PoolRules {
  /** Most live sessions of an owner. */
  readonly quota: number | null;
}

interface Live {
  readonly owner: string;
  readonly cluster: string | null;
  readonly expiresAt: number;
}

/** The sessions of a pool at one moment. */
export interface PoolState {
  readonly live: ReadonlyMap<string, Live>;
  /** Those who wait, the first first. */
  readonly queue: readonly string[];
  readonly ended: ReadonlySet<string>;
  /** What each owner's key has made. */
  readonly made: ReadonlyMap<string, Claimed>;
}

const NOTHING: PoolState = { live: new Map(), queue: [], ended: new Set(), made: new Map() };

/**
 * A pool that is asked one thing at a time: a cluster has one holder, a key makes one session,
 * who waits is served in the order of arrival and before any newcomer, and what has ended has
 * ended for good.
 */
export function claimsOf(rules: PoolRules): Model<PoolState, ClaimCall> {
  return {
    initial: NOTHING,
    apply: (state, call) => after(rules, state, call),
    key: ({ live, queue, ended, made }) => {
      const held = [...live].map(([id, { cluster, expiresAt }]) => [id, cluster, expiresAt].join());
      // The order among those that are served or ended changes no answer.
      return [held.toSorted().join(' '), queue.join(), ended.size, made.size].join(' | ');
    },
  };
}

function after(rules: PoolRules, state: PoolState, call: ClaimCall): PoolState | undefined {
  switch (call.kind) {
    case 'CLAIM':
      return claimed(rules, state, call.session);
    case 'ANSWER':
      return isAsAnswered(state, call.session) ? state : undefined;
    case 'CLAIM_REFUSED':
      return isRefusable(rules, state, call.asked, call.code) ? state : undefined;
    case 'END':
      return ended(state, call.id);
    case 'EXTEND':
      return extended(state, call.id, call.expiresAt);
    case 'EXTEND_REFUSED':
      return state.ended.has(call.id) || state.queue.includes(call.id) ? state : undefined;
    case 'SERVE':
      return served(state, call.id, call.cluster);
  }
}

function keyOf({ owner, key }: Asked): string | undefined {
  return key === null ? undefined : `${owner} ${key}`;
}

function madeBy({ made }: PoolState, asked: Asked): Claimed | undefined {
  return made.get(keyOf(asked) ?? '');
}

function claimed(rules: PoolRules, state: PoolState, session: Claimed): PoolState | undefined {
  const { id, owner, cluster } = session;
  const earlier = madeBy(state, session);
  if (earlier !== undefined) return isRepeat(earlier, session) ? state : undefined;
  if (state.live.has(id) || state.ended.has(id) || countOf(state, owner) >= limitOf(rules)) return;
  // Nobody is served at once while another waits, and nobody is given what another has.
  if (cluster !== null && (state.queue.length > 0 || isHeld(state, cluster))) return undefined;
  const live = new Map(state.live);
  live.set(id, { owner, cluster, expiresAt: 0 });
  const made = new Map(state.made);
  const key = keyOf(session);
  if (key !== undefined) made.set(key, session);
  return { ...state, live, made, queue: cluster === null ? [...state.queue, id] : state.queue };
}

function isRepeat(earlier: Claimed, { id, ttl }: Claimed): boolean {
  return earlier.id === id && earlier.ttl === ttl;
}

/** What has ended has no cluster any more. */
function isAsAnswered(state: PoolState, session: Claimed): boolean {
  const { id, owner, key, cluster } = session;
  const made = madeBy(state, session);
  if (key !== null && (made === undefined || !isRepeat(made, session))) return false;
  if (state.ended.has(id)) return cluster === null;
  return state.live.get(id)?.owner === owner && state.live.get(id)?.cluster === cluster;
}

function isRefusable(rules: PoolRules, state: PoolState, asked: Asked, code: ErrorCode): boolean {
  const earlier = madeBy(state, asked);
  const isOther = earlier !== undefined && earlier.ttl !== asked.ttl;
  if (code === 'IDEMPOTENCY_CONFLICT' || isOther) return code === 'IDEMPOTENCY_CONFLICT' && isOther;
  // Whoever repeats a claim that was answered gets the same answer, not another.
  if (earlier !== undefined) return false;
  return code !== 'QUOTA_EXCEEDED' || countOf(state, asked.owner) >= limitOf(rules);
}

function ended(state: PoolState, id: string): PoolState | undefined {
  if (state.ended.has(id)) return state;
  if (!state.live.has(id)) return undefined;
  const live = new Map(state.live);
  live.delete(id);
  const queue = state.queue.filter((other) => other !== id);
  return { ...state, live, queue, ended: new Set([...state.ended, id]) };
}

function extended(state: PoolState, id: string, expiresAt: number): PoolState | undefined {
  const session = state.live.get(id);
  if (session?.cluster == null || expiresAt < session.expiresAt) return undefined;
  return { ...state, live: new Map(state.live).set(id, { ...session, expiresAt }) };
}

function served(state: PoolState, id: string, cluster: string): PoolState | undefined {
  const session = state.live.get(id);
  if (session === undefined || state.queue[0] !== id || isHeld(state, cluster)) return undefined;
  const live = new Map(state.live).set(id, { ...session, cluster });
  return { ...state, live, queue: state.queue.slice(1) };
}

function countOf({ live }: PoolState, owner: string): number {
  return [...live.values()].filter((session) => session.owner === owner).length;
}

function limitOf({ quota }: PoolRules): number {
  return quota ?? Infinity;
}

function isHeld({ live }: PoolState, cluster: string): boolean {
  return [...live.values()].some((session) => session.cluster === cluster);
}
