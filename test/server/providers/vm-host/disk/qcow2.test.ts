import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeEmptyQcow2 } from '../../../../../server/providers/vm-host/disk/qcow2.ts';
import { diskFolder, qemuImg, qemuWrites, whyNoDisks } from '../../../../kit/disks.ts';

const missing = await whyNoDisks();
if (missing !== null) console.info(`no disks are opened by QEMU here: ${missing}`);

const GIB = 2 ** 30;

test('an empty disk takes four clusters, and one that is there is not touched', () => {
  const path = join(diskFolder(), 'own.qcow2');
  writeEmptyQcow2(path, 2 * GIB);
  expect(statSync(path)).toMatchObject({ size: 4 * 65_536 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const before = readFileSync(path);
  expect(() => writeEmptyQcow2(path, GIB)).toThrow('EEXIST');
  expect(readFileSync(path).equals(before)).toBe(true);
});

test.each([0, -512, 513, 65 * 2 ** 40])('there is no disk of %d bytes', (bytes) => {
  expect(() => writeEmptyQcow2('/nowhere/disk', bytes)).toThrow(RangeError);
});

describe.skipIf(missing !== null)('disks in QEMU (needs QEMU, qemu-utils)', () => {
  test.each([
    512,
    1_474_560,
    512 * 2 ** 20,
    512 * 2 ** 20 + 512,
    2 * GIB,
    5 * 2 ** 40,
    64 * 2 ** 40,
  ])('a disk of %d bytes is found to be right, and of that size', (bytes) => {
    const path = join(diskFolder(), 'own.qcow2');
    writeEmptyQcow2(path, bytes);
    expect(qemuImg('check', path)).toContain('No errors were found');
    const info: unknown = JSON.parse(qemuImg('info', '--output=json', path));
    expect(info).toMatchObject({ 'virtual-size': bytes, format: 'qcow2' });
    expect(info).not.toHaveProperty('backing-filename');
  });

  test('what is written through QEMU lies in it, and is read over what lies below', () => {
    const folder = diskFolder();
    const below = join(folder, 'below');
    const own = join(folder, 'own');
    const flat = join(folder, 'flat');
    writeFileSync(below, Buffer.alloc(2 ** 20, 1));
    writeEmptyQcow2(own, 2 ** 20);
    qemuWrites(own, 'qcow2', { byte: 2, bytes: 65_536 });
    expect(qemuImg('check', own)).toContain('No errors were found');
    // The chain is named by whoever reads, never by the file.
    const lower = { driver: 'raw', file: { driver: 'file', filename: below } };
    const file = { driver: 'file', filename: own };
    const chain = { driver: 'qcow2', file, backing: lower };
    qemuImg('convert', '-O', 'raw', `json:${JSON.stringify(chain)}`, flat);
    const seen = readFileSync(flat);
    expect(seen.subarray(0, 65_536).equals(Buffer.alloc(65_536, 2))).toBe(true);
    expect(seen.subarray(65_536).equals(Buffer.alloc(2 ** 20 - 65_536, 1))).toBe(true);
    expect(readFileSync(below).equals(Buffer.alloc(2 ** 20, 1))).toBe(true);
  });
});
