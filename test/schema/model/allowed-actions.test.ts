import { expect, test } from 'vitest';
import {
  clusterActions,
  jobActions,
  poolActions,
  sessionActions,
  snapshotActions,
  vmHandleActions,
} from '../../../schema/model/allowed-actions.ts';
import { CLUSTER_STATUSES, type Cluster } from '../../../schema/model/cluster.ts';
import { consoleKinds } from '../../../schema/model/console.ts';
import { JOB_STATUSES, type JobKind } from '../../../schema/model/job.ts';
import { SESSION_STATUSES, type Session } from '../../../schema/model/session.ts';
import type { Viewer } from '../../../schema/model/viewer.ts';
import type { VmHandle } from '../../../schema/model/vm-handle.ts';
import { ADMIN, ALICE, BOB, WATCHER } from '../../kit/ask.ts';
import {
  aCluster,
  aJob,
  aPool,
  aSession,
  aSnapshot,
  aTemplate,
  aVm,
  MADE_AT,
} from '../../kit/rows.ts';

const CAPTURES = ['createSnapshots', 'recreateSnapshots'];

test('a live session can be released, one with a cluster extended, a running one captured', () => {
  const owners = Object.fromEntries(
    SESSION_STATUSES.map((status) => [status, sessionActions(aSession({ status }), ALICE)]),
  );
  expect(owners).toEqual({
    PENDING: ['releaseSession'],
    PROVISIONING: ['extendSession', 'releaseSession'],
    RUNNING: ['extendSession', 'releaseSession', 'saveSession'],
    COMPLETED: [],
    FAILED: [],
  });
  const running = aSession();
  const owns = ['extendSession', 'releaseSession', 'saveSession'];
  expect(sessionActions(running, ADMIN)).toEqual([...owns, ...CAPTURES]);
  expect(sessionActions(running, BOB)).toEqual([]);
  expect(sessionActions(running, WATCHER)).toEqual([]);
});

test('what somebody saved can be deleted by its owner and admins, a golden state by nobody', () => {
  const saved = aSnapshot({ owner: 'alice', title: 'mine' });
  expect(snapshotActions(saved, ALICE)).toEqual(['deleteSavedSnapshot']);
  expect(snapshotActions(saved, ADMIN)).toEqual(['deleteSavedSnapshot']);
  expect(snapshotActions(saved, BOB)).toEqual([]);
  expect(snapshotActions(saved, WATCHER)).toEqual([]);
  expect(snapshotActions({ ...saved, status: 'DELETING' }, ALICE)).toEqual([]);
  expect(snapshotActions(aSnapshot(), ADMIN)).toEqual([]);
});

test('a cluster that is free or in error can be reset and repaired', () => {
  const able = CLUSTER_STATUSES.filter(
    (status) => clusterActions(aCluster({ status }), ADMIN).length > 0,
  );
  expect(able).toEqual(['AVAILABLE', 'ERROR']);
  expect(clusterActions(aCluster(), ADMIN)).toEqual(['resetCluster', 'repairCluster']);
  expect(clusterActions(aCluster(), ALICE)).toEqual([]);
  expect(clusterActions(aCluster({ jobId: 'job1' }), ADMIN)).toEqual([]);
  expect(clusterActions(aCluster({ status: 'ERROR', jobId: 'job1' }), ADMIN)).toEqual([]);
  expect(clusterActions(aCluster({ status: 'ERROR', removingAt: MADE_AT }), ADMIN)).toEqual([]);
});

test('a pool can be deleted when no session of it lives', () => {
  const { roles } = aTemplate();
  const idle = { roles, hasLiveSession: false, snapshotJob: undefined };
  expect(poolActions(aPool(), idle, ADMIN)).toContain('deleteClusterPool');
  const busy = { ...idle, hasLiveSession: true };
  expect(poolActions(aPool(), busy, ADMIN)).not.toContain('deleteClusterPool');
  expect(poolActions(aPool({ deletedAt: MADE_AT }), idle, ADMIN)).toEqual([]);
});

test('users claim from pools; single VMs are spawned where a cluster is one VM', () => {
  const { roles } = aTemplate();
  const none = { hasLiveSession: false, snapshotJob: undefined };
  expect(poolActions(aPool(), { roles, ...none }, ALICE)).toEqual(['createSession']);
  const [role] = roles;
  const micro = { roles: role ? [role] : [], ...none };
  expect(poolActions(aPool(), micro, ALICE)).toEqual(['createSession', 'spawnVm']);
  expect(poolActions(aPool(), micro, WATCHER)).toEqual([]);
});

