import type { Duplex } from 'node:stream';
import type { ProviderKind } from '../../../schema/model/provider-kind.ts';
import type { StreamKind } from '../provider.ts';
import type { DiskLayer, Fittings } from './fittings.ts';
import type { VmFiles } from './folders.ts';
import type { StoredFile } from './set-store.ts';
import type { VmRecord } from './vm-record.ts';
import type { Limit } from './within.ts';

/**
 * The port behind which one program runs VMs, one process for each. What is the same for all such
 * programs lies in this folder: which VM is whose, what becomes of it, how its guest is spoken to.
 */
export interface Hypervisor {
  readonly kind: ProviderKind;
  /** The program that is started for a VM, by name or path. */
  readonly program: string;
  /** The program's version, as it tells it. */
  readonly version: string;
  /** Whether `captureAll` and `restoreAll` are there: a VM in use can be captured. */
  readonly capturesRunning?: boolean;
  /** Whether VMs can have disks, and machines that their images ask for. */
  readonly fits?: boolean;
  /** The kinds of streams that its `Control` opens, to VMs that have such; none if not said. */
  readonly streams?: readonly StreamKind[];
  /** Whether a process works in its VM's folder: then a snapshot may hold paths relative to it. */
  readonly worksInFolder: boolean;
  /** Its command line: a pure function of the VM, so that it can be tested without one. */
  argumentsFor(vm: VmPlan): readonly string[];
  /**
   * All that must be equal where a snapshot of such a machine is to be restored, as one text: the
   * version of the program, the CPU, the devices in their order.
   */
  describeMachine(size: MachineSize): string;
  /** Takes up the conversation with a process that runs. */
  control(vm: VmSite, limit: Limit): Promise<Control>;
  /**
   * The port behind which the agent in the guest listens. It closes when the guest is gone; what
   * is written to it before the guest listens is delivered when it does.
   */
  agentSocket(vm: VmSite, limit: Limit): Promise<Duplex>;
  /** Notes that a guest has booted here: from now on a failure is not the machine's. */
  confirmBoot(): void;
  /** Gives up a way of running guests after the first did not boot; true if there is another. */
  giveUp(reason: string): boolean;
}

/** What a guest is given of its machine. */
export interface MachineSize {
  readonly cpuCores: number;
  readonly memoryMiB: number;
  readonly fittings?: Fittings | undefined;
}

/** One VM as its hypervisor is told of it. */
export interface VmPlan {
  readonly name: string;
  readonly uuid: string;
  readonly files: VmFiles;
  readonly size: MachineSize;
  readonly memory: Memory;
  readonly start: Start;
  /** The files of its disk, each over the one before; only the last is written to. */
  readonly layers?: readonly DiskLayer[] | undefined;
}

/** Where a guest's memory is. */
export type Memory =
  /** Of the process alone. */
  | { readonly kind: 'ANONYMOUS' }
  /** In a file once it is captured: how a snapshot is made. */
  | { readonly kind: 'CAPTURED'; readonly file: string }
  /** A file's content, copied where it is written to: how a snapshot is restored. */
  | { readonly kind: 'CLONED'; readonly file: string };

/** How a guest comes to life: it boots, or it goes on where a snapshot was taken. */
export type Start =
  | {
      readonly kind: 'BOOT';
      readonly kernel: string;
      readonly root: string;
      readonly commandLine: string;
    }
  /** From its disk, as a machine that was switched on. */
  | { readonly kind: 'BOOT_DISK' }
  | { readonly kind: 'RESTORE' };

/** A VM whose process was started. */
export interface VmSite {
  readonly record: VmRecord;
  readonly files: VmFiles;
  /** Whether the process still runs. */
  readonly isUp: () => boolean;
}

/** The conversation with the process of one VM. */
export interface Control {
  /** Makes what was just started the VM of this plan, as far as its command line has not. */
  begin(plan: VmPlan): Promise<void>;
  /** What the machine does: `running`, `paused`, or another word of the program's. */
  status(): Promise<string>;
  resume(): Promise<void>;
  pause(): Promise<void>;
  /** Resolves when the guest ends by itself, also where its machine is kept. */
  guestEnd(): Promise<void>;
  /** Told once, after the first answer of a guest that booted. */
  booted(): Promise<void>;
  /** Writes the state of a paused VM to these files, where its plan has not put them already. */
  capture(files: SnapshotFiles, signal: AbortSignal): Promise<StoredFile>;
  /** Puts a VM that was started for it where a snapshot was taken; it is paused then. */
  restore(files: SnapshotFiles, devices: Buffer, signal: AbortSignal): Promise<void>;
  /**
   * Stops a VM and writes all of it, its memory too, to one file, of which nothing is forced to
   * the disk yet: the VM is to go on at once, which is the caller's to see to, however this ends.
   */
  captureAll?(taking: Taking, signal: AbortSignal): Promise<StoredFile>;
  /** Makes a VM that was started for it, on memory of its own, what such a file holds. */
  restoreAll?(file: string, taken: StoredFile, signal: AbortSignal): Promise<void>;
  /** How many layers its disk has now. */
  layerCount?(): Promise<number>;
  /** Writes what is on the guest's screen to a file. */
  picture?(file: string): Promise<void>;
  /**
   * Connects to the VM's serial line, which has one reader at a time, or to its screen, which many
   * may see. It closes when the process ends.
   */
  stream?(kind: StreamKind, limit: Limit): Promise<Duplex>;
  /** Asks the process to end. */
  quit(): Promise<void>;
  /** What the guest wrote to its console last. */
  console(): Promise<string>;
  /** Calls back when the conversation ends, whoever ended it. */
  onClose(callback: () => void): void;
  /** Hangs up; the VM goes on. */
  close(): void;
}

/** What is taken of a VM that is captured as a whole, and where to. */
export interface Taking {
  readonly file: string;
  /** Of the guest: how long its capture may take depends on it. */
  readonly memoryMiB: number;
  readonly disk?: DiskSwitch | undefined;
}

/** The layer that is put over all others in the moment of a capture: they never change again. */
export interface DiskSwitch {
  readonly path: string;
  /** Its place among the layers, from 0. */
  readonly at: number;
}

/** The two files of a snapshot. */
export interface SnapshotFiles {
  readonly memory: string;
  readonly devices: string;
}
