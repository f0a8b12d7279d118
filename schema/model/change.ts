import { seesOwner, type Viewer } from './viewer.ts';

/**
 * A change is one committed transition: a row of the log. Rows of one verb share its number `tx`,
 * and readers are given them together.
 */
export const SUBJECT_TYPES = [
  'SESSION',
  'CLUSTER_POOL',
  'CLUSTER',
  'SNAPSHOT',
  'VM_HANDLE',
  'JOB',
  'IMAGE',
] as const;

/** What kind of thing changed. */
export type SubjectType = (typeof SUBJECT_TYPES)[number];

/** What happened to it. */
export const CHANGE_KINDS = ['CREATED', 'UPDATED', 'DELETED'] as const;
/** CREATED, UPDATED or DELETED. */
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Why something changed. */
export const CAUSES = [
  'CLAIM',
  'RELEASE',
  'EXPIRY',
  'ADMIN',
  'RESET',
  'PROBE',
  'REPLENISH',
  'JOB',
  'PROVIDER_EVENT',
  'PROVIDER_ERROR',
  'DEADLINE',
  'RESTART',
] as const;

/** Why something changed; clients must expect new values. */
export type Cause = (typeof CAUSES)[number];

/** The actor of what nobody asked for. */
export const SYSTEM = 'system';

/** What is told of a move besides the states: why, by whom, for which job. */
export interface Why {
  readonly cause: Cause;
  readonly reason?: string | undefined;
  /** A viewer's name; `system` when left out. */
  readonly actor?: string | undefined;
  readonly jobId?: string | null | undefined;
}

/** One row of the log. */
export interface Change {
  readonly seq: number;
  readonly tx: number;
  readonly at: number;
  readonly type: SubjectType;
  readonly subjectId: string;
  readonly kind: ChangeKind;
  readonly from: string | null;
  readonly to: string | null;
  readonly cause: Cause;
  readonly reason: string | null;
  readonly actor: string;
  readonly jobId: string | null;
  /** The pool it concerns, '' for none; kept beside the row so that filters need no other table. */
  readonly poolId: string;
  /** The session it concerns: itself, or the one that held the cluster or VM at that time. */
  readonly sessionId: string | null;
  /** Whose it is, where only its owner and admins may know of it: a session, a saved snapshot. */
  readonly owner: string | null;
}

/** Who is named instead of somebody whose sessions the viewer may not see. */
const HIDDEN_ACTOR = 'another user';

/**
 * Who did it, as far as the viewer may know. Claims and releases, and all else about a session,
 * are done by its owner; pools and clusters show them to everybody, but not whose they were.
 */
export function shownActor(change: Change, viewer: Viewer): string {
  const { actor, owner, sessionId, cause } = change;
  // A VIEWER does nothing, and what all viewers see is the same: its name does not count.
  const isSelf = viewer.role === 'USER' && actor === viewer.name;
  const known = actor === SYSTEM || isSelf || viewer.role === 'ADMIN';
  const visible = owner !== null && seesOwner(viewer, owner);
  const aboutSession =
    owner !== null || sessionId !== null || cause === 'CLAIM' || cause === 'RELEASE';
  return known || visible || !aboutSession ? actor : HIDDEN_ACTOR;
}
