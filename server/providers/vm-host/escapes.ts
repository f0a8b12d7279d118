const PLAIN = /^[A-Za-z0-9_./=:@,+-]$/;

/**
 * Bytes as the guest's `printf '%b'` reads them: one word without blanks or quotes. The shell in
 * the guest turns it back without starting a program, which is what costs time there.
 */
export function escapeBytes(bytes: Uint8Array): string {
  return Array.from(bytes, escapeByte).join('');
}

function escapeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return PLAIN.test(character) ? character : `\\0${byte.toString(8).padStart(3, '0')}`;
}

/** A moment as the kernel stores it: seconds and nanoseconds, 8 bytes each. */
export function timespec(epochMs: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  const seconds = Math.floor(epochMs / 1_000);
  bytes.writeBigInt64LE(BigInt(seconds), 0);
  bytes.writeBigInt64LE(BigInt(Math.floor((epochMs - seconds * 1_000) * 1_000_000)), 8);
  return bytes;
}
