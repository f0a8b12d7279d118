import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCluster, moveCluster, updateCluster } from '../../db/cluster.ts';
import { findPoolByName, updatePool } from '../../db/cluster-pool.ts';
import { findSession } from '../../db/session.ts';
import { audits } from '../../db/tables.ts';
import { findVm } from '../../db/vm-handle.ts';
import { clusterActions, vmHandleActions } from '../../schema/model/allowed-actions.ts';
import { InvalidInput, NotFound, PoolExhausted, WrongState } from '../../schema/model/refusal.ts';
import type { ClusterStatus } from '../../schema/model/cluster.ts';
import { ADMIN, nextFree, openTestStore, viewer, type TestStore } from '../kit/store.ts';

let kit: TestStore;

beforeEach(() => {
  kit = openTestStore();
});
afterEach(() => kit.close());

const verbs = () => kit.verbs(ADMIN);
const alice = viewer('alice');
const bob = viewer('bob');
const WHY = { cause: 'ADMIN' } as const;
const claim = () => kit.done(kit.verbs(alice).createSession({ pool: 'cks' }));

describe('resetCluster and repairCluster', () => {
  const PATHS: Record<ClusterStatus, ClusterStatus[]> = {
    CREATING: ['RESETTING', 'CREATING'],
    AVAILABLE: [],
    LOCKED: ['LOCKED'],
    RESETTING: ['RESETTING'],
    ERROR: ['ERROR'],
  };

  const bring = (id: string, path: readonly ClusterStatus[], patch: object = {}) =>
    kit.transact((tx) => {
      for (const to of path) {
        const from = findCluster(tx.db, id)?.status ?? 'AVAILABLE';
        moveCluster(tx, id, { from: [from], to }, WHY);
      }
      return updateCluster(tx, id, patch, WHY);
    });

  const CASES = [
    ...Object.entries(PATHS).map(([status, path]) => [status, path, {}] as const),
    ['AVAILABLE on its way out', [], { removingAt: 1 }] as const,
    ['ERROR on its way out', ['ERROR'], { removingAt: 1 }] as const,
    ['AVAILABLE in a job', [], { jobId: 'other' }] as const,
  ];

  it.each(CASES)('%s: are refused just when they are not offered', async (_name, path, patch) => {
    const pool = await kit.addPool({}, 1);
    const id = nextFree(kit.store, pool.id);
    const cluster = await bring(id, path, patch);
    if (cluster === undefined) throw new Error('no cluster');
    const offered = clusterActions(cluster, ADMIN);
    for (const verb of ['resetCluster', 'repairCluster'] as const) {
      const asked = verbs()[verb](id);
      if (offered.includes(verb)) expect(await kit.done(asked)).toMatchObject({ clusterId: id });
      else expect(await kit.refused(asked)).toBeInstanceOf(WrongState);
    }
  });

  it('answer the job that does just this already; a removed cluster is not found', async () => {
    const pool = await kit.addPool({}, 1);
    const id = nextFree(kit.store, pool.id);
    const job = await kit.done(verbs().resetCluster(id));
    await bring(id, ['RESETTING'], { jobId: job.id });
    expect((await kit.done(verbs().resetCluster(id))).id).toBe(job.id);
    expect(await kit.refused(verbs().repairCluster(id))).toBeInstanceOf(WrongState);
    await bring(id, [], { removingAt: 1, removedAt: 2 });
    expect(await kit.refused(verbs().resetCluster(id))).toBeInstanceOf(NotFound);
    expect(await kit.refused(verbs().resetCluster('nope'))).toBeInstanceOf(NotFound);
  });

  it('repair lets creations go on', async () => {
    const pool = await kit.addPool({}, 1);
    const id = nextFree(kit.store, pool.id);
    await bring(id, ['ERROR']);
    const paused = { replenishPaused: 'three failures', failuresInRow: 3 };
    await kit.transact((tx) => updatePool(tx, pool.id, paused, WHY));
    await kit.done(verbs().repairCluster(id));
    const after = kit.store.read((db) => findPoolByName(db, 'cks'));
    expect(after).toMatchObject({ replenishPaused: null, failuresInRow: 0 });
  });
});

describe('jobs at golden states', () => {
  it('take the mode the provider names first, or one that it has', async () => {
    await kit.addPool({});
    await kit.addPool({ name: 'vms', provider: 'QEMU' });
    const first = await kit.done(verbs().createSnapshots({ pool: 'cks' }));
    expect(first).toMatchObject({ kind: 'CREATE_SNAPSHOTS', mode: 'ONLINE', sessionId: null });
    const refusal = await kit.refused(verbs().createSnapshots({ pool: 'vms', mode: 'OFFLINE' }));
    expect(refusal).toMatchObject({ constructor: InvalidInput, field: 'mode' });
    kit.lost.add('QEMU');
    const lost = await kit.refused(verbs().createSnapshots({ pool: 'vms' }));
    expect(lost).toMatchObject({ constructor: InvalidInput, field: 'pool' });
  });

  it('capture a running session of that pool only', async () => {
    await kit.addPool({}, 1);
    await kit.addPool({ name: 'other' });
    const { id } = await claim();
    const job = await kit.done(verbs().createSnapshots({ pool: 'cks', sessionId: id }));
    expect(job.sessionId).toBe(id);
    await kit.done(verbs().cancelJob(job.id));
    const foreign = await kit.refused(verbs().createSnapshots({ pool: 'other', sessionId: id }));
    expect(foreign).toBeInstanceOf(NotFound);
    await kit.done(kit.verbs(alice).releaseSession(id));
    const ended = await kit.refused(verbs().createSnapshots({ pool: 'cks', sessionId: id }));
    expect(ended).toMatchObject({ constructor: WrongState, state: 'COMPLETED' });
  });

  it('are one at a time in a pool; an equal one is answered', async () => {
    await kit.addPool({});
    await kit.addPool({ name: 'other' });
    const job = await kit.done(verbs().recreateSnapshots({ pool: 'cks' }));
    expect((await kit.done(verbs().recreateSnapshots({ pool: 'cks' }))).id).toBe(job.id);
    const refusal = await kit.refused(verbs().deleteSnapshots('cks'));
    expect(refusal).toMatchObject({ constructor: WrongState, state: 'QUEUED' });
    expect(String(refusal)).toContain('RECREATE_SNAPSHOTS');
    await kit.done(verbs().deleteSnapshots('other'));
    await kit.done(verbs().cancelJob(job.id));
    await kit.done(verbs().deleteSnapshots('cks'));
  });
});

