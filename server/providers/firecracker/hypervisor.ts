import type { Socket } from 'node:net';
import { cpus, release } from 'node:os';
import { resolve } from 'node:path';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import type { Control, Hypervisor, MachineSize } from '../vm-host/hypervisor.ts';
import type { SnapshotFiles, Taking, VmPlan, VmSite } from '../vm-host/hypervisor.ts';
import { killProcess } from '../vm-host/process.ts';
import { type StoredFile, describeFile } from '../vm-host/set-store.ts';
import { type VmHostSettings, transferMs } from '../vm-host/settings.ts';
import { connectWhen } from '../vm-host/socket.ts';
import { syncPath } from '../vm-host/sync-path.ts';
import type { Limit } from '../vm-host/within.ts';
import { FirecrackerApi, type Orders } from './api.ts';
import { boundLog, tailOf } from './console-log.ts';
import type { FirecrackerSettings } from './settings.ts';
import { type FirecrackerVersion, loadAbilities } from './version.ts';
import { AGENT_PORT, VsockPort } from './vsock.ts';

/** The same for all: it is part of a snapshot, and each process has a vsock of its own. */
const GUEST_CID = 3;
/**
 * Where Firecracker opens the guest's vsock, relative to the folder of the VM in which it works: a
 * snapshot holds this path, and it has to lead every clone to a place of its own.
 */
const VSOCK_PATH = 'agent.sock';
/**
 * Makes a restart end the process, spares the search for a bus that is not there, and tells our
 * first program in the guest where the agent is to listen.
 */
const BOOT_ARGUMENTS = `reboot=k pci=off snapyard.vsock=${AGENT_PORT}`;

/** What Firecracker is found to be on this machine. */
export interface FirecrackerHere {
  readonly world: World;
  readonly settings: VmHostSettings;
  readonly firecracker: FirecrackerSettings;
  readonly found: FirecrackerVersion;
}

/**
 * Runs VMs by Firecracker. It has no streams to open: the guest's serial line is the input and the
 * output of the process. The input is closed, since a line that outlives us would need somebody to
 * hold it, and the output is the log beside the process's own words. There is no display at all.
 */
export class FirecrackerHypervisor implements Hypervisor {
  readonly kind = 'FIRECRACKER';
  readonly worksInFolder = true;
  readonly capturesRunning = true;
  readonly program: string;
  readonly version: string;
  readonly #here: FirecrackerHere;
  readonly #ports = new Map<string, VsockPort>();

  constructor(here: FirecrackerHere) {
    this.#here = here;
    this.program = here.firecracker.binary;
    this.version = here.found.text;
  }

  /** All but its identity is told over its socket. */
  argumentsFor({ uuid, files }: VmPlan): readonly string[] {
    return ['--api-sock', files.control, '--id', uuid, '--level', 'Warning'];
  }

  /** A snapshot is loaded by the release that took it, on the same CPU and the same host kernel. */
  describeMachine({ cpuCores, memoryMiB }: MachineSize): string {
    const { major, minor } = this.#here.found;
    const host = `${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}`;
    const devices = `${cpuCores} CPUs, ${memoryMiB} MiB, vsock, entropy`;
    return `Firecracker ${major}.${minor} on ${host}: ${devices}`;
  }

