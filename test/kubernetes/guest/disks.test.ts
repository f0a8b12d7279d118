import { expect, test } from 'vitest';
import { makeDisks } from './disks.ts';

test('a volume from an image holds its files, an empty one none', () => {
  const disks = makeDisks();
  disks.write('a', { kind: 'IMAGE', name: 'golden' });
  disks.write('b', { kind: 'EMPTY' });
  expect(disks.files('a').get('/etc/image-name')).toBe('golden\n');
  expect(disks.files('a').get('/etc/machine-id')).toBe('');
  expect(disks.files('b').size).toBe(0);
});

test('a snapshot keeps what the volume held, whatever is written later', () => {
  const disks = makeDisks();
  disks.write('a', { kind: 'EMPTY' });
  disks.files('a').set('/x', '1');
  disks.snapshot('s', 'a');
  disks.files('a').set('/x', '2');
  disks.drop('a');
  disks.write('b', { kind: 'COPY', of: 's' });
  disks.files('b').set('/y', '3');
  expect(disks.files('b').get('/x')).toBe('1');
  expect(disks.files('s').has('/y')).toBe(false);
  expect([disks.exists('a'), disks.exists('s')]).toEqual([false, true]);
});

test('there is no copy of what is gone', () => {
  const disks = makeDisks();
  expect(() => disks.write('b', { kind: 'COPY', of: 'a' })).toThrow('no volume or snapshot a');
  expect(() => disks.files('a')).toThrow('no volume or snapshot a');
});
