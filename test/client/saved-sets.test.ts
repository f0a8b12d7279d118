import { expect, test } from 'vitest';
import { formatBytes } from '../../client/dashboard/bytes.ts';
import { savedFor } from '../../client/dashboard/claim-wish.ts';
import { savedSetsOf } from '../../client/dashboard/saved-sets.ts';
import type { Snapshot } from '../../client/subject.ts';

function aSnapshot(values: Partial<Snapshot> = {}): Snapshot {
  return {
    id: 'snapshot-1',
    version: 1,
    name: 'cp-snap-7',
    role: 'CONTROL_PLANE',
    set: 7,
    current: false,
    status: 'READY',
    statusMessage: null,
    readyToUse: true,
    sizeBytes: 1_024,
    k8sVersion: null,
    image: null,
    outdated: false,
    source: 'SESSION',
    sourceReason: null,
    owner: 'ada',
    title: 'my work',
    stale: false,
    staleAt: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    allowedActions: ['deleteSavedSnapshot'],
    pool: { id: 'pool-1', name: 'cks' },
    cluster: null,
    sourceSession: { id: 'session-1' },
    ...values,
  };
}

const WORKER = aSnapshot({ id: 'snapshot-2', name: 'wk-snap-7', role: 'WORKER' });

test('snapshots of one set are one, in the order of their roles; golden states are none', () => {
  const golden = aSnapshot({ id: 'golden', set: 1, owner: null, title: null });
  const [set, ...others] = savedSetsOf([WORKER, golden, aSnapshot()]);
  expect(others).toEqual([]);
  expect(set).toMatchObject({
    id: 'snapshot-1',
    title: 'my work',
    status: 'READY',
    sizeBytes: 2_048,
    sessionId: 'session-1',
  });
  expect(set?.snapshots.map(({ role }) => role)).toEqual(['CONTROL_PLANE', 'WORKER']);
});

test.each([
  ['CREATING', 'being taken'],
  ['FAILED', 'no room'],
  ['DELETING', null],
] as const)('a set is as far as what holds it up: %s', (status, statusMessage) => {
  const held = { ...WORKER, status, statusMessage, sizeBytes: null };
  const [set] = savedSetsOf([aSnapshot(), held]);
  expect(set).toMatchObject({ status, statusMessage, sizeBytes: null });
});

test('sets of the same number are of different pools, the youngest first', () => {
  const later = '2026-01-02T00:00:00.000Z';
  const pool = { id: 'pool-2', name: 'lab' };
  const other = aSnapshot({ id: 'other', pool, createdAt: later, sourceSession: null });
  const sets = savedSetsOf([aSnapshot(), other]);
  expect(sets.map(({ id, sessionId }) => [id, sessionId])).toEqual([
    ['other', null],
    ['snapshot-1', 'session-1'],
  ]);
});

test('a session is started from what its owner saved in its pool, when it is ready', () => {
  const sets = savedSetsOf([aSnapshot(), aSnapshot({ id: 'b', set: 8, status: 'CREATING' })]);
  const wish = { pool: 'cks', minutes: '', owner: '', snapshotId: '' };
  expect(savedFor(sets, wish, 'ada').map(({ id }) => id)).toEqual(['snapshot-1']);
  expect(savedFor(sets, wish, 'grace')).toEqual([]);
  expect(savedFor(sets, { ...wish, owner: 'ada' }, 'grace')).toHaveLength(1);
  expect(savedFor(sets, { ...wish, pool: 'lab' }, 'ada')).toEqual([]);
});

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [4_509_715_661, '4.2 GiB'],
  [40_802_189_312, '38 GiB'],
])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
