import { execFileSync } from 'node:child_process';
import { zstdDecompressSync } from 'node:zlib';
import { BuildError } from './build-error.ts';
import { unpackLz4 } from './lz4.ts';

// Offsets in the boot protocol's header of a bzImage.
const SETUP_SECTORS = 0x1f1;
const SIGNATURE = 0x202;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR = 512;

const LZ4_LEGACY = 0x184c2102;
const ZSTD = 0xfd2fb528;
const XZ = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const LARGEST_KERNEL = 256 * 1024 * 1024;

/**
 * Takes the kernel proper, an ELF file, out of a compressed kernel image. QEMU starts an ELF at
 * once, where a compressed kernel would first unpack itself on the emulated CPU.
 */
export function kernelElf(image: Buffer): Buffer {
  const elf = unpack(payload(image));
  if (elf.toString('latin1', 0, 4) !== '\x7fELF') {
    throw new BuildError('the kernel image holds no ELF file');
  }
  return elf;
}

/** The compressed kernel and the size it unpacks to, which stands in its last four bytes. */
function payload(image: Buffer): { packed: Buffer; size: number } {
  if (image.length < SECTOR * 2 || image.toString('latin1', SIGNATURE, SIGNATURE + 4) !== 'HdrS') {
    throw new BuildError('the kernel is not a bzImage');
  }
  const sectors = image.readUInt8(SETUP_SECTORS) || 4;
  const start = (sectors + 1) * SECTOR + image.readUInt32LE(PAYLOAD_OFFSET);
  const end = start + image.readUInt32LE(PAYLOAD_LENGTH) - 4;
  return { packed: image.subarray(start, end), size: image.readUInt32LE(end) };
}

function unpack({ packed, size }: { packed: Buffer; size: number }): Buffer {
  const magic = packed.readUInt32LE(0);
  if (magic === LZ4_LEGACY) return unpackLz4(packed.subarray(4), size);
  if (magic === ZSTD) return zstdDecompressSync(packed);
  if (packed.subarray(0, XZ.length).equals(XZ)) return unpackXz(packed);
  throw new BuildError(`the kernel is compressed in a way not known here (${magic.toString(16)})`);
}

/** Unpacks what `xz` packed; needs the program, which Node has no library for. */
export function unpackXz(packed: Buffer): Buffer {
  try {
    return execFileSync('xz', ['-dc'], { input: packed, maxBuffer: LARGEST_KERNEL });
  } catch (error) {
    throw new BuildError('cannot unpack with xz; install it: apt-get install xz-utils', error);
  }
}
