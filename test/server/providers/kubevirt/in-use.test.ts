import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../../../server/providers/kubevirt/settings.ts';
import type { ClusterRef, SetSource } from '../../../../server/providers/provider.ts';
import type { RequestHook } from '../../../kubernetes/api/api.ts';
import { clusterRef, setRef } from '../../../kit/simulator.ts';
import { openOutside, type Outside } from './outside.ts';

// A session has its key in the guests of its cluster; sets that are captured of it must not.

const PATIENCE_MS = 60_000;
const KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)} somebody`;
const OTHER = KEY.replaceAll('A', 'B');
const BLOB = KEY.split(' ')[1] ?? '';
const FILE = `/home/${DEFAULT_KUBEVIRT_SETTINGS.sshUser}/.ssh/authorized_keys`;

describe('a cluster that is captured while it is used', { timeout: PATIENCE_MS }, () => {
  let outside: Outside;
  let hook: RequestHook | undefined;
  const ref = clusterRef('used');
  const set = setRef(ref, 2, 'POOL');
  const source: SetSource = { kind: 'CLUSTER', cluster: ref, inUse: true };

  beforeEach(async () => {
    hook = undefined;
    outside = await openOutside({ onRequest: (when, request) => hook?.(when, request) });
    const by = outside.step(1);
    await outside.done(outside.provider.ensureCluster(ref, { kind: 'IMAGE' }, by));
    await outside.done(outside.provider.mark(ref, 'turn-1', by));
  }, PATIENCE_MS);
  afterEach(() => outside.close(), PATIENCE_MS);

  const give = (key = KEY) => outside.provider.access(ref, key, outside.step(1));
  const failure = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );
  /** In how many of its guests the key is. */
  const letIn = async (of: ClusterRef) => {
    const { signal } = new AbortController();
    const keys = of.vms.map(({ role }) =>
      outside.provider.run({ cluster: of, role }, ['cat', FILE], { stdin: '', signal }),
    );
    const found = await outside.done(Promise.all(keys));
    // Whatever else there is, we ourselves can still log in.
    for (const { stdout } of found) expect(stdout).toMatch(/^ssh-\S+ \S+( snapyard)?$/m);
    return found.filter(({ stdout }) => stdout.includes(BLOB)).length;
  };
  const marks = async () =>
    (await outside.done(outside.provider.look(ref, new AbortController().signal))).marks;
  /** Something is done once, just before the first snapshot is ordered. */
  const beforeFreeze = (act: () => void) => {
    hook = (when, { verb, resource }) => {
      if (when !== 'BEFORE' || verb !== 'create') return undefined;
      if (resource !== 'virtualmachinesnapshots') return undefined;
      hook = undefined;
      act();
      return undefined;
    };
  };

  it('lets nobody in until it is captured', async () => {
    let asked: Promise<unknown> | undefined;
    beforeFreeze(() => {
      asked = failure(give());
    });
    const work = outside.provider.ensureSet(source, set, 'ONLINE', outside.step(1));
    await outside.done(work);
    await outside.done(asked ?? Promise.reject(new Error('it was never asked')));
    const made = clusterRef('made');
    const from = { kind: 'SET', set } as const;
    await outside.done(outside.provider.ensureCluster(made, from, outside.step(1)));
    expect(await letIn(made)).toBe(0);
    await outside.done(give());
    expect(await letIn(ref)).toBe(2);
  });

  it('says what is waited for by whoever is not let in yet', async () => {
    outside.kubernetes.mishaps.add({ name: 'snapshot-never-ready', object: '*-snap-*', times: 0 });
    let asked: Promise<unknown> | undefined;
    beforeFreeze(() => {
      asked = failure(give());
    });
    const by = outside.step(1, { signal: outside.abortAfter(120_000) });
    const work = failure(outside.provider.ensureSet(source, set, 'ONLINE', by));
    await outside.done(work);
    const error = await outside.done(asked ?? Promise.resolve());
    expect(error).toMatchObject({ retryable: true });
    expect(String(error)).toMatch(/waiting for the capture of used took longer than 15 s/);
    await outside.done(give());
  });

  it('lets nobody in while what a life before has begun of a capture is not over', async () => {
    outside.kubernetes.objects.create('VirtualMachineSnapshot', {
      metadata: {
        name: 'begun',
        namespace: ref.namespace,
        labels: { 'snapyard.io/installation': 'installation-1' },
      },
      spec: {
        source: { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: ref.vms[0]?.name },
      },
    });
    const error = await outside.done(failure(give()));
    expect(error).toMatchObject({ retryable: true });
    expect(String(error)).toContain('used is being captured as begun');
    expect(await letIn(ref)).toBe(0);
    await outside.world.advance(120_000);
    await outside.done(give());
    expect(await letIn(ref)).toBe(2);
  });

  test.each(['ONLINE', 'OFFLINE'] as const)(
    'has its keys and its mark again after an %s capture that failed',
    async (mode) => {
      await outside.done(give());
      outside.kubernetes.mishaps.add({ name: 'snapshot-fails', object: '*-snap-*', times: 0 });
      const work = outside.provider.ensureSet(source, set, mode, outside.step(1));
      expect(await outside.done(failure(work))).toMatchObject({ reason: /failed/ });
      expect(await letIn(ref)).toBe(2);
      expect(await marks()).toEqual(['turn-1']);
      const left = outside.names('VirtualMachineSnapshot', ref.namespace);
      expect(left).toEqual([]);
    },
  );

  test.each(['ONLINE', 'OFFLINE'] as const)(
    'has its keys and its mark again after an %s capture that was given up',
    async (mode) => {
      await outside.done(give());
      const controller = new AbortController();
      beforeFreeze(() => controller.abort(new Error('interrupted')));
      const by = outside.step(1, { signal: controller.signal });
      const work = outside.provider.ensureSet(source, set, mode, by);
      expect(await outside.done(failure(work))).toMatchObject({ message: 'interrupted' });
      expect(await letIn(ref)).toBe(2);
      expect(await marks()).toEqual(['turn-1']);
    },
  );

  it('keeps the key that was given since, when a capture whose pass has died goes on', async () => {
    await outside.done(give(OTHER));
    const controller = new AbortController();
    hook = (when, { verb, resource, namespace }) => {
      const isCopied = when === 'BEFORE' && verb === 'create' && namespace === 'vm-templates';
      if (isCopied && resource === 'datavolumes') controller.abort(new Error('interrupted'));
      return undefined;
    };
    const by = outside.step(1, { signal: controller.signal });
    const died = outside.provider.ensureSet(source, set, 'ONLINE', by);
    expect(await outside.done(failure(died))).toMatchObject({ message: 'interrupted' });
    hook = undefined;
    await outside.done(give());
    expect([...by.notes.keys()].filter((key) => key.startsWith('kubevirt.keys.'))).toHaveLength(2);
    const next = outside.step(1, { notes: by.notes });
    await outside.done(outside.provider.ensureSet(source, set, 'ONLINE', next));
    expect(await letIn(ref)).toBe(2);
  });
});
