import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { ProviderError } from '../provider.ts';
import { isRecord, readJson, writeJson } from '../vm-host/json-file.ts';
import type { Accelerator, QemuSettings } from './settings.ts';

const DEVICE = '/dev/kvm';
const PROBE_MS = 2_000;
/** The probe's word, as the debug device turns it into an exit code. */
const WORD = 0x2a;
const EXIT_CODE = WORD * 2 + 1;
const FIRMWARE_SIZE = 65_536;

// Forty million instructions from where a CPU begins: 50 ms where it runs them itself, half a
// minute where a hypervisor below us interprets them, as some clouds do.
const FIRMWARE = [
  '66b9 002d3101', // mov ecx, 20000000
  '6649 75fc', // again: dec ecx; jnz again
  'b02a e6f4', // mov al, WORD; out 0xf4, al
  'f4', // hlt
];

/**
 * Which accelerator VMs run on. `auto` takes KVM only after it has run a guest's instructions in
 * good time: a device that can be opened proves little.
 */
export class Accelerators {
  #current: Accelerator;
  readonly #isFree: boolean;
  #hasWorked = false;
  readonly #log: (line: string) => void;

  private constructor(current: Accelerator, isFree: boolean, log: (line: string) => void) {
    this.#current = current;
    this.#isFree = isFree;
    this.#log = log;
  }

  /** Decides for one, and says why when it is not the faster one. */
  static async choose(
    settings: QemuSettings,
    stateDir: string,
    log: (line: string) => void,
  ): Promise<Accelerators> {
    if (settings.accel === 'tcg') return new Accelerators('tcg', false, log);
    const fault = await rememberedFault(settings.binary, stateDir);
    if (fault === null) return new Accelerators('kvm', settings.accel === 'auto', log);
    if (settings.accel === 'kvm') throw new ProviderError(fault, { retryable: false });
    log(`${fault}; VMs are emulated`);
    return new Accelerators('tcg', false, log);
  }

  get current(): Accelerator {
    return this.#current;
  }

  /** Notes that a guest has booted: from now on a failure is not the accelerator's. */
  confirm(): void {
    this.#hasWorked = true;
  }

  /** Gives KVM up after a first guest that did not boot; false when there is nothing to give up. */
  giveUp(reason: string): boolean {
    if (this.#current !== 'kvm' || !this.#isFree || this.#hasWorked) return false;
    this.#current = 'tcg';
    this.#log(`KVM did not boot a guest (${reason}); VMs are emulated`);
    return true;
  }
}

/** The CPU that a guest gets, and what of the host a snapshot of it depends on. */
export function guestCpu(accel: Accelerator): { cpu: string; host: string | null } {
  if (accel === 'tcg') return { cpu: 'max', host: null };
  return { cpu: 'host', host: cpus()[0]?.model ?? 'unknown' };
}

/** What was wrong with KVM; asked once for each start of the machine, since it takes seconds. */
async function rememberedFault(binary: string, stateDir: string): Promise<string | null> {
  const file = join(stateDir, 'accelerator.json');
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  const known = readJson(file);
  const isKnown = isRecord(known) && known['bootId'] === bootId && known['binary'] === binary;
  if (isKnown && typeof known['kvmFault'] === 'string') return known['kvmFault'];
  const fault = await kvmFault(binary, stateDir);
  if (fault !== null) writeJson(file, { bootId, binary, kvmFault: fault });
  return fault;
}

async function kvmFault(binary: string, stateDir: string): Promise<string | null> {
  try {
    await access(DEVICE, constants.R_OK | constants.W_OK);
  } catch {
    return `${DEVICE} cannot be opened`;
  }
  const firmware = join(stateDir, 'probe.rom');
  try {
    await writeFile(firmware, probeFirmware());
    return await probe(binary, 'kvm', firmware);
  } finally {
    await rm(firmware, { force: true });
  }
}

/** Runs the probe; answers what was wrong, or null. */
export function probe(
  binary: string,
  accel: Accelerator,
  firmware: string,
): Promise<string | null> {
  const argv = [
    ['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc', '-m', '16'],
    ['-accel', accel, '-bios', firmware, '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
  ].flat();
  return new Promise((resolve) => {
    const options = { timeout: PROBE_MS, killSignal: 'SIGKILL' } as const;
    execFile(binary, argv, options, (error, _stdout, stderr) => {
      if (error?.code === EXIT_CODE) return resolve(null);
      const said = stderr.trim().split('\n').at(-1) ?? '';
      resolve(
        `${accel} does not run guests${error?.killed === true ? ' in good time' : ` ${said}`}`,
      );
    });
  });
}

/** A firmware that counts and ends: it begins 16 bytes below the end, where a CPU starts. */
export function probeFirmware(): Buffer {
  const image = Buffer.alloc(FIRMWARE_SIZE);
  Buffer.from(FIRMWARE.join('').replaceAll(' ', ''), 'hex').copy(image, FIRMWARE_SIZE - 16);
  return image;
}
