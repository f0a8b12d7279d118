import { type FileHandle, constants, open } from 'node:fs/promises';
import { BuildError } from '../image/build-error.ts';
import type { DiskBoot } from '../image-manifest.ts';
import { QCOW2_MAGIC } from './qcow2.ts';
import { QCOW2_HEADER_BYTES, qcow2VirtualBytes } from './qcow2-header.ts';
import { VHD_FOOTER_BYTES, isVhdFooter, vhdVirtualBytes } from './vhd.ts';
import { codeOf } from '../error-code.ts';

const SECTOR = 512;
/** How a disk from which a PC can start ends its first sector. */
const BOOT_SIGNATURE = Buffer.from([0x55, 0xaa]);
const OTHER_FORMATS = new Map([
  ['vhdxfile', 'a VHDX disk'],
  ['KDMV', 'a VMDK disk'],
  ['# Disk DescriptorFile', 'a VMDK disk'],
  ['<<< ', 'a VDI disk'],
  ['QED\0', 'a QED disk'],
  ['LUKS', 'an encrypted disk'],
]);

/** What a disk is, by its own bytes. */
export interface DiskFacts {
  readonly format: DiskBoot['disk']['format'];
  /** What a guest sees of it, by its own account. */
  readonly virtualBytes: number;
  /** The length of its file. */
  readonly bytes: number;
}

/** Opens a file that may be a disk: no link, no device, no folder, and nothing that waits. */
export async function openDisk(path: string): Promise<FileHandle> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    const isLink = codeOf(error) === 'ELOOP';
    const why = isLink ? 'it is a link; name the file itself' : String(error);
    throw new BuildError(`The disk ${path} is refused: ${why}`, error);
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new BuildError(`The disk ${path} is refused: it is no plain file`);
}

/**
 * Finds out what a disk is by its first and last bytes alone, never by its name; refuses what
 * names other files, what is not known, and what is larger than the limit, as a file or as a disk.
 */
export async function inspectDisk(file: FileHandle, limitBytes: number): Promise<DiskFacts> {
  const { size: bytes } = await file.stat();
  refuseLarge('bytes', bytes, limitBytes);
  if (bytes < SECTOR) throw new BuildError('The disk is refused: it has not even one sector');
  const start = await read(file, 0, Math.min(bytes, QCOW2_HEADER_BYTES));
  const end = await read(file, bytes - VHD_FOOTER_BYTES, VHD_FOOTER_BYTES);
  const facts = { ...formatOf(start, end, bytes), bytes };
  refuseLarge('bytes for its guest', facts.virtualBytes, limitBytes);
  if (facts.virtualBytes <= 0 || facts.virtualBytes % SECTOR !== 0) {
    throw new BuildError(`The disk is refused: it cannot have ${facts.virtualBytes} bytes`);
  }
  return facts;
}

/**
 * Stops at a disk from elsewhere that is not what its description says: its hash tells that it is
 * what was sent, and nothing of what it would make QEMU open.
 */
export async function refuseOtherDisk(
  path: string,
  { disk }: DiskBoot,
  limitBytes: number,
): Promise<void> {
  const file = await openDisk(path);
  try {
    const facts = await inspectDisk(file, limitBytes);
    if (facts.format === disk.format && isAsSaid(facts, disk.virtualBytes)) return;
    throw new BuildError('The disk is refused: it is not what its description says');
  } finally {
    await file.close();
  }
}

/**
 * Whether what QEMU shows of a disk goes with what the disk says. It may show less of a VHD, which
 * it measures in cylinders unless it knows the program that wrote it.
 */
export function isAsSaid({ format, virtualBytes }: DiskFacts, seen: number): boolean {
  return format === 'vpc' ? seen > 0 && seen <= virtualBytes : seen === virtualBytes;
}

function formatOf(start: Buffer, end: Buffer, bytes: number): Omit<DiskFacts, 'bytes'> {
  if (start.subarray(0, QCOW2_MAGIC.length).equals(QCOW2_MAGIC)) {
    return { format: 'qcow2', virtualBytes: qcow2VirtualBytes(start) };
  }
  if (isVhdFooter(start) || isVhdFooter(end)) {
    return { format: 'vpc', virtualBytes: vhdVirtualBytes(start, end, bytes) };
  }
  for (const [magic, name] of OTHER_FORMATS) {
    if (start.subarray(0, magic.length).toString('latin1') !== magic) continue;
    throw new BuildError(
      `The disk is refused: it is ${name}; qemu-img convert makes a qcow2 of it`,
    );
  }
  if (start.subarray(SECTOR - BOOT_SIGNATURE.length, SECTOR).equals(BOOT_SIGNATURE)) {
    return { format: 'raw', virtualBytes: bytes };
  }
  const known = 'neither a qcow2 disk, nor a VHD, nor a raw disk with a boot sector';
  throw new BuildError(`The disk is refused: it is ${known}`);
}

function refuseLarge(what: string, bytes: number, limitBytes: number): void {
  if (bytes <= limitBytes) return;
  const limit = `the limit is ${limitBytes} (DISK_SIZE)`;
  throw new BuildError(`The disk is refused: it has ${bytes} ${what}, and ${limit}`);
}

async function read(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, from);
  return bytes.subarray(0, bytesRead);
}
