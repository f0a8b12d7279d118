import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { escapeBytes, timespec } from '../../../../server/providers/vm-host/escapes.ts';

/** What a shell makes of a word. */
function asPrinted(word: string): Buffer {
  return spawnSync('sh', ['-c', `printf '%b' "$1"`, 'sh', word]).stdout;
}

test('a shell prints every byte as it was, whatever stands behind it', () => {
  const behind = Buffer.from('\0\x01\x0709aé\n7', 'latin1');
  const bytes = Buffer.from(
    Array.from({ length: 256 }, (_, byte) => [...behind].flatMap((next) => [byte, next])).flat(),
  );
  expect(asPrinted(escapeBytes(bytes)).equals(bytes)).toBe(true);
});

test('a word has no blanks or quotes, and is short', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  expect(escapeBytes(bytes)).toMatch(/^[A-Za-z0-9_./=:@,+\\-]+$/);
  expect(escapeBytes(Buffer.alloc(8))).toBe('\\0'.repeat(8));
  const zeroBeforeDigit = Buffer.from('\x007', 'latin1');
  expect(escapeBytes(zeroBeforeDigit)).toBe('\\00007');
});

test('a moment is stored as the kernel stores it, to the millisecond', () => {
  const bytes = Buffer.from(timespec(1_700_000_000_123));
  expect(bytes.readBigInt64LE(0)).toBe(1_700_000_000n);
  expect(bytes.readBigInt64LE(8)).toBe(123_000_000n);
});
