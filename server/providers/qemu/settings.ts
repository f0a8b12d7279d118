/** What runs the guest's instructions: the CPU itself, or QEMU in its place. */
export type Accelerator = 'kvm' | 'tcg';

/** Everything about the provider that may be set. Times are in milliseconds. */
export interface QemuSettings {
  /** The program, by name or path. */
  readonly binary: string;
  /** `auto` takes KVM where it works and emulates elsewhere. */
  readonly accel: 'auto' | Accelerator;
  /** A versioned machine: a snapshot of one cannot be restored on another. */
  readonly machine: string;
  /** VMs that are made at the same time; null for as many as there are cores, two at most. */
  readonly parallel: number | null;
  /** From the start of the process to a guest that answers. */
  readonly bootMs: number;
  /** For loading a snapshot, and for the first words of a restored guest. */
  readonly restoreMs: number;
  /** How long a guest may take to answer when it is woken. */
  readonly wakeMs: number;
  /** How long a guest may take to answer when it is looked at. */
  readonly answerMs: number;
  /** How long QEMU may take to carry out an order. */
  readonly orderMs: number;
  /** How long a running QEMU may take to greet; one that serves another client never does. */
  readonly greetingMs: number;
  /** How long QEMU may take to quit before it is killed. */
  readonly quitMs: number;
}

/** Right for small guests, also where they are emulated on a busy machine. */
export const DEFAULT_QEMU_SETTINGS: QemuSettings = {
  binary: 'qemu-system-x86_64',
  accel: 'auto',
  machine: 'pc-q35-7.2',
  parallel: null,
  bootMs: 60_000,
  restoreMs: 10_000,
  wakeMs: 2_000,
  answerMs: 2_000,
  orderMs: 5_000,
  greetingMs: 500,
  quitMs: 1_000,
};
