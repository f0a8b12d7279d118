import type { Session, VmHandle } from '../subject.ts';
import { paths } from './paths.ts';

const SERVED: Readonly<Record<string, string>> = {
  POOL: 'a warm cluster of the pool',
  SNAPSHOT: 'a cluster started for it from a snapshot',
  BOOTSTRAP: 'a cluster built for it from the image',
};

const ENDS: Readonly<Record<string, string>> = {
  RELEASED: 'It was released.',
  EXPIRED: 'Its time was up.',
  ADMIN: 'An admin ended it.',
};

const ROLES: Readonly<Record<string, string>> = {
  CONTROL_PLANE: 'control plane',
  WORKER: 'worker',
  STANDALONE: 'only VM',
};

const ORIGINS: Readonly<Record<string, string>> = {
  WARM: 'was warm',
  SNAPSHOT: 'from a snapshot',
  COLD_BOOT: 'from the image',
};

/** What a session was served from; a way that came after this page was made is told as it is. */
export function servedWords({ servedFrom }: Pick<Session, 'servedFrom'>): string | null {
  return servedFrom === null ? null : (SERVED[servedFrom] ?? servedFrom);
}

/** The part that a VM plays in its cluster. */
export function roleWords(role: string): string {
  return ROLES[role] ?? role;
}

/** Where a VM came from; nothing until it is known. */
export function originWords({ origin }: Pick<VmHandle, 'origin'>): string {
  return origin === null ? '' : (ORIGINS[origin] ?? origin);
}

/** Why a session ended, in a sentence; null while it has not, or where nobody knows. */
export function endWords(
  session: Pick<Session, 'endedAt' | 'endReason' | 'statusMessage'>,
): string | null {
  const { endedAt, endReason, statusMessage } = session;
  if (endedAt === null) return null;
  if (endReason !== null) return ENDS[endReason] ?? `It ended: ${endReason}.`;
  return statusMessage === null ? null : `It failed: ${statusMessage}.`;
}

/** What a session holds or waits for, in a few words, for buttons about it. */
export function heldWords({ assignedCluster, pool }: Held): string {
  return assignedCluster?.name ?? `the place in ${pool.name}`;
}

type Held = Pick<Session, 'assignedCluster' | 'pool'>;

/** Where a session waits, in words. */
export function placeWords(place: number | null, poolName: string): string {
  return place === null
    ? `In the queue of ${poolName}`
    : `Place ${place} in the queue of ${poolName}`;
}

/** Streams that a page of ours can show; SSH is for programs. */
const CONSOLES: readonly (readonly [kind: string, words: string])[] = [
  ['SERIAL', 'Serial console'],
  ['VNC', 'Screen'],
];

/** A way to look at a VM. */
export interface ConsoleLink {
  readonly kind: string;
  /** `Serial console`. */
  readonly words: string;
  readonly href: string;
}

/** The consoles of a VM that can be opened now. */
export function consoleLinks({ id, consoles }: Pick<VmHandle, 'id' | 'consoles'>): ConsoleLink[] {
  return CONSOLES.filter(([kind]) => consoles.some((open) => open === kind)).map(
    ([kind, words]) => ({ kind, words, href: paths.console(id, kind) }),
  );
}
