import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ProviderError, type ClusterRef } from '../../../../server/providers/provider.ts';
import { clusterRef } from '../../../kit/simulator.ts';
import type { TestStep } from '../../../kit/simulator.ts';
import type { KubeObject } from '../../../kubernetes/ports.ts';
import { openOutside, type Outside } from './outside.ts';

/** Virtual hours are real seconds. */
const PATIENCE = { timeout: 30_000 };

describe('clusters from the image', PATIENCE, () => {
  let outside: Outside;
  let requests: string[] = [];
  beforeAll(async () => {
    outside = await openOutside({
      onRequest: (when, { verb, kind, namespace, name }) => {
        if (when === 'BEFORE') requests.push([verb, kind, namespace, name].join(' '));
        return undefined;
      },
    });
  });
  afterEach(() => {
    outside.kubernetes.mishaps.clear();
    outside.kubernetes.faults.clear();
    requests = [];
  });
  afterAll(() => outside.close());

  const make = (ref: ClusterRef, by: TestStep) =>
    outside.done(outside.provider.ensureCluster(ref, { kind: 'IMAGE' }, by));
  const look = (ref: ClusterRef) =>
    outside.done(outside.provider.look(ref, new AbortController().signal));
  const gone = (ref: ClusterRef, by: TestStep) =>
    outside.done(outside.provider.ensureGone({ kind: 'CLUSTER', ...ref }, by));
  const object = (kind: string, namespace: string | undefined, name: string) => {
    const found = outside.kubernetes.objects.get(kind, namespace, name);
    if (found === undefined) throw new Error(`${kind} ${name} is there`);
    return found;
  };

  /** Keeps an object from going, once it is deleted; or lets it go. */
  const hold = (finalizer: string | undefined, { kind, metadata }: KubeObject) => {
    const { namespace, name } = metadata;
    const finalizers = finalizer === undefined ? [] : [finalizer];
    outside.kubernetes.objects.update(object(kind, namespace, name), (now) => ({
      ...now,
      metadata: { ...now.metadata, finalizers },
    }));
  };

  test('all that belongs to a cluster is in its namespace, made once and labelled', async () => {
    const ref = clusterRef('whole');
    const by = outside.step(1);
    const { vms } = await make(ref, by);
    expect(vms.map(({ phase, answers }) => [phase, answers])).toEqual([
      ['RUNNING', true],
      ['RUNNING', true],
    ]);
    expect(outside.names('VirtualMachine', 'whole')).toEqual(['cp-whole', 'wk-whole']);
    expect(outside.names('DataVolume', 'whole')).toEqual([
      'cp-whole-rootdisk',
      'wk-whole-rootdisk',
    ]);
    expect(outside.names('Secret', 'whole')).toEqual(['cp-whole-cloudinit', 'wk-whole-cloudinit']);
    expect(outside.names('Service', 'whole')).toEqual(['control-plane', 'worker']);
    expect(outside.names('ResourceQuota', 'whole')).toEqual(['session-quota']);
    const { labels, annotations } = object('Namespace', undefined, 'whole').metadata;
    expect(labels).toMatchObject({
      'cks.io/cluster-pool': 'true',
      'cks.io/cluster-id': 'whole',
      'snapyard.io/cluster': ref.id,
    });
    expect(annotations).toEqual({ 'snapyard.io/fence': '1' });
    expect([...by.notes]).toEqual([
      ['kubevirt.cp-whole', 'made'],
      ['kubevirt.wk-whole', 'made'],
    ]);
  });

  test('namespace, quota and all disks are made first, then VM after VM', async () => {
    await make(clusterRef('orderly'), outside.step(1));
    const made = requests
      .filter((each) => each.startsWith('create '))
      .map((each) => each.split(' ')[1])
      .filter((kind) => kind !== 'Service');
    // Disks need no control plane: both are filled while it is made.
    const disks = ['DataVolume', 'DataVolume'];
    const perVm = ['Secret', 'VirtualMachine'];
    expect(made).toEqual(['Namespace', 'ResourceQuota', ...disks, ...perVm, ...perVm]);
  });

  test('what was changed by hand is mended', async () => {
    const ref = clusterRef('drift');
    await make(ref, outside.step(1));
    const { objects } = outside.kubernetes;
    objects.remove(object('Service', 'drift', 'worker'));
    objects.update(object('ResourceQuota', 'drift', 'session-quota'), (now) => ({
      ...now,
      spec: { hard: { pods: '1' } },
    }));
    objects.update(object('Namespace', undefined, 'drift'), (now) => {
      const { 'cks.io/cluster-pool': _gone, ...labels } = now.metadata.labels ?? {};
      return { ...now, metadata: { ...now.metadata, labels } };
    });
    objects.update(object('VirtualMachine', 'drift', 'wk-drift'), (now) => ({
      ...now,
      spec: { ...(now.spec as object), runStrategy: 'Halted' },
    }));
    await outside.done(outside.world.sleep(120_000));
    expect((await look(ref)).vms[1]).toMatchObject({ phase: 'STOPPED', answers: false });
    const { vms } = await make(ref, outside.step(2));
    expect(vms.every(({ answers }) => answers)).toBe(true);
    expect(outside.names('Service', 'drift')).toEqual(['control-plane', 'worker']);
    const { hard } = object('ResourceQuota', 'drift', 'session-quota').spec as { hard: object };
    expect(hard).toMatchObject({ cpu: '16', pods: '20' });
    const { labels } = object('Namespace', undefined, 'drift').metadata;
    expect(labels).toMatchObject({ 'cks.io/cluster-pool': 'true' });
  });

  test('a VM that goes on to stop while it is waited for is started again', async () => {
    const ref = clusterRef('stopping');
    const { vms: before } = await make(ref, outside.step(1));
    const { uid } = object('VirtualMachineInstance', 'stopping', 'cp-stopping').metadata;
    const vm = object('VirtualMachine', 'stopping', 'cp-stopping');
    const ordered = { stateChangeRequests: [{ action: 'Stop', uid }] };
    outside.kubernetes.objects.update(vm, (now) => ({
      ...now,
      status: { ...(now.status as object), ...ordered },
    }));
    await outside.done(outside.world.sleep(1_000));
    const began = outside.world.elapsed();
    const { vms } = await make(ref, outside.step(2));
    expect(vms.map(({ answers }) => answers)).toEqual([true, true]);
    expect(vms[0]?.ipAddress).not.toBe(before[0]?.ipAddress);
    expect(outside.world.elapsed() - began).toBeLessThan(5 * 60_000);
  });

  test('a VM is found by its labels and goes by the name it has', async () => {
    const ref = clusterRef('renamed');
    await make(ref, outside.step(1));
    const other = { ...ref, vms: ref.vms.map((spec) => ({ ...spec, name: `was-${spec.name}` })) };
    const { vms } = await make(other, outside.step(2));
    expect(vms.map(({ name }) => name)).toEqual(['cp-renamed', 'wk-renamed']);
    expect(outside.names('VirtualMachine', 'renamed')).toEqual(['cp-renamed', 'wk-renamed']);
  });

  test.each([
    ['kubeadm-fails', 'cp-*'],
    ['join-fails', 'wk-*'],
  ])('a guest that tells of its failure (%s) is made again', async (name, vm) => {
    const ref = clusterRef(name);
    outside.kubernetes.mishaps.add({ name, object: vm, namespace: name });
    const by = outside.step(1);
    const error = await failure(make(ref, by));
    expect(error.retryable).toBe(true);
    expect(error.reason).toMatch(/could not set itself up: kubeadm/);
    const repeated = await make(ref, outside.step(1, { notes: by.notes }));
    expect(repeated.vms.every(({ answers }) => answers)).toBe(true);
  });

  test('a guest that never answers costs one attempt, and the next has a new one', async () => {
    const ref = withRoom(clusterRef('mute', 'micro'));
    outside.kubernetes.mishaps.add({ name: 'guest-silent', object: 'vm-mute' });
    const by = outside.step(1, { deadline: outside.world.now() + 600_000 });
    const error = await failure(make(ref, by));
    expect(error.retryable).toBe(true);
    expect(error.reason).toContain('in vain for mute to answer: vm-mute');
    const { vms } = await make(ref, outside.step(1, { notes: by.notes }));
    expect(vms.map(({ answers }) => answers)).toEqual([true]);
  });

  test('a quota that is refused for a moment is made all the same', async () => {
    const fault = { does: 'ANSWER', status: 503, reason: 'ServiceUnavailable', times: 6 } as const;
    outside.kubernetes.faults.add({ verb: 'create', kind: 'ResourceQuota', ...fault });
    await make(withRoom(clusterRef('patient', 'micro')), outside.step(1));
    expect(outside.names('ResourceQuota', 'patient')).toEqual(['session-quota']);
  });

  test('a quota that is in dispute is tried three times, after 500 and 750 ms', async () => {
    const conflict = { does: 'ANSWER', status: 409, reason: 'Conflict' } as const;
    outside.kubernetes.faults.add({ verb: 'create', kind: 'ResourceQuota', ...conflict, times: 0 });
    const times: number[] = [];
    const stop = outside.kubernetes.log.onLine(({ what }) => {
      if (what === 'a fault struck a request') times.push(outside.world.elapsed());
    });
    await failure(make(withRoom(clusterRef('disputed', 'micro')), outside.step(1)));
    stop();
    const waits = times.slice(1).map((at, number) => at - (times[number] ?? 0));
    expect(waits).toHaveLength(2);
    for (const [number, usual] of [500, 750].entries()) {
      expect(waits[number]).toBeGreaterThanOrEqual(usual);
      expect(waits[number]).toBeLessThanOrEqual(usual * 1.05 + 1);
    }
  });

  test('a worker that is still to be made joins the control plane there is now', async () => {
    const ref = clusterRef('rejoined');
    const fault = { does: 'ANSWER', status: 422, reason: 'Invalid', times: 1 } as const;
    // The control plane is let through.
    const second = { verb: 'create', kind: 'VirtualMachine', skip: 1 } as const;
    outside.kubernetes.faults.add({ ...second, ...fault });
    const by = outside.step(1);
    await failure(make(ref, by));
    expect(outside.names('Secret', 'rejoined')).toContain('wk-rejoined-cloudinit');
    outside.kubernetes.objects.remove(object('VirtualMachine', 'rejoined', 'cp-rejoined'));
    await outside.done(outside.world.sleep(120_000));
    const { vms } = await make(ref, outside.step(1, { notes: by.notes }));
    expect(vms.map(({ answers }) => answers)).toEqual([true, true]);
  });

  test('a VM that vanished is made again, and nothing of its disk is used', async () => {
    const ref = clusterRef('vanished');
    const by = outside.step(1);
    await make(ref, by);
    await outside.dirty(ref);
    for (const vm of ['cp-vanished', 'wk-vanished']) {
      outside.kubernetes.objects.remove(object('VirtualMachine', 'vanished', vm));
    }
    await outside.done(outside.world.sleep(120_000));
    expect((await look(ref)).vms.map(({ exists }) => exists)).toEqual([false, false]);
    await make(ref, outside.step(1, { notes: by.notes }));
    expect(await outside.isClean(ref)).toBe(true);
  });

  test('a namespace that others have made is neither used nor deleted', async () => {
    const ref = clusterRef('foreign');
    outside.kubernetes.objects.create('Namespace', { metadata: { name: 'foreign' } });
    const error = await failure(make(ref, outside.step(1)));
    expect(error).toMatchObject({ retryable: false });
    expect(error.reason).toContain('does not belong to this installation');
    await gone(ref, outside.step(2));
    expect(object('Namespace', undefined, 'foreign').metadata.deletionTimestamp).toBeUndefined();
    expect(outside.names('VirtualMachine', 'foreign')).toEqual([]);
  });

  test('a namespace on its way out is waited for', async () => {
    const ref = clusterRef('again');
    await make(ref, outside.step(1));
    const before = object('Namespace', undefined, 'again').metadata.uid;
    outside.kubernetes.objects.remove(object('Namespace', undefined, 'again'));
    await make(ref, outside.step(2));
    expect(object('Namespace', undefined, 'again').metadata.uid).not.toBe(before);
  });

  test('a name that is too long is refused before any call', async () => {
    await look(clusterRef('connected'));
    requests = [];
    const error = await failure(make(clusterRef('x'.repeat(61)), outside.step(1)));
    expect(error).toMatchObject({ retryable: false });
    expect(requests).toEqual([]);
  });

  test('without its golden image nothing can be made', async () => {
    const ref = withImage('imageless', 'vm-templates/no-such-claim');
    const error = await failure(make(ref, outside.step(1)));
    expect(error).toMatchObject({ retryable: false });
    expect(error.reason).toContain('vm-templates/no-such-claim');
    expect(outside.names('VirtualMachine', 'imageless')).toEqual([]);
  });

  test('an address is imported once for all', async () => {
    const address = 'docker://registry.example/golden:1';
    await make(withImage('imported', address), outside.step(1));
    await make(withImage('copied', address), outside.step(1));
    const imports = outside
      .names('DataVolume', 'vm-templates')
      .filter((name) => name.startsWith('image-'));
    expect(imports).toHaveLength(1);
  });

  test('an import that failed, or is being deleted, is begun anew', async () => {
    const address = 'docker://registry.example/golden:2';
    await make(withImage('before', address), outside.step(1));
    const { objects } = outside.kubernetes;
    const volume = () => {
      const name = outside.names('DataVolume', 'vm-templates').at(-1) ?? '';
      return object('DataVolume', 'vm-templates', name);
    };
    const isOld = new Set([volume().metadata.uid]);
    objects.update(volume(), (now) => ({ ...now, status: { phase: 'Failed' } }));
    await make(withImage('failed', address), outside.step(1));
    expect(isOld.has(volume().metadata.uid)).toBe(false);
    isOld.add(volume().metadata.uid);
    hold('example.org/held', volume());
    objects.remove(volume());
    outside.world.after(30_000, () => hold(undefined, volume()));
    await make(withImage('leaving', address), outside.step(1));
    expect(isOld.has(volume().metadata.uid)).toBe(false);
  });

  test('a golden image that is being deleted is waited for, not used', async () => {
    const { objects } = outside.kubernetes;
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    const metadata = { namespace: 'vm-templates', name: 'old-image' };
    objects.create('PersistentVolumeClaim', { metadata, spec });
    const claim = () => object('PersistentVolumeClaim', 'vm-templates', 'old-image');
    hold('example.org/held', claim());
    objects.remove(claim());
    outside.world.after(30_000, () => hold(undefined, claim()));
    const begun = outside.world.elapsed();
    const ref = withImage('replaced', 'vm-templates/old-image');
    expect(await failure(make(ref, outside.step(1)))).toMatchObject({ retryable: true });
    expect(outside.world.elapsed() - begun).toBeGreaterThanOrEqual(30_000);
  });

  test('lack of rights to make a quota is told at once', async () => {
    const fault = { does: 'ANSWER', status: 403, reason: 'Forbidden', times: 0 } as const;
    outside.kubernetes.faults.add({ verb: 'create', kind: 'ResourceQuota', ...fault });
    const begun = outside.world.elapsed();
    const error = await failure(make(clusterRef('poor'), outside.step(1)));
    expect(error).toMatchObject({ retryable: false });
    expect(error.reason).toContain('session-quota');
    expect(outside.world.elapsed() - begun).toBeLessThan(500);
  });

  test('a guest that takes no SSH is believed by its probe', async () => {
    const ref: ClusterRef = { ...clusterRef('probed', 'micro'), readiness: 'PROBE' };
    outside.kubernetes.mishaps.add({ name: 'ssh-refused', object: '*', times: 0 });
    const made = await make(withRoom(ref), outside.step(1));
    expect(made).toMatchObject({ marks: null, vms: [{ answers: true, phase: 'RUNNING' }] });
    await outside.done(outside.provider.mark(ref, 'turn-1', outside.step(1)));
    const vm = { cluster: ref, role: 'STANDALONE' } as const;
    const { signal } = new AbortController();
    expect(
      await failure(outside.done(outside.provider.run(vm, ['true'], { signal }))),
    ).toMatchObject({
      retryable: false,
    });
  });

  test('a silent guest is seen to be silent, with the reason', async () => {
    const ref = withRoom(clusterRef('silent', 'micro'));
    await make(ref, outside.step(1));
    outside.kubernetes.mishaps.add({ name: 'ssh-refused', object: 'vm-silent', times: 0 });
    outside.kubernetes.mishaps.add({ name: 'guest-silent', object: 'vm-silent', times: 0 });
    await outside.done(outside.world.sleep(120_000));
    const [vm] = (await look(ref)).vms;
    expect(vm).toMatchObject({ exists: true, phase: 'RUNNING', answers: false });
    expect(vm?.message).toContain('vm-silent');
  });

  test('a deleted VM makes its cluster dirty, a change of no meaning does not', async () => {
    const ref = withRoom(clusterRef('watched', 'micro'));
    await make(ref, outside.step(1));
    const told: string[] = [];
    const stop = outside.provider.watch((id) => void told.push(id));
    await outside.done(outside.world.sleep(60_000));
    expect(told).toEqual([]);
    const { objects } = outside.kubernetes;
    objects.update(object('VirtualMachine', 'watched', 'vm-watched'), (now) => ({
      ...now,
      metadata: { ...now.metadata, annotations: { note: 'nothing' } },
    }));
    await outside.done(outside.world.sleep(60_000));
    expect(told).toEqual([]);
    objects.remove(object('VirtualMachine', 'watched', 'vm-watched'));
    await outside.done(outside.world.sleep(60_000));
    expect(new Set(told)).toEqual(new Set([ref.id]));
    stop();
  });

  test('SSH can be spoken over a stream of our own', async () => {
    const ref = withRoom(clusterRef('spoken', 'micro'));
    await make(ref, outside.step(1));
    const { signal } = new AbortController();
    const vm = { cluster: ref, role: 'STANDALONE' } as const;
    const stream = await outside.done(outside.provider.open(vm, 'SSH', signal));
    const greeting = new Promise<string>((resolve) => {
      stream.once('data', (bytes: Buffer) => resolve(bytes.toString()));
    });
    expect(await outside.done(greeting)).toMatch(/^SSH-2\.0-/);
    stream.destroy();
  });
});

function withImage(name: string, image: string): ClusterRef {
  const ref = clusterRef(name, 'micro');
  return { ...ref, vms: ref.vms.map((spec) => ({ ...spec, image, diskGiB: 10 })) };
}

/** Large enough for the usual image. */
function withRoom(ref: ClusterRef): ClusterRef {
  return { ...ref, vms: ref.vms.map((spec) => ({ ...spec, diskGiB: 10 })) };
}

async function failure(work: Promise<unknown>): Promise<ProviderError> {
  const outcome: unknown = await work.catch((error: unknown) => error);
  if (outcome instanceof ProviderError) return outcome;
  throw new Error(`no ProviderError but ${String(outcome)}`);
}
