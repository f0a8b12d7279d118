import { shownStatus, type Cluster } from './cluster.ts';
import type { Session } from './session.ts';
import { isLive } from './session.ts';
import { hasRole, type Viewer } from './viewer.ts';
import type { VmHandle } from './vm-handle.ts';

/**
 * A console is one stream of one VM that somebody has open: its serial line, its screen, or the
 * raw connection to its SSH server.
 *
 * It is entered with a ticket that is good for 60 seconds and for one use, by whoever holds the
 * VM's session, or by an admin. Only VMs that were handed over are opened, and to admins those of a
 * cluster in ERROR, to see why: what is typed into one that waits, or is being made ready, would
 * be there when its next owner comes; both others are reset or made anew before that. A console
 * belongs to that hold: it ends when the session ends or the VM goes to another, when the cluster
 * leaves ERROR, when the token is struck out that the ticket was asked with, when nothing moves
 * for half an hour, and when somebody opens the same stream of the same VM elsewhere.
 */
export const CONSOLE_KINDS = ['SERIAL', 'VNC', 'SSH'] as const;

/** SERIAL is text, VNC a screen (RFB), SSH what a client of SSH speaks. */
export type ConsoleKind = (typeof CONSOLE_KINDS)[number];

/** A way into one console. */
export interface ConsoleTicket {
  /** A path of this server, where a WebSocket is opened. */
  readonly url: string;
  readonly expiresAt: number;
}

/** With which code a console's WebSocket is closed; the reason beside it is a sentence. */
export const CONSOLE_CLOSED = {
  /** The VM ended the stream: it was switched off, or another program took it. */
  byVm: 1000,
  /** Something else than binary frames was sent. */
  notBinary: 1003,
  /** The server stops: another ticket may be had when it is back. */
  serverStops: 1012,
  /** The right to it is gone with its token. */
  forbidden: 4403,
  /** The ticket is unknown, was used, or is too old. */
  noTicket: 4404,
  /** Nothing moved for too long. */
  idle: 4408,
  /** The provider did not open the stream, or it broke; the reason says why. */
  refused: 4409,
  /** The session has ended, or the VM was handed on. */
  ended: 4410,
  /** Somebody opened the same console elsewhere. */
  taken: 4412,
  /** As many consoles are open as may be. */
  tooMany: 4429,
  /** A fault of the server; it is logged. */
  fault: 4500,
} as const;

/** The states of a cluster in which its VMs may be opened. */
export type OpenedStatus = 'LOCKED' | 'ERROR';

/** The state of a cluster, where it is one in which its VMs may be opened. */
export function openedStatus(
  cluster: Pick<Cluster, 'status' | 'removingAt'> | undefined,
): OpenedStatus | undefined {
  const status = cluster && shownStatus(cluster);
  return status === 'LOCKED' || status === 'ERROR' ? status : undefined;
}

/** Whose a VM is: its cluster, and the session that holds it, as far as the viewer may see it. */
export interface Belonging {
  readonly cluster: Pick<Cluster, 'status' | 'removingAt'> | undefined;
  readonly session: Session | undefined;
}

/**
 * Which of a VM's streams this viewer could open now: none of one that does not run or was not
 * handed over, none of a session that has ended. Admins may look at any VM that was handed over,
 * and at those of a cluster in ERROR.
 */
export function consoleKinds(
  vm: VmHandle,
  { cluster, session }: Belonging,
  viewer: Viewer,
  streams: readonly ConsoleKind[],
): readonly ConsoleKind[] {
  if (vm.phase !== 'RUNNING' || vm.endedAt !== null) return [];
  const status = openedStatus(cluster);
  if (hasRole(viewer, 'ADMIN')) return status === undefined ? [] : streamsOf(vm, streams);
  const isHeld = session !== undefined && isLive(session) && session.owner === viewer.name;
  const isMine = status === 'LOCKED' && isHeld;
  return hasRole(viewer, 'USER') && isMine ? streamsOf(vm, streams) : [];
}

/** The streams that a VM has, of those that VMs of its provider may have. */
export function streamsOf(
  { hasScreen }: VmHandle,
  streams: readonly ConsoleKind[],
): readonly ConsoleKind[] {
  return hasScreen === false ? streams.filter((kind) => kind !== 'VNC') : streams;
}
