/** What may be set of any host of VMs. Times are in milliseconds. */
export interface VmHostSettings {
  /** VMs that are made at the same time; null for as many as there are cores, two at most. */
  readonly parallel: number | null;
  /** From the start of the process to a guest that answers. */
  readonly bootMs: number;
  /** The longest that a guest may take which boots from a disk, whatever its image says. */
  readonly diskBootMs: number;
  /** For loading a snapshot, and for the first words of a restored guest. */
  readonly restoreMs: number;
  /** How long a guest may take to answer when it is woken. */
  readonly wakeMs: number;
  /** How long a guest may take to answer when it is looked at. */
  readonly answerMs: number;
  /** How long the process may take to carry out an order. */
  readonly orderMs: number;
  /** How long a running process may take to greet; one that serves another client never does. */
  readonly greetingMs: number;
  /** How long the process may take to quit before it is killed. */
  readonly quitMs: number;
}

/** The slowest that memory may go to or come from a file. */
const SLOWEST_BYTES_PER_SECOND = 64 * 2 ** 20;

/** How long so much of a VM may take to be captured, or to be loaded. */
export function transferMs({ restoreMs }: VmHostSettings, bytes: number): number {
  return restoreMs + Math.ceil((bytes / SLOWEST_BYTES_PER_SECOND) * 1000);
}

/** Right for small guests, also where they are emulated on a busy machine. */
export const DEFAULT_VM_HOST_SETTINGS: VmHostSettings = {
  parallel: null,
  bootMs: 60_000,
  diskBootMs: 900_000,
  restoreMs: 10_000,
  wakeMs: 2_000,
  answerMs: 2_000,
  orderMs: 5_000,
  greetingMs: 500,
  quitMs: 1_000,
};