  /** An idle connection is kept: its end is how the end of the process is heard of. */
  async control(vm: VmSite, limit: Limit): Promise<Control> {
    const { world, settings } = this.#here;
    const line = await connectWhen(world, vm.files.control, vm.isUp, limit);
    line.resume();
    try {
      const api = new FirecrackerApi(world, vm.files.control, settings.orderMs);
      const { id } = await api.instance(limit);
      const hangUp = () => this.#ports.get(vm.record.uuid)?.destroy();
      if (id === vm.record.uuid) return new FirecrackerControl(this.#here, vm, api, line, hangUp);
      const reason = `${vm.record.name} is another VM than expected`;
      throw new ProviderError(reason, { retryable: false });
    } catch (error) {
      line.destroy();
      throw error;
    }
  }

  agentSocket({ record, files, isUp }: VmSite): Promise<VsockPort> {
    const site = { path: files.agent, port: AGENT_PORT, isUp };
    const port = new VsockPort(this.#here.world, site);
    this.#ports.set(record.uuid, port);
    port.once('close', () => {
      if (this.#ports.get(record.uuid) === port) this.#ports.delete(record.uuid);
    });
    return Promise.resolve(port);
  }

  /** There is one way of running guests: by KVM. */
  confirmBoot(): void {}

  giveUp(): boolean {
    return false;
  }
}

class FirecrackerControl implements Control {
  readonly #here: FirecrackerHere;
  readonly #vm: VmSite;
  readonly #api: FirecrackerApi;
  readonly #line: Socket;
  readonly #hangUp: () => void;

  constructor(
    here: FirecrackerHere,
    vm: VmSite,
    api: FirecrackerApi,
    line: Socket,
    hangUp: () => void,
  ) {
    this.#hangUp = hangUp;
    this.#here = here;
    this.#vm = vm;
    this.#api = api;
    this.#line = line;
  }

  /** A VM that is to be restored must be told nothing before that. */
  async begin({ start, size }: VmPlan): Promise<void> {
    if (start.kind !== 'BOOT') return;
    await this.#api.order('PUT /machine-config', {
      vcpu_count: size.cpuCores,
      mem_size_mib: size.memoryMiB,
      smt: false,
      track_dirty_pages: false,
    });
    await this.#api.order('PUT /boot-source', {
      kernel_image_path: resolve(start.kernel),
      initrd_path: resolve(start.root),
      boot_args: `${start.commandLine} ${BOOT_ARGUMENTS}`,
    });
    await this.#api.order('PUT /vsock', { guest_cid: GUEST_CID, uds_path: VSOCK_PATH });
    await this.#api.order('PUT /entropy', {});
    await this.#api.order('PUT /actions', { action_type: 'InstanceStart' });
  }

  async status(): Promise<string> {
    boundLog(this.#vm.files.log);
    return (await this.#api.instance()).state.toLowerCase();
  }

  resume(): Promise<void> {
    return this.#api.order('PATCH /vm', { state: 'Resumed' });
  }

  pause(): Promise<void> {
    return this.#api.order('PATCH /vm', { state: 'Paused' });
  }

  /** A guest that ends takes its process with it. */
  guestEnd(): Promise<void> {
    return new Promise((resolved) => this.onClose(resolved));
  }

  async booted(): Promise<void> {}

  async capture(files: SnapshotFiles, signal: AbortSignal): Promise<StoredFile> {
    await this.#refuseOtherVersion();
    await this.#create(files, { ms: this.#here.settings.restoreMs, signal });
    await syncPath(files.devices);
    return describeFile(files.devices);
  }

  /**
   * Its devices go to the file and its memory to one beside it, of which no hash is made: the VM
   * stands still meanwhile. A guest that goes on after that has closed its connections: what was
   * being said to its agent is given up now, and the next who speaks to it connects anew.
   */
  async captureAll({ file, memoryMiB }: Taking, signal: AbortSignal): Promise<StoredFile> {
    await this.#refuseOtherVersion();
    await this.pause();
    const ms = transferMs(this.#here.settings, memoryMiB * 2 ** 20);
    await this.#create(besideEachOther(file), { ms, signal, onlyOnce: true });
    this.#hangUp();
    return describeFile(file);
  }

  async restoreAll(file: string, taken: StoredFile, signal: AbortSignal): Promise<void> {
    const { sha256 } = await describeFile(file);
    if (sha256 !== taken.sha256) {
      throw new ProviderError(`${file} is not what was captured`, { retryable: false });
    }
    await this.#load(besideEachOther(file), signal);
  }

  /** The memory is mapped privately: the file must never change, and may be removed. */
  restore(files: SnapshotFiles, _devices: Buffer, signal: AbortSignal): Promise<void> {
    return this.#load(files, signal);
  }

  /** There is no such order, and a guest of ours has nothing to save: exactly its process ends. */
  async quit(): Promise<void> {
    const id = this.#vm.record.process;
    if (id !== null) await killProcess(this.#here.world, id);
  }

  console(): Promise<string> {
    return Promise.resolve(tailOf(this.#vm.files.log));
  }

  onClose(callback: () => void): void {
    if (this.#line.destroyed) callback();
    else this.#line.once('close', callback);
  }

  close(): void {
    this.#line.destroy();
  }

  async #create(files: SnapshotFiles, limit: Omit<Limit, 'what'>): Promise<void> {
    const paths = { snapshot_path: files.devices, mem_file_path: files.memory };
    const order = { snapshot_type: 'Full', ...paths } as const;
    await this.#api.order('PUT /snapshot/create', order, limit);
  }

  async #load(files: SnapshotFiles, signal: AbortSignal): Promise<void> {
    const order = loadOrder(this.#here.found, files, this.#vm.files.agent);
    const ms = this.#here.settings.restoreMs;
    await this.#api.order('PUT /snapshot/load', order, { ms, signal });
  }

  /** What a process that outlived an upgrade captures, the program that is here cannot load. */
  async #refuseOtherVersion(): Promise<void> {
    const running = await this.#api.version();
    const { text } = this.#here.found;
    if (running === text) return;
    const reason = `${this.#vm.record.name} runs on Firecracker ${running}, here is ${text}`;
    throw new ProviderError(`${reason}: it cannot be captured`, { retryable: false });
  }
}

/** The two files of a VM that was captured in use. */
function besideEachOther(file: string): SnapshotFiles {
  return { devices: file, memory: `${file}.ram` };
}

/** How a version is told to load a snapshot. */
function loadOrder(
  version: FirecrackerVersion,
  files: SnapshotFiles,
  socketPath: string,
): Orders['PUT /snapshot/load'] {
  const { vsockOverride, clockRealtime } = loadAbilities(version);
  return {
    snapshot_path: files.devices,
    mem_backend: { backend_type: 'File', backend_path: files.memory },
    resume_vm: false,
    ...(vsockOverride ? { vsock_override: { uds_path: socketPath } } : {}),
    ...(clockRealtime ? { clock_realtime: true } : {}),
  };
}
