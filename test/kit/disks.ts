import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { qemuVersion } from '../../server/providers/qemu/availability.ts';
import { DEFAULT_QEMU_SETTINGS } from '../../server/providers/qemu/settings.ts';
import type { DiskBoot } from '../../server/providers/vm-host/image-manifest.ts';

// They make disks for tests, of all formats; nothing of the product needs them.
const QEMU_IMG = 'qemu-img';
const QEMU_IO = 'qemu-io';
const MKFIFO = 'mkfifo';
const { binary } = DEFAULT_QEMU_SETTINGS;

/** Whether disks can be tested with QEMU here: null, or why not. */
export async function whyNoDisks(): Promise<string | null> {
  if (process.env['SNAPYARD_SKIP_REAL'] === '1') return 'SNAPYARD_SKIP_REAL is set';
  const why = await whatIsMissing();
  if (why === null || process.env['SNAPYARD_REQUIRE_QEMU'] !== '1') return why;
  throw new Error(`SNAPYARD_REQUIRE_QEMU is set, but ${why}`);
}

async function whatIsMissing(): Promise<string | null> {
  if ((await qemuVersion(binary)) === null) return `${binary} is not installed`;
  if ((await qemuVersion(QEMU_IMG)) !== null) return null;
  return `${QEMU_IMG} is not installed (apt-get install --no-install-recommends qemu-utils)`;
}

/** Runs `qemu-img`; answers what it printed. */
export function qemuImg(...argv: readonly string[]): string {
  return execFileSync(QEMU_IMG, argv, { encoding: 'utf8' });
}

/** Writes through QEMU at the start of a disk: a byte, over and over. */
export function qemuWrites(
  path: string,
  format: string,
  { byte, bytes }: { readonly byte: number; readonly bytes: number },
): void {
  execFileSync(QEMU_IO, ['-f', format, '-c', `write -P ${byte} 0 ${bytes}`, path]);
}

/** A pipe with a name: whoever opens it to read waits for a writer. */
export function makePipe(path: string): void {
  execFileSync(MKFIFO, [path]);
}

/** A folder that goes with the test. */
export function diskFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'disk-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/**
 * A disk from which a PC starts: its first sector prints a text on the screen and halts. 16-bit
 * code, loaded at 0x7c00: a loop of `lodsb` and the BIOS call that prints one letter.
 */
export function bootableDisk(text: string, bytes: number): Buffer {
  const code = '31c08ed8be157cac84c07406b40ecd10ebf5f4ebfd';
  const disk = Buffer.alloc(bytes);
  disk.write(code, 'hex');
  disk.write(text, code.length / 2, 'latin1');
  disk.writeUInt16BE(0x55aa, 510);
  return disk;
}

/** What is said of a disk besides the disk. */
export const OLD_PC: Omit<DiskBoot, 'kind' | 'disk'> = {
  machine: 'pc-i440fx-7.2',
  bus: 'IDE',
  video: 'std',
  ready: { quietSeconds: 1, minSeconds: 1, maxSeconds: 60 },
  agent: false,
};
