import { accessSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { AGENT_PORT } from '../../server/providers/firecracker/vsock.ts';
import { FIXTURE } from './fixture.ts';
import { GuestAgent, type GuestMemory, freshGuest } from './guest.ts';
import { type MachineState, readMemory, readState } from './snapshot-files.ts';
import { writeMemory, writeState } from './snapshot-files.ts';
import { VsockServer } from './vsock-server.ts';

type Given = Readonly<Record<string, unknown>>;

/** How long the guest takes from its start to an agent that listens. */
const BOOT_MS = 15;
const NOT_BEFORE = 'The requested operation is not supported before starting the microVM.';
const NOT_AFTER = 'The requested operation is not supported after starting the microVM.';

/** A load that failed: the process answers, and ends. */
export class LoadFailure extends Error {}

/** The machine of one process, in the states that the API allows. */
export class Machine {
  readonly #release: string;
  readonly #end: () => void;
  readonly #config = new Map<string, Given>();
  #state: 'Not started' | 'Running' | 'Paused' = 'Not started';
  #memory: GuestMemory = freshGuest();
  #vsock: VsockServer | null = null;
  #vsockPath: string | null = null;
  #isListening = false;
  #isCaptured = false;
  #goOn: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  /** The file that the memory is mapped from: to shorten it is death. */
  #mapped: { readonly file: number; readonly size: number } | null = null;

  constructor(release: string, end: () => void) {
    this.#release = release;
    this.#end = end;
  }

  get state(): string {
    return this.#state;
  }

  /** Does what an allowed call with a valid body asks for; throws what it is refused with. */
  async obey(call: string, given: Given): Promise<void> {
    this.#refuseWrongState(call, given);
    switch (call) {
      case 'PUT /machine-config':
      case 'PUT /entropy':
        this.#config.set(call, given);
        return;
      case 'PUT /boot-source':
        for (const key of ['kernel_image_path', 'initrd_path']) mustBeReadable(given[key]);
        this.#config.set(call, given);
        return;
      case 'PUT /vsock':
        await this.#openVsock(text(given['uds_path']));
        this.#config.set(call, given);
        return;
      case 'PUT /actions':
        return this.#act(text(given['action_type']));
      case 'PATCH /vm':
        return given['state'] === 'Paused' ? this.#pause() : this.#resume();
      case 'PUT /snapshot/create':
        return this.#create(text(given['snapshot_path']), text(given['mem_file_path']));
      case 'PUT /snapshot/load':
        return this.#load(given);
    }
  }

  #refuseWrongState(call: string, given: Given): void {
    const isStarted = this.#state !== 'Not started';
    const when = FIXTURE.calls[call]?.when;
    const isStart = when === 'BEFORE_START' || given['action_type'] === 'InstanceStart';
    const isLater = when === 'AFTER_START' || when === 'PAUSED';
    if (isStarted && (isStart || when === 'FRESH')) throw new Error(NOT_AFTER);
    if (!isStarted && (isLater || given['action_type'] === 'SendCtrlAltDel')) {
      throw new Error(NOT_BEFORE);
    }
    if (when === 'FRESH' && this.#config.size > 0) {
      throw new Error('Loading a snapshot is not allowed after boot-specific configuration.');
    }
    if (when === 'PAUSED' && this.#state !== 'Paused') {
      throw new Error('Cannot create a snapshot: the microVM is not paused.');
    }
  }

  #act(action: string): void {
    if (action === 'SendCtrlAltDel') return this.#end();
    if (action !== 'InstanceStart') return;
    const boot = this.#config.get('PUT /boot-source');
    if (boot === undefined) throw new Error('Cannot start: no kernel was configured.');
    this.#state = 'Running';
    process.stdout.write(`[    0.000000] Command line: ${text(boot['boot_args'])}\n`);
    const isOurs = text(boot['boot_args']).includes(`snapyard.vsock=${AGENT_PORT}`);
    setTimeout(() => (this.#isListening = isOurs), BOOT_MS);
  }

  #pause(): void {
    if (this.#state === 'Paused') return;
    this.#state = 'Paused';
    this.#running = new Promise((resolve) => (this.#goOn = resolve));
  }

  #resume(): void {
    if (this.#isCaptured) this.#vsock?.reset();
    this.#isCaptured = false;
    this.#state = 'Running';
    this.#goOn();
  }

  #create(statePath: string, memoryPath: string): void {
    const machine = this.#config.get('PUT /machine-config') ?? {};
    const [cpus, memoryMiB] = [Number(machine['vcpu_count']), Number(machine['mem_size_mib'])];
    const state = { format: this.#format, cpus, memoryMiB, vsockPath: this.#vsockPath };
    writeMemory(memoryPath, this.#memory);
    writeState(statePath, state);
    this.#isCaptured = true;
  }

  async #load(given: Given): Promise<void> {
    try {
      await this.#restore(given);
    } catch (error) {
      throw new LoadFailure(error instanceof Error ? error.message : String(error));
    }
  }

  async #restore(given: Given): Promise<void> {
    const backend = given['mem_backend'] as Given | undefined;
    const paths = [given['mem_file_path'], backend?.['backend_path']].filter(Boolean);
    if (paths.length !== 1) throw new Error('Exactly one memory backend has to be given.');
    const state = readState(text(given['snapshot_path']), this.#format);
    const path = text(paths[0]);
    this.#memory = readMemory(path);
    const file = openSync(path, 'r');
    this.#mapped = { file, size: fstatSync(file).size };
    const override = given['vsock_override'] as Given | undefined;
    const vsockPath = override === undefined ? state.vsockPath : text(override['uds_path']);
    if (vsockPath !== null) await this.#openVsock(vsockPath);
    this.#remember(state);
    this.#isListening = true;
    this.#pause();
    if (given['resume_vm'] === true) this.#resume();
  }

  #remember({ cpus, memoryMiB }: MachineState): void {
    this.#config.set('PUT /machine-config', { vcpu_count: cpus, mem_size_mib: memoryMiB });
  }

  async #openVsock(path: string): Promise<void> {
    this.#vsockPath = path;
    this.#vsock = await VsockServer.open(path, {
      running: () => this.#running,
      listen: (port, say) => this.#listen(port, say),
    });
  }

  #listen(port: number, say: (line: string) => void): ((line: string) => void) | null {
    if (!this.#isListening || port !== AGENT_PORT) return null;
    const machine = { running: () => this.#running, powerOff: this.#end };
    const agent = new GuestAgent(this.#memory, machine, say);
    return (line) => {
      this.#touchMemory();
      void agent.hear(line);
    };
  }

  /** A page of a file that has become shorter cannot be read. */
  #touchMemory(): void {
    if (this.#mapped === null || fstatSync(this.#mapped.file).size >= this.#mapped.size) return;
    process.kill(process.pid, 'SIGBUS');
  }

  get #format(): string {
    const [major = '', minor = ''] = this.#release.split('.');
    return FIXTURE.snapshotFormats[`${major}.${minor}`] ?? 'unknown';
  }
}

function mustBeReadable(path: unknown): void {
  if (path === undefined) return;
  accessSync(text(path), constants.R_OK);
  if (readFileSync(text(path)).length === 0) throw new Error(`${text(path)} is empty`);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
