import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/** How every file of the format begins: `QFI` and a byte that no text has. */
export const QCOW2_MAGIC = Buffer.from('QFI\xfb', 'latin1');

const VERSION = 3;
const CLUSTER_BITS = 16;
const CLUSTER = 2 ** CLUSTER_BITS;
/** Two bytes count the uses of a cluster. */
const REFCOUNT_ORDER = 4;
/** The fields that the third version of the format has. */
const HEADER_BYTES = 104;
const SECTOR = 512;
/** A table of the first level holds 8 bytes for each table of the second, which maps this much. */
const BYTES_PER_L1_ENTRY = (CLUSTER / 8) * CLUSTER;
/** Larger than any disk of a guest here; the limit keeps what is written to a few clusters. */
const LARGEST = 64 * 2 ** 40;

// What the file begins with, a cluster or more each, in this order.
const REFCOUNT_TABLE = 1;
const REFCOUNT_BLOCK = 2;
const L1_TABLE = 3;

/**
 * Writes a disk of this size with nothing of its own in it, in which QEMU keeps what a guest
 * changes. It names no file below it: what it lies over is said to QEMU by whoever starts it, so
 * that nothing written in a disk decides what QEMU opens. A file that is there is never touched;
 * forcing the new one to the disk is left to the caller.
 */
export function writeEmptyQcow2(path: string, virtualBytes: number): void {
  if (virtualBytes <= 0 || virtualBytes > LARGEST || virtualBytes % SECTOR !== 0) {
    throw new RangeError(`a disk cannot have ${virtualBytes} bytes`);
  }
  const l1Entries = Math.ceil(virtualBytes / BYTES_PER_L1_ENTRY);
  const clusters = L1_TABLE + Math.ceil((l1Entries * 8) / CLUSTER);
  const file = openSync(path, 'wx', 0o600);
  try {
    writeAt(file, header(virtualBytes, l1Entries), 0);
    writeAt(file, bigEndian64(REFCOUNT_BLOCK * CLUSTER), REFCOUNT_TABLE * CLUSTER);
    writeAt(file, usedOnce(clusters), REFCOUNT_BLOCK * CLUSTER);
    ftruncateSync(file, clusters * CLUSTER);
  } finally {
    closeSync(file);
  }
}

function writeAt(file: number, bytes: Buffer, position: number): void {
  writeSync(file, bytes, 0, bytes.length, position);
}

/** The rest is zeros: no file below, no encryption, no snapshots, no features. */
function header(virtualBytes: number, l1Entries: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  QCOW2_MAGIC.copy(bytes, 0);
  bytes.writeUInt32BE(VERSION, 4);
  bytes.writeUInt32BE(CLUSTER_BITS, 20);
  bytes.writeBigUInt64BE(BigInt(virtualBytes), 24);
  bytes.writeUInt32BE(l1Entries, 36);
  bytes.writeBigUInt64BE(BigInt(L1_TABLE * CLUSTER), 40);
  bytes.writeBigUInt64BE(BigInt(REFCOUNT_TABLE * CLUSTER), 48);
  bytes.writeUInt32BE(1, 56);
  bytes.writeUInt32BE(REFCOUNT_ORDER, 96);
  bytes.writeUInt32BE(HEADER_BYTES, 100);
  return bytes;
}

function bigEndian64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function usedOnce(clusters: number): Buffer {
  const bytes = Buffer.alloc(clusters * 2);
  for (let at = 0; at < clusters; at += 1) bytes.writeUInt16BE(1, at * 2);
  return bytes;
}
