import { expect, test } from 'vitest';
import { affectedFields } from '../../client/affected.ts';
import type { Change } from '../../client/feed-message.ts';
import { gone, updated } from './messages.ts';
import { aCluster, aPool, aSession } from './things.ts';

const TYPES: Change['type'][] = [
  'CLUSTER_POOL',
  'CLUSTER',
  'SESSION',
  'VM_HANDLE',
  'SNAPSHOT',
  'JOB',
  'IMAGE',
];

test.each(TYPES)('what is gone, or new, of type %s is missing in lists and by its id', (type) => {
  const list = {
    CLUSTER_POOL: 'clusterPools',
    CLUSTER: 'clusters',
    SESSION: 'sessions',
    VM_HANDLE: 'vmHandles',
    SNAPSHOT: 'snapshots',
    JOB: 'jobs',
    IMAGE: 'images',
  }[type];
  expect(affectedFields(gone(type, 'x'))).toEqual(expect.arrayContaining([list, 'node']));
  const created = { ...gone(type, 'x'), kind: 'CREATED' as const };
  expect(affectedFields(created)).toEqual(expect.arrayContaining([list, 'node']));
});

test('what the feed brings whole makes nothing else old but the history', () => {
  const cluster = aCluster({ status: 'LOCKED' });
  expect(affectedFields(updated({ cluster }))).toEqual(['changeLog']);
  expect(affectedFields(updated({ clusterPool: aPool() }))).toEqual(['changeLog']);
});

test('another state may be in another list, and opens other ways in', () => {
  const change = updated({ session: aSession() }, { from: 'PROVISIONING', to: 'RUNNING' });
  const fields = ['sessions', 'access', 'provisioningStats'];
  expect(affectedFields(change)).toEqual(expect.arrayContaining(fields));
});

test('a cluster that is made for the pool counts among the provisioning times', () => {
  const change = updated({ cluster: aCluster() }, { from: 'CREATING', to: 'AVAILABLE' });
  expect(affectedFields(change)).toContain('provisioningStats');
});

test('who waits moves up when the pool says that somebody waits', () => {
  const { stats } = aPool();
  const clusterPool = aPool({ stats: { ...stats, queuedSessions: 1 } });
  expect(affectedFields(updated({ clusterPool }))).toContain('queuePosition');
});
