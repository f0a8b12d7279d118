import { expect, test } from 'vitest';
import {
  consoleLinks,
  endWords,
  heldWords,
  originWords,
  placeWords,
  roleWords,
  servedWords,
} from '../../client/dashboard/session-words.ts';
import { aSession } from './things.ts';

const ENDED_AT = '2026-01-01T00:30:00.000Z';

test.each([
  [{ endedAt: null, endReason: null, statusMessage: 'restoring disks' }, null],
  [{ endedAt: ENDED_AT, endReason: 'EXPIRED', statusMessage: null }, 'Its time was up.'],
  [{ endedAt: ENDED_AT, endReason: 'ADMIN', statusMessage: null }, 'An admin ended it.'],
  [
    { endedAt: ENDED_AT, endReason: null, statusMessage: 'its VM is gone' },
    'It failed: its VM is gone.',
  ],
  [{ endedAt: ENDED_AT, endReason: null, statusMessage: null }, null],
] as const)('how a session ended: %j', (values, words) => {
  expect(endWords(aSession(values))).toBe(words);
});

test('what came after the page was made is told as it is', () => {
  expect(roleWords('WORKER')).toBe('worker');
  expect(roleWords('ETCD')).toBe('ETCD');
});

test('what a session was served from, and where its VMs came from', () => {
  expect(servedWords({ servedFrom: null })).toBeNull();
  expect(servedWords({ servedFrom: 'POOL' })).toBe('a warm cluster of the pool');
  expect(originWords({ origin: null })).toBe('');
  expect(originWords({ origin: 'COLD_BOOT' })).toBe('from the image');
});

test('what a session holds, or waits for', () => {
  expect(heldWords(aSession())).toBe('cluster1');
  expect(heldWords(aSession({ assignedCluster: null }))).toBe('the place in cks');
  expect(placeWords(2, 'cks')).toBe('Place 2 in the queue of cks');
  expect(placeWords(null, 'cks')).toBe('In the queue of cks');
});

test('consoles that a page can show are linked; SSH is for programs', () => {
  expect(consoleLinks({ id: 'a=', consoles: ['SSH', 'VNC', 'SERIAL'] })).toEqual([
    { kind: 'SERIAL', words: 'Serial console', href: '/console?vm=a%3D&kind=SERIAL' },
    { kind: 'VNC', words: 'Screen', href: '/console?vm=a%3D&kind=VNC' },
  ]);
  expect(consoleLinks({ id: 'a', consoles: [] })).toEqual([]);
});
