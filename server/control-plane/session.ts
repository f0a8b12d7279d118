import { getPool } from '../../db/cluster-pool.ts';
import { release } from '../../db/hold/release.ts';
import { findSeenSession, findSession, updateSession } from '../../db/session.ts';
import type { Tx } from '../../db/tx.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { CreateSessionInput, ExtendSessionInput } from '../../schema/inputs.ts';
import { InvalidInput, NotFound, WrongState } from '../../schema/model/refusal.ts';
import { extendedExpiry, isLive, mayExtend, type Session } from '../../schema/model/session.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { sessionsSeenBy } from '../reads.ts';
import { claimFrom, transactClaim } from './claim.ts';
import { once, repeatableCall } from './repeatable.ts';
import { asked, poolNamed, type VerbParts } from './verb.ts';

type SessionVerbs = Pick<ControlPlane, 'createSession' | 'extendSession' | 'releaseSession'>;

/** What can be done about sessions. */
export function sessionVerbs(parts: VerbParts): SessionVerbs {
  return {
    createSession: (input) => createSession(parts, input),
    extendSession: (input) => parts.store.transact((tx) => extend(parts, tx, input)),
    releaseSession: (id) => parts.store.transact((tx) => releaseSeen(parts, tx, id)),
  };
}

async function createSession(parts: VerbParts, input: CreateSessionInput): Promise<Session> {
  const owner = ownerOf(parts.viewer, input.owner);
  const call = repeatableCall('createSession', owner, input);
  return transactClaim(parts, input.pool, (tx) => {
    const make = () => claimFrom(parts, tx, poolNamed(tx, input.pool), { ...input, owner });
    return once(tx, call, (id) => findSession(tx.db, id), make);
  });
}

function ownerOf(viewer: Viewer, onBehalfOf: string | null | undefined): string {
  if (onBehalfOf == null) return viewer.name;
  if (viewer.role === 'ADMIN') return onBehalfOf;
  throw new InvalidInput('only admins may claim on behalf of others', 'owner');
}

function extend(parts: VerbParts, tx: Tx, input: ExtendSessionInput): Session {
  const session = seenSession(parts.viewer, tx, input.sessionId);
  const call = repeatableCall('extendSession', session.owner, input);
  const find = (id: string) => findSession(tx.db, id);
  return once(tx, call, find, () => extended(parts, tx, session, input.minutes));
}

function extended({ viewer }: VerbParts, tx: Tx, session: Session, minutes: number): Session {
  if (!mayExtend(session)) {
    throw new WrongState(`a ${session.status} session cannot be extended`, session.status);
  }
  const { maxTtlMinutes } = getPool(tx.db, session.poolId);
  const expiresAt = extendedExpiry(session, minutes, maxTtlMinutes, tx.now);
  if (expiresAt === session.expiresAt) return session;
  const why = asked(viewer, viewer.name === session.owner ? 'CLAIM' : 'ADMIN');
  return updateSession(tx, session.id, { expiresAt }, why) ?? session;
}

function releaseSeen({ viewer }: VerbParts, tx: Tx, id: string): Session {
  return endSession(viewer, tx, seenSession(viewer, tx, id));
}

function seenSession(viewer: Viewer, tx: Tx, id: string): Session {
  const session = findSeenSession(tx.db, id, sessionsSeenBy(viewer));
  if (session === undefined) throw new NotFound('session');
  return session;
}

/** Ends a live session for its owner or an admin; one that has ended stays as it is. */
export function endSession(viewer: Viewer, tx: Tx, session: Session): Session {
  if (!isLive(session)) return session;
  const isOwn = viewer.name === session.owner;
  const ending = {
    to: 'COMPLETED',
    endReason: isOwn ? 'RELEASED' : 'ADMIN',
    statusMessage: null,
  } as const;
  return release(tx, session.id, ending, asked(viewer, isOwn ? 'RELEASE' : 'ADMIN')) ?? session;
}
