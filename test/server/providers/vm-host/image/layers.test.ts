import { expect, test } from 'vitest';
import {
  type ArchiveEntry,
  readCpio,
  writeCpio,
} from '../../../../../server/providers/vm-host/image/cpio.ts';
import {
  compareListings,
  readListing,
} from '../../../../../server/providers/vm-host/image/guest-files.ts';
import { REMOVED_FILE, makeLayer } from '../../../../../server/providers/vm-host/image/layer.ts';
import {
  packageClosure,
  readDependencies,
} from '../../../../../server/providers/vm-host/image/package-closure.ts';

const file = (path: string, text: string, mode = 0o644): ArchiveEntry => {
  return { kind: 'FILE', path, data: Buffer.from(text), mode };
};
const tree = (...entries: ArchiveEntry[]) => readCpio(writeCpio(entries));
const BELOW = tree({ kind: 'FOLDER', path: 'etc' }, file('etc/name', 'golden'), {
  kind: 'FOLDER',
  path: 'etc/skel',
});

test('archives one after the other are read as the kernel unpacks them', () => {
  const first = writeCpio([file('a', 'old'), { kind: 'LINK', path: 'l', target: 'a' }]);
  const second = writeCpio([file('a', 'new', 0o600), { kind: 'FOLDER', path: 'f', mode: 0o700 }]);
  const read = readCpio(Buffer.concat([first, Buffer.alloc(512), second]));
  expect([...read.keys()]).toEqual(['a', 'l', 'f']);
  expect(read.get('a')).toMatchObject({ kind: 'FILE', mode: 0o600, data: Buffer.from('new') });
  expect(read.get('f')).toMatchObject({ kind: 'FOLDER', mode: 0o700 });
  expect(() => readCpio(first.subarray(0, 100))).toThrow('damaged');
});

test('names of one file get its content, whichever of them carries it', () => {
  const archive = writeCpio([file('one', ''), file('two', 'shared')]);
  // The same inode, and two links to it, in both headers.
  const text = archive
    .toString('latin1')
    .replaceAll(/070701[0-9a-f]{48}/g, (head) =>
      head.replace(/^070701.{8}(.{24}).{8}/, '07070100000007$100000002'),
    );
  const read = readCpio(Buffer.from(text, 'latin1'));
  expect(read.get('one')).toMatchObject({ data: Buffer.from('shared') });
  expect(read.get('two')).toMatchObject({ data: Buffer.from('shared') });
});

test('a layer holds what is new, sorted, with the folders it needs and no others', () => {
  const layer = makeLayer(BELOW, [file('usr/bin/bc', 'x', 0o755), file('etc/name', 'golden')]);
  const read = readCpio(layer ?? Buffer.alloc(0));
  expect([...read.keys()]).toEqual(['usr', 'usr/bin', 'usr/bin/bc']);
  const turned = makeLayer(BELOW, [file('etc/name', 'golden'), file('usr/bin/bc', 'x', 0o755)]);
  expect(turned?.equals(layer ?? Buffer.alloc(0))).toBe(true);
});

test('a layer that makes no difference is none', () => {
  expect(makeLayer(BELOW, [])).toBeNull();
  expect(makeLayer(BELOW, [file('etc/name', 'golden')])).toBeNull();
  const undone = { entries: [], removed: ['etc/new'] };
  expect(makeLayer(BELOW, [file('etc/new', 'x')], undone)).toBeNull();
});

test('what is removed is noted, and taken back by a layer above that brings it again', () => {
  const layer = makeLayer(BELOW, [], { entries: [], removed: ['bin/vi', 'etc/skel'] });
  const note = readCpio(layer ?? Buffer.alloc(0)).get(REMOVED_FILE);
  expect(note).toMatchObject({ data: Buffer.from('bin/vi\0etc/skel\0') });
  const both = readCpio(Buffer.concat([writeCpio([...BELOW.values()]), layer ?? Buffer.alloc(0)]));
  const above = makeLayer(both, [file('etc/skel/profile', 'x')]);
  expect(readCpio(above ?? Buffer.alloc(0)).get(REMOVED_FILE)).toMatchObject({
    data: Buffer.from('bin/vi\0'),
  });
});

test('a folder cannot become a file: the kernel would not put it there', () => {
  expect(() => makeLayer(BELOW, [file('etc', 'x')])).toThrow('/etc was a folder');
});

test('a listing tells what was changed; of folders only mode and owner count', () => {
  const before = readListing(
    ['41ed 100 0 0 0 /', '41ed 100 80 0 0 /etc', '81a4 100 6 0 0 /etc/name', '81a4 100 6 0 0 /b']
      .concat('a1ff 100 7 0 0 /l', '41ed 100 0 0 0 /proc', '81a4 100 1 0 0 /tmp/x')
      .join('\n'),
  );
  expect([...before.keys()]).toEqual(['etc', 'etc/name', 'b', 'l']);
  const after = readListing(
    ['41ed 300 90 0 0 /etc', '81a4 300 6 0 0 /etc/name', 'a1ff 100 7 0 0 /l', 'c1ed 3 0 0 0 /s']
      .concat('81a4 300 1 0 0 /new name')
      .join('\n'),
  );
  expect(compareListings(before, after)).toEqual({
    changed: ['etc/name', 'new name'],
    removed: ['b'],
  });
  expect(() => readListing('81a4 1 1 0 0 /a\nb')).toThrow('line break');
});

const PRINTED = `game
 |Depends: words-small
  Depends: <words>
    words-large
    words-small
  Depends: libc
  Depends: debconf
 |Depends: shell-a
 |Depends: shell-b
  Depends: shell-c
other
  PreDepends: <virtual>
    provider
words-small
words-large
libc
  Depends: libgcc
libgcc
  Depends: libc
shell-c
provider
lost
  Depends: <nowhere>
  Depends: absent
`;

test('packages come with what they need, of alternatives one, in circles once', () => {
  const known = readDependencies(PRINTED);
  expect(known.get('game')).toEqual([
    ['words-small', 'words-large', 'words-small'],
    ['libc'],
    ['debconf'],
    ['shell-a', 'shell-b', 'shell-c'],
  ]);
  const closure = (wanted: string[], there: string[] = []) =>
    packageClosure(wanted, known, new Set(there));
  expect(closure(['game'])).toEqual(['game', 'libc', 'libgcc', 'shell-c', 'words-small']);
  expect(closure(['game', 'words-large'])).not.toContain('words-small');
  expect(closure(['game'], ['libc', 'shell-b'])).toEqual(['game', 'words-small']);
  expect(closure(['other'])).toEqual(['other', 'provider']);
  expect(() => closure(['lost'])).toThrow('lost needs absent');
  expect(() => closure(['nothing'])).toThrow('apt knows no package nothing');
});
