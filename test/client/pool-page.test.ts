import { CombinedError } from '@urql/core';
import { expect, test } from 'vitest';
import { filterClusters, shownStatus } from '../../client/dashboard/cluster-filter.ts';
import {
  changedByOthers,
  draftOf,
  problemsOf,
  rebased,
  updateOf,
} from '../../client/dashboard/cluster-pool-form.ts';
import { shownJobs } from '../../client/dashboard/cluster-pool-jobs.tsx';
import { goldenOf, setLines, standingOfRole } from '../../client/dashboard/golden-sets.ts';
import { medianTimes, timeLeftMs } from '../../client/dashboard/job-time.ts';
import { EMPTY_DRAFT, newPoolOf, newPoolProblems } from '../../client/dashboard/new-pool-form.ts';
import { say } from '../../client/dashboard/pool-words.ts';
import { refusalOf } from '../../client/dashboard/use-form-action.ts';
import type { Job } from '../../client/subject.ts';
import { aCluster, aPool, aSnapshot } from './things.ts';

const AT = Date.parse('2026-01-01T00:00:00.000Z');

function after(ms: number): string {
  return new Date(AT + ms).toISOString();
}

function done(kind: string, ms: number | null) {
  return { kind, createdAt: after(0), finishedAt: ms === null ? null : after(ms) };
}

function aJob(values: Partial<Job> = {}): Job {
  return {
    id: 'job-1',
    version: 1,
    kind: 'WARM_UP_POOL',
    status: 'RUNNING',
    statusMessage: null,
    progress: 0,
    error: null,
    createdAt: after(0),
    finishedAt: null,
    cancelRequestedAt: null,
    allowedActions: [],
    pool: { id: 'pool-1', name: 'cks' },
    steps: [],
    ...values,
  };
}

test('the median tells how long a kind of job takes; what has not ended tells nothing', () => {
  const times = medianTimes([
    done('WARM_UP_POOL', 4_000),
    done('WARM_UP_POOL', 1_000),
    done('WARM_UP_POOL', 2_000),
    done('RESET_CLUSTER', 10),
    done('RESET_CLUSTER', 30),
    done('BOOTSTRAP_POOL', null),
  ]);
  expect([...times]).toEqual([
    ['WARM_UP_POOL', 2_000],
    ['RESET_CLUSTER', 20],
  ]);
});

test('the time left is by the clock at first, then by the progress, never below nothing', () => {
  expect(timeLeftMs(aJob(), undefined, AT)).toBeNull();
  expect(timeLeftMs(aJob(), 8_000, AT + 3_000)).toBe(5_000);
  expect(timeLeftMs(aJob(), 8_000, AT + 90_000)).toBe(0);
  expect(timeLeftMs(aJob({ progress: 0.25 }), 8_000, AT + 90_000)).toBe(6_000);
  expect(timeLeftMs(aJob({ progress: 1.5 }), 8_000, AT)).toBe(0);
});

test('jobs under way come first, as the feed knows them, then the last that ended', () => {
  const asked = [
    aJob({ id: 'a', createdAt: after(1) }),
    aJob({ id: 'b', createdAt: after(2), finishedAt: after(3) }),
  ];
  const known = [
    aJob({ id: 'a', createdAt: after(1), progress: 0.5 }),
    aJob({ id: 'other', pool: { id: 'pool-2', name: 'x' } }),
    ...[4, 5, 6, 7].map((at) =>
      aJob({ id: String(at), createdAt: after(at), finishedAt: after(9) }),
    ),
  ];
  const jobs = shownJobs(asked, known, 'pool-1');
  expect(jobs.map(({ id }) => id)).toEqual(['a', '7', '6', '5', '4']);
  expect(jobs[0]?.progress).toBe(0.5);
});

test('clusters are narrowed by the state that is shown and by a part of the name', () => {
  const clusters = [
    aCluster({ name: 'cluster1' }),
    aCluster({ name: 'cluster2', status: 'RESETTING' }),
    aCluster({ name: 'cluster12', status: 'RESETTING', removingAt: after(0) }),
  ];
  const names = (status: string, name: string) =>
    filterClusters(clusters, { status, name }).map((cluster) => cluster.name);
  expect(names('', ' ')).toEqual(['cluster1', 'cluster2', 'cluster12']);
  expect(names('RESETTING', '')).toEqual(['cluster2']);
  expect(names('REMOVING', 'CLUSTER1')).toEqual(['cluster12']);
  expect(names('', 'er1 ')).toEqual(['cluster1', 'cluster12']);
  expect(clusters.map(shownStatus)).toEqual(['AVAILABLE', 'RESETTING', 'REMOVING']);
});

