import { describe, expect, test } from 'vitest';
import { readByteSize } from '../../server/byte-size.ts';
import { readConfig } from '../../server/config.ts';

const GIB = 2 ** 30;

test('without a word prebuilt images are wanted, and nothing says from where', () => {
  expect(readConfig({}).registry).toEqual({
    usePrebuilt: true,
    repository: undefined,
    tag: 'win98-base',
    allowed: [],
    pullLimitBytes: 4 * GIB,
    authFile: undefined,
  });
  expect(readConfig({}).diskSizeBytes).toBe(2 * GIB);
});

test('every setting of registries is read', () => {
  const config = readConfig({
    USE_PREBUILT_SNAPSHOT: 'false',
    SNAPSHOT_REGISTRY: 'registry.example.org/mroie/qemu-snapshots',
    SNAPSHOT_TAG: 'win98-games',
    DISK_SIZE: '512M',
    SNAPYARD_REGISTRIES: 'a.example.org/x, localhost:5000/y/z,',
    SNAPYARD_PULL_LIMIT: '10G',
    SNAPYARD_REGISTRY_AUTH: './auth.json',
  });
  expect(config.registry).toEqual({
    usePrebuilt: false,
    repository: 'registry.example.org/mroie/qemu-snapshots',
    tag: 'win98-games',
    allowed: ['a.example.org/x', 'localhost:5000/y/z'],
    pullLimitBytes: 10 * GIB,
    authFile: './auth.json',
  });
  expect(config.diskSizeBytes).toBe(512 * 2 ** 20);
});

describe('a value out of bounds stops the start with a message that names it', () => {
  test.each([
    ['USE_PREBUILT_SNAPSHOT', 'yes', 'must be true or false'],
    ['USE_PREBUILT_SNAPSHOT', 'TRUE', 'must be true or false'],
    ['SNAPSHOT_REGISTRY', 'mroie/qemu-snapshots', 'does not begin with a host'],
    ['SNAPSHOT_REGISTRY', 'https://a.example.org/b/c', 'begins with a protocol'],
    ['SNAPSHOT_REGISTRY', 'a.example.org/b', 'lacks the owner or the name'],
    ['SNAPSHOT_REGISTRY', 'a.example.org/b/c:tag', 'has the part "c:tag"'],
    ['SNAPSHOT_TAG', 'win 98', 'must be a tag'],
    ['SNAPSHOT_TAG', 'a'.repeat(129), 'must be a tag'],
    ['DISK_SIZE', '2GB', 'must be a size from 1M to 1T'],
    ['DISK_SIZE', '0', 'must be a size from 1M to 1T'],
    ['DISK_SIZE', '2T', 'must be a size from 1M to 1T'],
    ['DISK_SIZE', '-2G', 'must be a size from 1M to 1T'],
    ['SNAPYARD_PULL_LIMIT', '1.5G', 'must be a size from 1M to 1T'],
    ['SNAPYARD_REGISTRIES', 'a.example.org', 'must be places such as'],
    ['SNAPYARD_REGISTRIES', 'a.example.org/x,user@b.example.org/x', 'not user@b.example.org/x'],
    ['SNAPYARD_REGISTRIES', 'a.example.org/../x', 'must be places such as'],
  ])('%s=%s', (name, value, message) => {
    expect(() => readConfig({ [name]: value })).toThrow(`${name} is "${value}": `);
    expect(() => readConfig({ [name]: value })).toThrow(message);
  });
});

test.each([
  ['2G', 2 * GIB],
  ['2048M', 2 * GIB],
  ['1K', 1_024],
  ['4096', 4_096],
  ['1T', 1_024 * GIB],
  ['', null],
  ['G', null],
  ['2g', null],
  ['2 G', null],
  ['99999999999T', null],
])('the size %j has %s bytes', (text, size) => {
  expect(readByteSize(text)).toBe(size);
});
