import type { World } from '../../server/world.ts';
import type { LogLine } from './api/event-log.ts';

/**
 * What takes time outside, and is over by itself: no client can make it shorter. Each is a line
 * of the event log, told when it is over, about `namespace/name` of a machine, or of the disk.
 */
export type LatencyKind =
  /** A data volume is filled, from when it was first looked at. */
  | 'FILL'
  /** A machine starts, from when there was room and all it needs until QEMU runs. */
  | 'START'
  /** A guest boots, until its SSH server is there. */
  | 'BOOT'
  /** `kubeadm init`. */
  | 'INIT'
  /** `kubeadm join`, without its search for the control plane. */
  | 'JOIN'
  /** A kubelet gets ready, after a boot or as a new node. */
  | 'KUBELET'
  /** A machine stops, from the deletion of its instance. */
  | 'STOP'
  /** A machine's snapshot is cut, from when it was first looked at. */
  | 'CUT'
  /** A snapshot that has been cut becomes usable. */
  | 'UPLOAD'
  /** A machine is restored, from when its restore was first looked at. */
  | 'RESTORE';

/** A time that passed outside; in epoch milliseconds. */
export interface Latency {
  readonly kind: LatencyKind;
  /** `namespace/name`. */
  readonly object: string;
  readonly from: number;
  readonly to: number;
}

/** What such a line of the log says. */
export const LATENCY = 'latency';

/** The details of a latency that is over now. */
export function latency(
  world: Pick<World, 'now'>,
  kind: LatencyKind,
  ms: number,
): Readonly<Record<string, unknown>> {
  const to = world.now();
  return { kind, from: to - ms, to };
}

/** The latencies that a log tells of. */
export function latenciesIn(lines: readonly LogLine[]): Latency[] {
  return lines.flatMap(({ what, object, details }) => {
    if (what !== LATENCY || details === undefined) return [];
    const { kind, from, to } = details;
    return [{ kind: kind as LatencyKind, object, from: Number(from), to: Number(to) }];
  });
}