describe('spawnVm and destroyVm', () => {
  const MICRO = { template: 'micro', recycle: 'REPLACE' } as const;
  const spawn = (more: object = {}, who = alice) =>
    kit.verbs(who).spawnVm({ pool: 'cks', ...more });
  const sessionOf = (id: string | null) =>
    kit.store.read((db) => (id === null ? undefined : findSession(db, id)));

  it('spawns the one VM of a session, once under a key', async () => {
    await kit.addPool(MICRO, 2);
    const vm = await kit.done(spawn({ task: 'build', ttlMinutes: 5, idempotencyKey: 'k' }));
    expect(vm.role).toBe('STANDALONE');
    const session = sessionOf(vm.sessionId);
    expect(session).toMatchObject({ owner: 'alice', task: 'build', ttlMinutes: 5 });
    const again = await kit.done(spawn({ task: 'build', ttlMinutes: 5, idempotencyKey: 'k' }));
    expect(again).toEqual(vm);
    // The key of another mutation is another key.
    const other = await kit.done(
      kit.verbs(alice).createSession({ pool: 'cks', idempotencyKey: 'k' }),
    );
    expect(other.id).not.toBe(session?.id);
  });

  it('is refused for clusters of several VMs, and instead of a place in a queue', async () => {
    await kit.addPool({}, 1);
    expect(await kit.refused(spawn())).toMatchObject({ constructor: InvalidInput, field: 'pool' });
    await kit.addPool({ ...MICRO, name: 'micro', whenEmpty: 'QUEUE' }, 0);
    expect(await kit.refused(spawn({ pool: 'micro' }))).toBeInstanceOf(PoolExhausted);
    expect(kit.store.read((db) => db.query.sessions.findMany().sync())).toEqual([]);
  });

  it('destroys the VM with its session; a second call answers the same handle', async () => {
    await kit.addPool(MICRO, 1);
    const vm = await kit.done(spawn());
    expect(await kit.refused(kit.verbs(bob).destroyVm(vm.id))).toBeInstanceOf(NotFound);
    const gone = await kit.done(kit.verbs(alice).destroyVm(vm.id));
    expect(gone).toMatchObject({ id: vm.id, phase: 'STOPPED', ipAddress: null });
    const session = sessionOf(vm.sessionId);
    expect(session).toMatchObject({ status: 'COMPLETED', endReason: 'RELEASED' });
    expect(await kit.done(kit.verbs(alice).destroyVm(vm.id))).toEqual(gone);
    expect(vmHandleActions(gone, session, alice)).toEqual([]);
  });

  it('answers the handle again where the VM is used again, too', async () => {
    await kit.addPool({ template: 'micro' }, 1);
    const vm = await kit.done(spawn());
    await kit.done(kit.verbs(alice).destroyVm(vm.id));
    expect(await kit.done(kit.verbs(alice).destroyVm(vm.id))).toMatchObject({ id: vm.id });
    expect(await kit.refused(kit.verbs(bob).destroyVm(vm.id))).toBeInstanceOf(NotFound);
    expect(await kit.refused(kit.verbs(ADMIN).destroyVm(vm.id))).toBeInstanceOf(WrongState);
  });

  it('is refused for a VM of a bigger cluster, and for what nobody knows', async () => {
    await kit.addPool({}, 1);
    const session = await claim();
    const [vm] = kit.store.read((db) => db.query.vmHandles.findMany().sync());
    const refusal = await kit.refused(kit.verbs(alice).destroyVm(vm?.id ?? ''));
    expect(refusal).toBeInstanceOf(WrongState);
    expect(kit.store.read((db) => findVm(db, vm?.id ?? ''))?.sessionId).toBe(session.id);
    expect(await kit.refused(kit.verbs(alice).destroyVm('nope'))).toBeInstanceOf(NotFound);
  });
});

describe('readAccess', () => {
  it('is recorded before it is answered, and only for those who see the session', async () => {
    await kit.addPool({}, 1);
    const session = await claim();
    expect(await kit.refused(kit.verbs(bob).readAccess(session))).toBeInstanceOf(NotFound);
    const access = await kit.done(kit.verbs(alice).readAccess(session));
    expect(access).toEqual({
      kubeconfig: null,
      sshUser: null,
      sshPrivateKey: null,
      endpoints: [],
    });
    const records = kit.store.read((db) => db.select().from(audits).all());
    expect(records).toMatchObject([
      { actor: 'alice', action: 'readAccess', subjectId: session.id },
    ]);
  });
});
