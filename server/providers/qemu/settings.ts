/** What runs the guest's instructions: the CPU itself, or QEMU in its place. */
export type Accelerator = 'kvm' | 'tcg';

/** Everything about QEMU itself that may be set. */
export interface QemuSettings {
  /** The program, by name or path. */
  readonly binary: string;
  /** `auto` takes KVM where it works and emulates elsewhere. */
  readonly accel: 'auto' | Accelerator;
  /** A versioned machine: a snapshot of one cannot be restored on another. */
  readonly machine: string;
}

/** A machine that every supported QEMU knows. */
export const DEFAULT_QEMU_SETTINGS: QemuSettings = {
  binary: 'qemu-system-x86_64',
  accel: 'auto',
  machine: 'pc-q35-7.2',
};
