import { describe, expect, test } from 'vitest';
import {
  isAllowed,
  printReference,
  readReference,
} from '../../../schema/model/registry-reference.ts';

const DIGEST = `sha256:${'0a'.repeat(32)}`;

function referenceOf(text: string) {
  const read = readReference(text);
  if ('wrong' in read) throw new Error(read.wrong);
  return read.reference;
}

describe('addresses that can be used', () => {
  test.each([
    ['registry.example.org/mroie/qemu-snapshots:win98-base', 'win98-base', null],
    ['registry.example.org/mroie/qemu-snapshots', null, null],
    [`registry.example.org/mroie/qemu-snapshots@${DIGEST}`, null, DIGEST],
    [`registry.example.org:5000/a/b/c:v1.0.0@${DIGEST}`, 'v1.0.0', DIGEST],
    ['localhost:5000/a/b:latest', 'latest', null],
    ['127.0.0.1:5000/a_b/c__d.e--f:_X', '_X', null],
  ])('%s', (text, tag, digest) => {
    expect(referenceOf(text)).toMatchObject({ tag, digest });
    expect(printReference(referenceOf(text))).toBe(text);
  });

  test('a port is no tag', () => {
    const { host, repository } = referenceOf('registry.example.org:5000/a/b');
    expect({ host, repository }).toEqual({ host: 'registry.example.org:5000', repository: 'a/b' });
  });
});

describe('addresses that are refused, with what is wrong', () => {
  test.each([
    ['', 'does not begin with a host'],
    ['win98-base', 'does not begin with a host'],
    ['mroie/qemu-snapshots:win98-base', 'does not begin with a host'],
    ['Registry.Example.org/a/b:x', 'does not begin with a host'],
    ['user:word@registry.example.org/a/b:x', 'behind the @'],
    ['registry.example.org:0/a/b:x', 'does not begin with a host'],
    ['registry.example.org:99999/a/b:x', 'does not begin with a host'],
    ['registry.example.org:/a/b:x', 'does not begin with a host'],
    ['[::1]:5000/a/b:x', 'does not begin with a host'],
    ['-a.example.org/a/b:x', 'does not begin with a host'],
    ['a..example.org/a/b:x', 'does not begin with a host'],
    ['docker://registry.example.org/a/b:x', 'begins with a protocol'],
    ['registry.example.org/b:x', 'lacks the owner or the name'],
    ['registry.example.org/a/../b:x', 'has the part ".."'],
    ['registry.example.org/a//b:x', 'has the part ""'],
    ['registry.example.org/a/b/:x', 'has the part ""'],
    ['registry.example.org/A/b:x', 'has the part "A"'],
    ['registry.example.org/a/b%2e:x', 'has the part "b%2e"'],
    ['registry.example.org/a/b?x=y', 'has the part "b?x=y"'],
    ['registry.example.org/a/b:', 'has the tag ""'],
    ['registry.example.org/a/b:-x', 'has the tag "-x"'],
    ['registry.example.org/a/b:x y', 'has the tag "x y"'],
    ['registry.example.org/a/b\n:x', 'has the part "b\n"'],
    ['registry.example.org/a/b@sha256:00', 'behind the @'],
    [`registry.example.org/a/b@sha512:${'0'.repeat(64)}`, 'behind the @'],
    [`registry.example.org/a/b@${DIGEST}@${DIGEST}`, 'behind the @'],
    [`registry.example.org/a/${'b'.repeat(300)}`, 'is longer than 255 characters'],
  ])('%j', (text, why) => {
    const read = readReference(text);
    expect('wrong' in read ? read.wrong : 'it was read').toContain(why);
  });
});

test('a place is allowed with all that is below it, and nothing beside it', () => {
  const allowed = ['registry.example.org/a/b', 'other.example.org:5000/c'];
  const isFine = (text: string) => isAllowed(referenceOf(text), allowed);
  expect(isFine('registry.example.org/a/b:x')).toBe(true);
  expect(isFine('registry.example.org/a/b/c:x')).toBe(true);
  expect(isFine('other.example.org:5000/c/d')).toBe(true);
  expect(isFine('registry.example.org/a/bc:x')).toBe(false);
  expect(isFine('registry.example.org:443/a/b:x')).toBe(false);
  expect(isFine('registry.example.org.evil.example/a/b:x')).toBe(false);
  expect(isFine('other.example.org/c/d')).toBe(false);
});
