import type { VmRole } from '../../../schema/model/template.ts';
import type { SimulatorOperation, SimulatorStep } from './steps.ts';

/** Says what goes wrong, and when; asked before and after each step. */
export interface SimulatorFaults {
  at(moment: SimulatorMoment): SimulatorFault | undefined;
}

/** A point at which something may go wrong. */
export interface SimulatorMoment {
  readonly operation: SimulatorOperation;
  readonly step: SimulatorStep['step'];
  readonly when: 'BEFORE' | 'AFTER';
  /** The cluster's name, or that of the set or list it is about. */
  readonly name: string;
}

/**
 * Something that goes wrong. After its step, the step's work is done all the same: an ERROR is
 * then a failure reported of something that succeeded, and a HANG an answer that never comes.
 */
export type SimulatorFault =
  | { readonly kind: 'ERROR'; readonly retryable: boolean; readonly reason?: string }
  /** Nothing more is heard until the step is given up. */
  | { readonly kind: 'HANG' }
  /** It goes on this much later, even when the step has been given up meanwhile. */
  | { readonly kind: 'LATE'; readonly byMs: number }
  /** A VM ceases to exist, all VMs when no role is named. */
  | { readonly kind: 'VANISH'; readonly role?: VmRole }
  /** The step takes this many times as long; only before it. */
  | { readonly kind: 'SLOW'; readonly factor: number };

/** A simulator in which nothing goes wrong. */
export const FAULTLESS: SimulatorFaults = { at: () => undefined };