test('the form sends what was changed, and the version it was filled from', () => {
  const pool = aPool({ version: 7, maxSessionsPerOwner: 2 });
  const draft = draftOf(pool);
  expect(updateOf(pool, draft)).toBeUndefined();
  expect(updateOf(pool, { ...draft, size: '5', whenEmpty: 'QUEUE' })).toEqual({
    name: 'cks',
    ifVersion: 7,
    size: 5,
    whenEmpty: 'QUEUE',
  });
  expect(updateOf(pool, { ...draft, maxSessionsPerOwner: '' })).toEqual({
    name: 'cks',
    ifVersion: 7,
    maxSessionsPerOwner: null,
  });
});

test('a field that is no whole number is told before the server is asked', () => {
  const pool = aPool();
  const draft = { ...draftOf(pool), size: '', maxWaitSeconds: '1.5', maxSessionsPerOwner: '' };
  expect(Object.keys(problemsOf(pool, draft))).toEqual(['size', 'maxWaitSeconds']);
});

test('what somebody else has changed is offered, and what was typed stays', () => {
  const filled = aPool({ version: 1 });
  const present = aPool({ version: 2, size: 4, maxTtlMinutes: 300 });
  expect(changedByOthers(filled, present)).toEqual([
    ['size', '4'],
    ['maxTtlMinutes', '300'],
  ]);
  const draft = rebased(filled, present, { ...draftOf(filled), size: '6' });
  expect(updateOf(present, draft)).toEqual({ name: 'cks', ifVersion: 2, size: 6 });
});

test('a new pool says nothing about what was left empty', () => {
  const draft = { ...EMPTY_DRAFT, name: 'lab', provider: 'QEMU' };
  expect(newPoolOf(draft)).toEqual({ name: 'lab', provider: 'QEMU' });
  const more = { ...draft, size: '2', whenEmpty: 'QUEUE', recycle: 'REPLACE', lazy: true };
  expect(newPoolOf({ ...more, identity: 'REKEYED', image: ' games ' })).toEqual({
    name: 'lab',
    provider: 'QEMU',
    size: 2,
    whenEmpty: 'QUEUE',
    recycle: 'REPLACE',
    identity: 'REKEYED',
    image: 'games',
    lazy: true,
  });
  expect(Object.keys(newPoolProblems({ ...draft, name: 'No', size: '1.5' }))).toEqual([
    'size',
    'name',
  ]);
});

test('snapshots are shown by set: those of the pool first, none that a user saved', () => {
  const golden = goldenOf(
    [
      aSnapshot({ id: 'a', set: 1, cluster: { id: 'c' } }),
      aSnapshot({ id: 'b', set: 2, sizeBytes: null, status: 'CREATING', readyToUse: false }),
      aSnapshot({ id: 'c', set: 2, role: 'WORKER', sourceReason: 'no tag', staleAt: null }),
      aSnapshot({ id: 'd', set: 3, owner: 'ada' }),
      aSnapshot({ id: 'e', set: 4, pool: { id: 'pool-2', name: 'x' } }),
    ],
    'pool-1',
  );
  expect(setLines(golden)).toMatchObject([
    { set: 2, clusterId: null, status: 'CREATING', sizeBytes: 100, sourceReasons: ['no tag'] },
    { set: 1, clusterId: 'c', status: 'READY', contents: ['v1.33.0'] },
  ]);
});

test('a role is ready only by a current snapshot that new clusters can be made from', () => {
  const role = 'CONTROL_PLANE';
  const creating = aSnapshot({ status: 'CREATING', readyToUse: false, current: false });
  expect(standingOfRole([aSnapshot({ cluster: { id: 'c' } })], role)).toBe('NONE');
  expect(standingOfRole([aSnapshot({ role: 'WORKER' })], role)).toBe('NONE');
  expect(standingOfRole([{ ...creating, status: 'FAILED' }], role)).toBe('FAILED');
  expect(standingOfRole([creating], role)).toBe('CREATING');
  expect(standingOfRole([creating, aSnapshot()], role)).toBe('READY');
});

test('a refusal is told at its field, without the name that stands there', () => {
  const refused = (answer: object) =>
    refusalOf({
      data: { updateClusterPool: { __typename: 'InvalidInput', message: '', ...answer } },
    });
  expect(refused({ message: 'size: too big', field: 'size' })).toEqual({
    kind: 'InvalidInput',
    message: 'Too big.',
    field: 'size',
  });
  expect(refused({ message: 'size must be 1 to 20', field: 'size' })?.message).toBe(
    'Size must be 1 to 20.',
  );
  expect(refused({ message: 'no', field: null })?.field).toBeNull();
  expect(refusalOf({ data: { updateClusterPool: { __typename: 'ClusterPool' } } })).toBeNull();
  const error = new CombinedError({ graphQLErrors: ['this needs the role ADMIN'] });
  expect(refusalOf({ error })).toMatchObject({ kind: '', message: 'This needs the role ADMIN.' });
});

test('a value that came later is told as it is', () => {
  expect(say('RESET_CLUSTER')).toBe('Reset a cluster');
  expect(say('ON_FIRE')).toBe('on fire');
});
