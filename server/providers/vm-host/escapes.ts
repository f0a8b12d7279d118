const PLAIN = /^[A-Za-z0-9_./=:@,+-]$/;

/**
 * Bytes as the guest's `printf '%b'` reads them: one word without blanks or quotes. The shell in
 * the guest turns it back without starting a program, which is what costs time there. As it reads
 * letter by letter, the word is as short as it can be.
 */
export function escapeBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte, at) => escapeByte(byte, isOctalDigit(bytes[at + 1]))).join('');
}

/** Up to three digits belong to a byte: before another digit it needs them all. */
function escapeByte(byte: number, isBeforeDigit: boolean): string {
  const character = String.fromCharCode(byte);
  if (PLAIN.test(character)) return character;
  const digits = byte.toString(8);
  if (isBeforeDigit) return `\\0${digits.padStart(3, '0')}`;
  return byte === 0 ? '\\0' : `\\0${digits}`;
}

function isOctalDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x37;
}

/** A moment as the kernel stores it: seconds and nanoseconds, 8 bytes each. */
export function timespec(epochMs: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  const seconds = Math.floor(epochMs / 1_000);
  bytes.writeBigInt64LE(BigInt(seconds), 0);
  bytes.writeBigInt64LE(BigInt(Math.floor((epochMs - seconds * 1_000) * 1_000_000)), 8);
  return bytes;
}
