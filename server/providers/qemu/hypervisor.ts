import type { Socket } from 'node:net';
import type { World } from '../../world.ts';
import { ProviderError, type StreamKind } from '../provider.ts';
import type { Control, Hypervisor, MachineSize } from '../vm-host/hypervisor.ts';
import type { SnapshotFiles, Taking, VmPlan, VmSite } from '../vm-host/hypervisor.ts';
import { isRecord } from '../vm-host/json-file.ts';
import type { StoredFile } from '../vm-host/set-store.ts';
import { type VmHostSettings, transferMs } from '../vm-host/settings.ts';
import { connectWhen } from '../vm-host/socket.ts';
import type { Limit } from '../vm-host/within.ts';
import { type Accelerators, guestCpu } from './accelerator.ts';
import type { QemuVersion } from './availability.ts';
import { CONSOLE, type Hardware, devices, layerName, qemuArguments } from './command-line.ts';
import { Qmp } from './qmp.ts';
import type { QemuSettings } from './settings.ts';
import { openScreen, openSerial } from './streams.ts';
import { captureAll, captureDevices, loadAll, loadDevices } from './transfer.ts';

/** What QEMU is found to be on this machine. */
export interface QemuHere {
  readonly world: World;
  readonly settings: VmHostSettings;
  readonly qemu: QemuSettings;
  readonly found: QemuVersion;
  readonly accelerators: Accelerators;
}

/** Runs VMs by QEMU. */
export class QemuHypervisor implements Hypervisor {
  readonly kind = 'QEMU';
  readonly worksInFolder = false;
  readonly program: string;
  readonly version: string;
  readonly capturesRunning = true;
  readonly fits = true;
  readonly streams = ['SERIAL', 'VNC'] as const;
  readonly #here: QemuHere;

  constructor(here: QemuHere) {
    this.#here = here;
    this.program = here.qemu.binary;
    this.version = here.found.text;
  }

  argumentsFor(vm: VmPlan): readonly string[] {
    const { major, minor } = this.#here.found;
    const canOpenReadOnly = major > 8 || (major === 8 && minor >= 2);
    return qemuArguments({ ...vm, hardware: this.#hardware(vm.size), canOpenReadOnly });
  }

  describeMachine(size: MachineSize): string {
    const { major, minor } = this.#here.found;
    const hardware = this.#hardware(size);
    const cpu = guestCpu(hardware.accel).host ?? 'any CPU';
    const bytes = size.fittings?.disk.bytes;
    const disk = bytes === undefined ? [] : [`with ${bytes} bytes`];
    const parts = [...devices(hardware, 'disk'), ...disk];
    return [`QEMU ${major}.${minor} on ${cpu}:`, ...parts].join(' ');
  }

  async control(vm: VmSite, limit: Limit): Promise<Control> {
    const { world, settings } = this.#here;
    const socket = await connectWhen(world, vm.files.control, vm.isUp, limit);
    const qmp = await Qmp.open(world, socket, settings.orderMs, limit);
    try {
      await checkIdentity(vm, qmp);
      return new QemuControl(this.#here, vm, qmp, socket);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async agentSocket(vm: VmSite, limit: Limit): Promise<Socket> {
    const socket = await connectWhen(this.#here.world, vm.files.agent, vm.isUp, limit);
    // Ends what a control plane that died in the middle of a line may have left.
    socket.write('\n');
    return socket;
  }

  confirmBoot(): void {
    this.#here.accelerators.confirm();
  }

  giveUp(reason: string): boolean {
    return this.#here.accelerators.giveUp(reason);
  }

  #hardware({ cpuCores, memoryMiB, fittings }: MachineSize): Hardware {
    const { current: accel } = this.#here.accelerators;
    const { machine } = this.#here.qemu;
    return { machine, cpu: guestCpu(accel).cpu, accel, cpuCores, memoryMiB, fittings };
  }
}

async function checkIdentity({ record }: VmSite, qmp: Qmp): Promise<void> {
  const answer = await qmp.order('query-uuid');
  if (isRecord(answer) && answer['UUID'] === record.uuid) return;
  throw new ProviderError(`${record.name} is another VM than expected`, { retryable: false });
}

class QemuControl implements Control {
  readonly #here: QemuHere;
  readonly #vm: VmSite;
  readonly #qmp: Qmp;
  readonly #socket: Socket;

  constructor(here: QemuHere, vm: VmSite, qmp: Qmp, socket: Socket) {
    this.#here = here;
    this.#vm = vm;
    this.#qmp = qmp;
    this.#socket = socket;
  }

  /** All of it was on the command line. */
  async begin(): Promise<void> {}

  status(): Promise<string> {
    return this.#qmp.status();
  }

  async resume(): Promise<void> {
    await this.#qmp.order('cont');
  }

  async pause(): Promise<void> {
    await this.#qmp.order('stop');
  }

  async guestEnd(): Promise<void> {
    await this.#qmp.next(({ name }) => name === 'SHUTDOWN');
  }

  /** From now on a guest that ends takes its process with it. */
  async booted(): Promise<void> {
    await this.#qmp.order('set-action', { shutdown: 'poweroff' });
  }

  captureAll(taking: Taking, signal: AbortSignal): Promise<StoredFile> {
    return captureAll(this.#transfer(taking.memoryMiB * 2 ** 20), taking, signal);
  }

  async layerCount(): Promise<number> {
    const answer = await this.#qmp.order('query-block');
    const nodes = (Array.isArray(answer) ? answer : []).flatMap((drive: unknown) =>
      isRecord(drive) && isRecord(drive['inserted']) ? [drive['inserted']['node-name']] : [],
    );
    const at = Number(/^layer(\d+)$/.exec(String(nodes[0]))?.[1]);
    if (nodes[0] === layerName(at)) return at + 1;
    throw new ProviderError(`${this.#vm.record.name} has no disk of ours`, { retryable: false });
  }

  async picture(file: string): Promise<void> {
    await this.#qmp.order('screendump', { filename: file });
  }

  stream(kind: StreamKind, limit: Limit): Promise<Socket> {
    const { world } = this.#here;
    const to = { world, vm: this.#vm, qmp: this.#qmp };
    return kind === 'SERIAL' ? openSerial(to, limit) : openScreen(to, limit);
  }

  restoreAll(file: string, taken: StoredFile, signal: AbortSignal): Promise<void> {
    return loadAll(this.#transfer(taken.bytes), file, taken, signal);
  }

  capture(files: SnapshotFiles, signal: AbortSignal): Promise<StoredFile> {
    return captureDevices(this.#transfer(), files.devices, signal);
  }

  restore(_files: SnapshotFiles, state: Buffer, signal: AbortSignal): Promise<void> {
    return loadDevices(this.#transfer(), state, signal);
  }

  async quit(): Promise<void> {
    await this.#qmp.order('quit');
  }

  async console(): Promise<string> {
    const text = await this.#qmp.order('ringbuf-read', { device: CONSOLE, size: 65_536 });
    return typeof text === 'string' ? text : '';
  }

  onClose(callback: () => void): void {
    this.#socket.once('close', callback);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Of so many bytes of memory; the devices alone are small. */
  #transfer(bytes = 0) {
    const { world, settings } = this.#here;
    return { world, vm: this.#vm, qmp: this.#qmp, ms: transferMs(settings, bytes) };
  }
}
