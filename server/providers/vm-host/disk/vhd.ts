import { BuildError } from '../image/build-error.ts';

/** A VHD ends with this many bytes that describe it; one that grows begins with them, too. */
export const VHD_FOOTER_BYTES = 512;

const MAGIC = 'conectix';
const CHECKSUM = 64;
const FIXED = 2;
const DYNAMIC = 3;

/** Whether bytes begin as the description of a VHD does. */
export function isVhdFooter(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).toString('latin1') === MAGIC;
}

/**
 * The bytes that a VHD says it has. QEMU may show a guest a little less, where it counts cylinders
 * as Virtual PC does. One that lies over another disk is refused.
 */
export function vhdVirtualBytes(start: Buffer, end: Buffer, fileBytes: number): number {
  if (!isVhdFooter(end)) throw refused('its end is missing');
  const type = end.readUInt32BE(60);
  if (sumOf(end) !== end.readUInt32BE(CHECKSUM)) throw refused('its checksum is wrong');
  if (type !== FIXED && type !== DYNAMIC) {
    throw refused('it lies over another disk, or is of a kind that is not known here');
  }
  const bytes = Number(end.readBigUInt64BE(48));
  if (type === FIXED && isVhdFooter(start)) throw refused('its start and its end do not agree');
  if (type === DYNAMIC && !start.subarray(0, VHD_FOOTER_BYTES).equals(end)) {
    throw refused('its start and its end do not agree');
  }
  if (type === FIXED && bytes + VHD_FOOTER_BYTES !== fileBytes) throw refused('it is cut off');
  return bytes;
}

/** All bytes but the sum itself, added up and turned over. */
function sumOf(footer: Buffer): number {
  let sum = 0;
  for (const [at, byte] of footer.entries()) {
    if (at < CHECKSUM || at >= CHECKSUM + 4) sum += byte;
  }
  return ~sum >>> 0;
}

function refused(why: string): BuildError {
  return new BuildError(`The VHD is refused: ${why}`);
}
