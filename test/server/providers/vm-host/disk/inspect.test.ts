import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  inspectDisk,
  isAsSaid,
  openDisk,
} from '../../../../../server/providers/vm-host/disk/inspect.ts';
import { writeEmptyQcow2 } from '../../../../../server/providers/vm-host/disk/qcow2.ts';
import { bootableDisk, diskFolder, makePipe } from '../../../../kit/disks.ts';

const MIB = 2 ** 20;
const LIMIT = 64 * MIB;

async function inspected(path: string, limit = LIMIT) {
  const file = await openDisk(path);
  try {
    return await inspectDisk(file, limit);
  } finally {
    await file.close();
  }
}

function written(bytes: Buffer): string {
  const path = join(diskFolder(), 'disk');
  writeFileSync(path, bytes);
  return path;
}

/** A qcow2 disk with something changed in its header. */
function qcow2(change: (bytes: Buffer) => void = () => {}): Buffer {
  const path = join(diskFolder(), 'disk.qcow2');
  writeEmptyQcow2(path, MIB);
  const bytes = readFileSync(path);
  change(bytes);
  return bytes;
}

/** The description at the end of a VHD. */
function footer(type: number, bytes = MIB, change: (footer: Buffer) => void = () => {}): Buffer {
  const end = Buffer.alloc(512);
  end.write('conectix', 0, 'latin1');
  end.write('win ', 28, 'latin1');
  end.writeBigUInt64BE(BigInt(bytes), 40);
  end.writeBigUInt64BE(BigInt(bytes), 48);
  end.writeUInt32BE(type, 60);
  end.writeUInt32BE(~end.reduce((sum, byte) => sum + byte, 0) >>> 0, 64);
  change(end);
  return end;
}

const fixed = (end: Buffer) => Buffer.concat([Buffer.alloc(MIB, 7), end]);
const growing = (end: Buffer) => Buffer.concat([end, Buffer.alloc(4_096), end]);
const damage = (end: Buffer) => void end.write('x', 30);

test.each([
  ['qcow2', () => qcow2(), 'qcow2', MIB],
  ['qcow2 of the second version', () => qcow2((b) => b.writeUInt32BE(2, 4)), 'qcow2', MIB],
  ['qcow2 with another compression', () => qcow2((b) => b.writeUInt8(0b1000, 79)), 'qcow2', MIB],
  ['VHD of one size', () => fixed(footer(2)), 'vpc', MIB],
  ['VHD that grows', () => growing(footer(3, 8 * MIB)), 'vpc', 8 * MIB],
  ['raw', () => bootableDisk('hello', MIB), 'raw', MIB],
])('%s is known by its bytes', async (_name, make, format, virtualBytes) => {
  const bytes = make();
  expect(await inspected(written(bytes))).toEqual({ format, virtualBytes, bytes: bytes.length });
});

test.each<[string, () => Buffer, string]>([
  ['with a disk below', () => qcow2((b) => b.writeBigUInt64BE(200n, 8)), 'over another disk'],
  ['with the name of one', () => qcow2((b) => b.writeUInt32BE(11, 16)), 'over another disk'],
  ['encrypted', () => qcow2((b) => b.writeUInt32BE(2, 32)), 'encrypted'],
  ['with data elsewhere', () => qcow2((b) => b.writeUInt8(0b100, 79)), 'in another file'],
  ['that names them', () => qcow2((b) => b.writeUInt32BE(0x44415441, 104)), 'names another file'],
  ['not closed', () => qcow2((b) => b.writeUInt8(1, 79)), 'was not closed'],
  ['damaged', () => qcow2((b) => b.writeUInt8(2, 79)), 'marked as damaged'],
  ['of the future', () => qcow2((b) => b.writeUInt8(1, 72)), 'features that are not known'],
  ['of version 4', () => qcow2((b) => b.writeUInt32BE(4, 4)), 'version 4'],
  ['too large for its guest', () => qcow2((b) => b.writeUInt32BE(1, 24)), 'bytes for its guest'],
  ['of half a sector', () => qcow2((b) => b.writeUInt8(1, 31)), 'cannot have'],
  ['VHD over another', () => growing(footer(4)), 'over another disk'],
  ['VHD with a wrong sum', () => fixed(footer(2, MIB, damage)), 'checksum'],
  ['VHD without its end', () => growing(footer(3)).subarray(0, 4_608), 'its end is missing'],
  ['VHD without its start', () => fixed(footer(3)), 'do not agree'],
  ['VHD cut off', () => fixed(footer(2, 2 * MIB)), 'cut off'],
  ['raw without a boot sector', () => Buffer.alloc(MIB), 'neither'],
  ['raw of half a sector', () => bootableDisk('hello', MIB + 256), 'cannot have'],
  ['VMDK', () => Buffer.concat([Buffer.from('KDMV'), Buffer.alloc(508)]), 'VMDK'],
  ['VHDX', () => Buffer.concat([Buffer.from('vhdxfile'), Buffer.alloc(504)]), 'VHDX'],
  ['text', () => Buffer.from('root:x:0:0:root:/root:/bin/bash\n'), 'not even one sector'],
])('a disk %s is refused', async (_name, make, message) => {
  await expect(inspected(written(make()))).rejects.toThrow(message);
});

test('only a plain file is a disk: no link, folder or pipe, and none too large', async () => {
  const folder = diskFolder();
  const disk = join(folder, 'disk');
  writeFileSync(disk, bootableDisk('hello', MIB));
  symlinkSync(disk, join(folder, 'link'));
  mkdirSync(join(folder, 'folder'));
  makePipe(join(folder, 'pipe'));
  await expect(inspected(join(folder, 'link'))).rejects.toThrow('it is a link');
  for (const path of [join(folder, 'folder'), join(folder, 'pipe'), '/dev/null']) {
    await expect(inspected(path)).rejects.toThrow('no plain file');
  }
  await expect(inspected(join(folder, 'none'))).rejects.toThrow('ENOENT');
  truncateSync(disk, LIMIT + 512);
  await expect(inspected(disk)).rejects.toThrow(`${LIMIT + 512} bytes, and the limit is ${LIMIT}`);
});

test('of a VHD QEMU may show less than it says, of others exactly that', () => {
  const vhd = { format: 'vpc', virtualBytes: MIB, bytes: MIB } as const;
  expect([MIB - 512, MIB, MIB + 512, 0].map((seen) => isAsSaid(vhd, seen))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  const raw = { ...vhd, format: 'raw' } as const;
  expect([MIB - 512, MIB].map((seen) => isAsSaid(raw, seen))).toEqual([false, true]);
});
