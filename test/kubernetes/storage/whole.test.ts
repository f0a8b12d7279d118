import { expect, test } from 'vitest';
import { openWhole, type Whole } from '../whole.ts';
import { holds } from './conditions.ts';
import type { Shapes } from './shapes.ts';

// KubeVirt, its storage and its guests together: what is on a disk comes back, or does not.

interface Stage {
  readonly simulator: Whole['simulator'];
  readonly world: Whole['world'];
  ask(...asked: Parameters<Whole['ask']>): Promise<number>;
  find<K extends keyof Shapes>(kind: K, name: string): Shapes[K] | undefined;
  until(come: () => boolean): Promise<void>;
}

async function whole(): Promise<Stage> {
  const { world, simulator, ask } = await openWhole(3);
  return {
    world,
    simulator,
    ask: async (...asked) => (await ask(...asked)).status,
    find: <K extends keyof Shapes>(kind: K, name: string) =>
      simulator.objects.get(kind, 'one', name) as Shapes[K] | undefined,
    until: (come) => world.runUntil(come, { withinMs: 900_000 }),
  };
}

const at = (group: string, plural: string) => `/apis/${group}/namespaces/one/${plural}`;
const DATA_VOLUMES = at('cdi.kubevirt.io/v1beta1', 'datavolumes');
const MACHINES = at('kubevirt.io/v1', 'virtualmachines');
const SNAPSHOTS = at('snapshot.kubevirt.io/v1beta1', 'virtualmachinesnapshots');
const RESTORES = at('snapshot.kubevirt.io/v1beta1', 'virtualmachinerestores');
const VERBS = `${at('subresources.kubevirt.io/v1', 'virtualmachines')}/cp`;
const STRICT = '?fieldValidation=Strict';
const TARGET = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: 'cp' };

const MACHINE = {
  metadata: { name: 'cp' },
  spec: {
    runStrategy: 'RerunOnFailure',
    template: {
      spec: {
        domain: {
          memory: { guest: '2Gi' },
          devices: {
            disks: [{ name: 'rootdisk', disk: { bus: 'virtio' } }],
            interfaces: [{ name: 'default', masquerade: {} }],
          },
        },
        networks: [{ name: 'default', pod: {} }],
        volumes: [{ name: 'rootdisk', dataVolume: { name: 'cp-rootdisk' } }],
      },
    },
  },
};

const typed = (kind: string, apiVersion: string, object: object) => ({
  apiVersion,
  kind,
  ...object,
});

/** A machine on a copy of the golden claim that runs, with a snapshot taken while it ran. */
async function machineWithSnapshot(on: Stage): Promise<void> {
  await on.ask('POST', '/api/v1/namespaces', { metadata: { name: 'one' } });
  const source = { pvc: { namespace: 'vm-templates', name: 'new-golden-image-1-33-0' } };
  const disk = { metadata: { name: 'cp-rootdisk' }, spec: { storage: {}, source } };
  const dataVolume = typed('DataVolume', 'cdi.kubevirt.io/v1beta1', disk);
  expect(await on.ask('POST', DATA_VOLUMES + STRICT, dataVolume)).toBe(201);
  const machine = typed('VirtualMachine', 'kubevirt.io/v1', MACHINE);
  expect(await on.ask('POST', MACHINES + STRICT, machine)).toBe(201);
  await on.until(() => runs(on));
  files(on).set('/state', 'golden');
  const snapshot = { metadata: { name: 's' }, spec: { source: TARGET } };
  const body = typed('VirtualMachineSnapshot', 'snapshot.kubevirt.io/v1beta1', snapshot);
  expect(await on.ask('POST', SNAPSHOTS + STRICT, body)).toBe(201);
  await on.until(() => on.find('VirtualMachineSnapshot', 's')?.status?.readyToUse === true);
  files(on).set('/state', 'used');
}

function runs(on: Stage): boolean {
  return holds(on.find('VirtualMachineInstance', 'cp')?.status?.conditions, 'AgentConnected');
}

function files(on: Stage): Map<string, string> {
  const [volume] = on.find('VirtualMachine', 'cp')?.spec.template.spec.volumes ?? [];
  const name = volume?.dataVolume?.name ?? volume?.persistentVolumeClaim?.claimName ?? '';
  const { uid = '' } = on.find('PersistentVolumeClaim', name)?.metadata ?? {};
  return on.simulator.disks.files(uid);
}

async function stop(on: Stage): Promise<void> {
  expect(await on.ask('PUT', `${VERBS}/stop`, { gracePeriod: 0 })).toBe(202);
  await on.until(() => on.find('VirtualMachineInstance', 'cp') === undefined);
}

async function restore(on: Stage, name: string, policy?: string): Promise<void> {
  const spec = {
    target: TARGET,
    virtualMachineSnapshotName: 's',
    ...(policy === undefined ? {} : { volumeRestorePolicy: policy }),
  };
  const object = { metadata: { name }, spec };
  const body = typed('VirtualMachineRestore', 'snapshot.kubevirt.io/v1beta1', object);
  expect(await on.ask('POST', RESTORES + STRICT, body)).toBe(201);
  await on.until(() => on.find('VirtualMachineRestore', name)?.status?.complete === true);
}

test('a machine that was snapshotted while it ran is put back in both ways', async () => {
  const on = await whole();
  await machineWithSnapshot(on);
  const said = on.find('VirtualMachineSnapshot', 's')?.status?.indications;
  expect(said).toEqual(['GuestAgent', 'Online']);
  const before = on.find('VirtualMachineInstance', 'cp')?.metadata.uid;
  for (const policy of ['RandomizeNames', 'InPlace']) {
    await stop(on);
    await restore(on, policy.toLowerCase(), policy);
    expect(files(on).get('/state')).toBe('golden');
    expect(await on.ask('PUT', `${VERBS}/start`)).toBe(202);
    await on.until(() => runs(on));
    files(on).set('/state', 'used again');
  }
  expect(on.find('VirtualMachineInstance', 'cp')?.metadata.uid).not.toBe(before);
});

test('a machine that was deleted comes back Halted from its snapshot', async () => {
  const on = await whole();
  await machineWithSnapshot(on);
  expect(await on.ask('DELETE', `${MACHINES}/cp`)).toBe(200);
  await on.until(() => on.find('VirtualMachine', 'cp') === undefined);
  await restore(on, 'r');
  expect(on.find('VirtualMachine', 'cp')?.spec.runStrategy).toBe('Halted');
  expect(files(on).get('/state')).toBe('golden');
  expect(await on.ask('PUT', `${VERBS}/start`)).toBe(202);
  await on.until(() => runs(on));
});

test('everything of a namespace goes with it, whatever was under way', async () => {
  const on = await whole();
  await machineWithSnapshot(on);
  await stop(on);
  on.simulator.mishaps.add({ name: 'restore-hangs', object: 'r' });
  const spec = { target: TARGET, virtualMachineSnapshotName: 's' };
  const object = { metadata: { name: 'r' }, spec };
  const body = typed('VirtualMachineRestore', 'snapshot.kubevirt.io/v1beta1', object);
  expect(await on.ask('POST', RESTORES, body)).toBe(201);
  await on.world.advance(30_000);
  expect(await on.ask('DELETE', '/api/v1/namespaces/one')).toBe(200);
  await on.until(() => on.simulator.objects.get('Namespace', undefined, 'one') === undefined);
  expect(on.simulator.objects.list('PersistentVolumeClaim', { namespace: 'one' })).toEqual([]);
  expect(on.simulator.objects.list('VolumeSnapshotContent')).toEqual([]);
});
