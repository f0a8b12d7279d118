import { BuildError } from '../image/build-error.ts';

/** Fields and extensions of a header are read from no more than this. */
export const QCOW2_HEADER_BYTES = 64 * 1024;

const FIRST_VERSION = 2;
const VERSION = 3;
/** Where the fields of the second version end; it has no features. */
const SHORT_HEADER = 72;
const FULL_HEADER = 104;
/** Another compression, and clusters in parts: how this file is written, and nothing outside. */
const HARMLESS_FEATURES = 0b11000n;
const FEATURE_WORDS = new Map([
  [0b1n, 'it was not closed when it was last written: run qemu-img check -r all on a copy of it'],
  [0b10n, 'it is marked as damaged: run qemu-img check -r all on a copy of it'],
  [0b100n, 'its data are in another file; qemu-img convert makes one file of it'],
]);
const EXTENSION_WORDS = new Map([
  [0x44415441, 'it names another file for its data; qemu-img convert makes one file of it'],
  [0x0537be77, 'it is encrypted'],
]);

/**
 * The bytes that a guest sees of a qcow2 disk. Refused is whatever makes QEMU open something else
 * than this file: a disk that names other files could show a guest any file of this machine.
 */
export function qcow2VirtualBytes(start: Buffer): number {
  if (start.length < FULL_HEADER) throw refused('it is cut off');
  const version = start.readUInt32BE(4);
  if (version < FIRST_VERSION || version > VERSION) throw refused(`it has version ${version}`);
  if (start.readBigUInt64BE(8) !== 0n || start.readUInt32BE(16) !== 0) {
    throw refused('it lies over another disk; qemu-img convert makes one disk of both');
  }
  if (start.readUInt32BE(32) !== 0) throw refused('it is encrypted');
  if (version === VERSION) refuseFeatures(start.readBigUInt64BE(72));
  refuseExtensions(start, version === VERSION ? start.readUInt32BE(100) : SHORT_HEADER);
  return Number(start.readBigUInt64BE(24));
}

function refuseFeatures(features: bigint): void {
  const bad = features & ~HARMLESS_FEATURES;
  if (bad === 0n) return;
  const [, words] = [...FEATURE_WORDS].find(([bit]) => (bad & bit) !== 0n) ?? [];
  throw refused(words ?? `it needs features that are not known here (${bad.toString(16)})`);
}

/** Extensions follow the header in its cluster, each with a type and a length, to one of type 0. */
function refuseExtensions(start: Buffer, header: number): void {
  const cluster = 2 ** start.readUInt32BE(20);
  let at = header;
  while (at + 8 <= Math.min(cluster, start.length)) {
    const type = start.readUInt32BE(at);
    if (type === 0) return;
    const words = EXTENSION_WORDS.get(type);
    if (words !== undefined) throw refused(words);
    at += 8 + Math.ceil(start.readUInt32BE(at + 4) / 8) * 8;
  }
  if (at + 8 <= cluster) throw refused('its header has no end');
}

function refused(why: string): BuildError {
  return new BuildError(`The qcow2 disk is refused: ${why}`);
}