test('one job at a time works on the golden states of a pool', () => {
  const { roles } = aTemplate();
  const of = (snapshotJob: JobKind | undefined) =>
    poolActions(aPool(), { roles, hasLiveSession: false, snapshotJob }, ADMIN).filter((name) =>
      name.endsWith('Snapshots'),
    );
  expect(of(undefined)).toEqual([...CAPTURES, 'deleteSnapshots']);
  expect(of('CREATE_SNAPSHOTS')).toEqual(['createSnapshots']);
  expect(of('DELETE_SNAPSHOTS')).toEqual(['deleteSnapshots']);
});

test('a VM is destroyed by the owner of its live session, when it is the only one', () => {
  const vm = aVm({ role: 'STANDALONE', sessionId: 'session1' });
  expect(vmHandleActions(vm, aSession(), ALICE)).toEqual(['destroyVm']);
  expect(vmHandleActions(vm, aSession(), BOB)).toEqual([]);
  expect(vmHandleActions(vm, aSession({ status: 'COMPLETED' }), ALICE)).toEqual([]);
  expect(vmHandleActions(vm, undefined, ADMIN)).toEqual([]);
  expect(vmHandleActions(aVm({ sessionId: 'session1' }), aSession(), ADMIN)).toEqual([]);
});

test('a VM that was handed over is looked at by who holds it, and by admins whoever does', () => {
  const held = aVm({ sessionId: 'session1' });
  const cluster = aCluster({ status: 'LOCKED', sessionId: 'session1' });
  const kinds = (...[vm, session, viewer]: Seen) =>
    consoleKinds(vm, { cluster, session }, viewer, ['SERIAL']);
  expect(kinds(held, aSession(), ALICE)).toEqual(['SERIAL']);
  expect(kinds(held, aSession(), ADMIN)).toEqual(['SERIAL']);
  expect(kinds(held, aSession(), BOB)).toEqual([]);
  expect(kinds(held, aSession(), WATCHER)).toEqual([]);
  expect(kinds(held, aSession({ status: 'COMPLETED' }), ALICE)).toEqual([]);
  expect(kinds(held, undefined, ALICE)).toEqual([]);
  expect(kinds(aVm({ phase: 'PAUSED' }), aSession(), ADMIN)).toEqual([]);
  expect(kinds(aVm({ endedAt: MADE_AT }), aSession(), ADMIN)).toEqual([]);
  expect(vmHandleActions(held, aSession(), ALICE, ['SERIAL'])).toEqual(['openConsole']);
  expect(vmHandleActions(held, aSession(), ALICE, [])).toEqual([]);
});

test('a VM that nobody has is looked at by admins only, while its cluster is in ERROR', () => {
  const seeing = (viewer: Viewer, row: Partial<Cluster> = {}) =>
    CLUSTER_STATUSES.filter((status) => {
      const belonging = { cluster: aCluster({ ...row, status }), session: aSession() };
      return consoleKinds(aVm(), belonging, viewer, ['SERIAL']).length > 0;
    });
  expect(seeing(ADMIN)).toEqual(['LOCKED', 'ERROR']);
  expect(seeing(ALICE)).toEqual(['LOCKED']);
  expect(seeing(ADMIN, { removingAt: MADE_AT })).toEqual([]);
  const unknown = { cluster: undefined, session: undefined };
  expect(consoleKinds(aVm(), unknown, ADMIN, ['SERIAL'])).toEqual([]);
});

test('a VM without a screen has none to be looked at', () => {
  const belonging = { cluster: aCluster({ status: 'LOCKED' }), session: aSession() };
  const kindsOf = (hasScreen: boolean | null) =>
    consoleKinds(aVm({ hasScreen }), belonging, ADMIN, ['SERIAL', 'VNC']);
  expect(kindsOf(false)).toEqual(['SERIAL']);
  expect(kindsOf(true)).toEqual(['SERIAL', 'VNC']);
  expect(kindsOf(null)).toEqual(['SERIAL', 'VNC']);
});

type Seen = [vm: VmHandle, session: Session | undefined, viewer: Viewer];

test('a job that has not ended can be cancelled once', () => {
  const able = JOB_STATUSES.filter((status) => jobActions(aJob({ status }), ADMIN).length > 0);
  expect(able).toEqual(['QUEUED', 'RUNNING']);
  expect(jobActions(aJob({ cancelRequestedAt: MADE_AT }), ADMIN)).toEqual([]);
  expect(jobActions(aJob(), ALICE)).toEqual([]);
});
