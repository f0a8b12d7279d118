import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { writeCpio } from '../../../../server/providers/vm-host/image/cpio.ts';
import { kernelElf } from '../../../../server/providers/vm-host/image/kernel.ts';
import { unpackLz4 } from '../../../../server/providers/vm-host/image/lz4.ts';
import { settleProgram } from '../../../../server/providers/vm-host/image/settle-program.ts';
import { zstdCompressSync } from 'node:zlib';

test('an archive holds headers of 110 bytes, names and contents, each padded to four', () => {
  const archive = writeCpio([
    { kind: 'FOLDER', path: 'etc' },
    { kind: 'FILE', path: 'etc/name', data: Buffer.from('golden'), mode: 0o644 },
    { kind: 'LINK', path: 'bin/sh', target: 'busybox' },
    { kind: 'DEVICE', path: 'dev/console', major: 5, minor: 1 },
  ]);
  expect(archive.length % 4).toBe(0);
  const found = [...archive.toString('latin1').matchAll(/070701[0-9a-f]{104}/g)];
  expect(found).toHaveLength(5);
  const mode = (index: number) => found[index]?.[0].slice(14, 22);
  expect([0, 1, 2, 3].map(mode)).toEqual(['000041ed', '000081a4', '0000a1ff', '00002180']);
  expect(found[3]?.[0].slice(78, 94)).toBe('0000000500000001');
  for (const { index } of found) expect(index % 4).toBe(0);
  expect(archive.indexOf('golden') % 4).toBe(0);
  expect(archive.includes('TRAILER!!!\0')).toBe(true);
});

test('equal entries give equal bytes', () => {
  const entries = [{ kind: 'FOLDER', path: 'etc' }] as const;
  expect(writeCpio(entries).equals(writeCpio(entries))).toBe(true);
});

/** A kernel image as the boot protocol lays it out, with this payload. */
function kernelImage(payload: Buffer, size: number): Buffer {
  const image = Buffer.alloc(2 * 512 + 16 + payload.length + 4);
  image[0x1f1] = 1;
  image.write('HdrS', 0x202);
  image.writeUInt32LE(16, 0x248);
  image.writeUInt32LE(payload.length + 4, 0x24c);
  payload.copy(image, 2 * 512 + 16);
  image.writeUInt32LE(size, image.length - 4);
  return image;
}

const ELF = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(5_000, 'kernel ')]);

test('the kernel is taken out of its image, however it is packed', () => {
  expect(kernelElf(kernelImage(zstdCompressSync(ELF), ELF.length)).equals(ELF)).toBe(true);
  const xz = execFileSync('xz', ['--check=crc32', '-c'], { input: ELF });
  expect(kernelElf(kernelImage(xz, ELF.length)).equals(ELF)).toBe(true);
});

test('what is not a kernel, or packed in another way, is refused in one line', () => {
  expect(() => kernelElf(Buffer.alloc(2_000))).toThrow('not a bzImage');
  const unknown = kernelImage(Buffer.from('whatever it is'), 14);
  expect(() => kernelElf(unknown)).toThrow('not known here');
  const text = zstdCompressSync(Buffer.from('not a program'));
  expect(() => kernelElf(kernelImage(text, 13))).toThrow('no ELF');
});

test('LZ4: literals, a repetition that overlaps itself, and lengths that go on in bytes', () => {
  // "ab", then 2 back for 20 = 4 + 15 + 1, then 15 + 3 literals to the end.
  const tail = 'the rest of it all';
  const block = Buffer.concat([
    Buffer.from([0x2f, 0x61, 0x62, 2, 0, 1, 0xf0, 3]),
    Buffer.from(tail, 'latin1'),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(block.length);
  const wanted = `ab${'ab'.repeat(10)}${tail}`;
  expect(unpackLz4(Buffer.concat([length, block]), wanted.length).toString()).toBe(wanted);
  expect(() => unpackLz4(Buffer.concat([length, block]), 10_000)).toThrow('instead of');
});

test('the program that settles a clone is a small Linux program', () => {
  const program = settleProgram();
  expect(program.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
  expect(program.readUInt16LE(18)).toBe(62);
  expect(program.length).toBe(255);
});
