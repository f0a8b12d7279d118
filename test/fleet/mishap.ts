import type { Fleet } from '../kit/fleet.ts';
import type { Fault } from '../kubernetes/api/faults.ts';

/** When a fault strikes. */
export type Moment = 'MAKING' | 'CAPTURE' | 'RESET' | 'HELD';

/** All moments at which a fault may strike. */
export const MOMENTS: readonly Moment[] = ['RESET', 'MAKING', 'CAPTURE', 'HELD'];

/** Where a fault strikes: the cluster that is worked at, as it is now. */
export interface Place {
  readonly fleet: Fleet;
  readonly namespace: string;
}

/** Something that goes wrong outside. */
export interface Mishap {
  readonly what: string;
  /** Lets it begin; what it answers makes it end. */
  readonly strike: (place: Place) => (() => void) | void;
  /** Not at the beginning of the work but so long after it. */
  readonly afterMs?: number;
  /** How long it lasts; without, until the work has ended one way or the other. */
  readonly lastsMs?: number;
  /** The moments at which it means anything. */
  readonly at?: readonly Moment[];
  /** What people must read of it, at those moments at which it keeps the work from going well. */
  readonly told?: RegExp;
  /** Whether the work ends well in spite of it, within the time that a repetition takes. */
  readonly passes?: boolean;
  /** How long the work may take to end in one way or the other. */
  readonly withinMs?: number;
}

/** The API server misbehaves in the answers to these requests. */
export function api(fault: Fault): Mishap['strike'] {
  return ({ fleet }) => fleet.kubernetes.faults.add({ times: 0, ...fault });
}

/** Something befalls objects inside; each of them, or so many. */
export function befall(name: string, times = 0, object = '*'): Mishap['strike'] {
  return ({ fleet }) => fleet.kubernetes.mishaps.add({ name, object, times });
}
