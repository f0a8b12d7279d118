import { expect, test } from 'vitest';
import { conditionOf } from './conditions.ts';
import { claim, keysOf, machineRoom, vmManifest, type MachineRoom } from './machine-room.ts';

const VOLUME = { name: 'rootdisk', dataVolume: { name: 'root' } };

function template(source: object) {
  return { metadata: { name: 'root' }, spec: { storage: {}, source } };
}

function withTemplate(source: object, runStrategy = 'Always') {
  const spec = { runStrategy, dataVolumeTemplates: [template(source)] };
  return vmManifest(spec, { volumes: [VOLUME] });
}

function setPhase(room: MachineRoom, phase: string, conditions: readonly object[] = []): void {
  const disk = room.sim.objects.get('DataVolume', 'one', 'root');
  if (disk === undefined) throw new Error('there is no DataVolume');
  room.sim.objects.update(disk, (now) => ({ ...now, status: { phase, conditions } }));
}

const bound = { type: 'Bound', status: 'True' };

test('KubeVirt, data volume templates: the VM owns what is made of them', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', withTemplate({ blank: {} }));
  await room.world.settle();
  const disks = room.sim.objects.list('DataVolume');
  expect(keysOf(disks)).toEqual(['one/root']);
  expect(disks[0]?.metadata.ownerReferences).toMatchObject([
    { kind: 'VirtualMachine', uid: room.vm().metadata.uid, controller: true },
  ]);
});

test('KubeVirt, data volume templates: they go with their VM', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', withTemplate({ blank: {} }, 'Halted'));
  await room.world.settle();
  room.sim.objects.remove(room.vm());
  await room.world.settle();
  expect(room.sim.objects.list('DataVolume')).toEqual([]);
});

test('KubeVirt, data volume templates: nothing starts before they are filled', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', withTemplate({ blank: {} }));
  await room.world.settle();
  setPhase(room, 'ImportInProgress', [bound]);
  await room.until('Provisioning');
  expect(room.vmi()).toBeUndefined();
  room.sim.objects.create('PersistentVolumeClaim', claim('root'));
  setPhase(room, 'Succeeded', [bound]);
  await room.until('Running');
});

test.each(['WaitForFirstConsumer', 'PendingPopulation'])(
  'KubeVirt, data volume templates: one that is %s gets a machine, as its consumer',
  async (phase) => {
    const room = await machineRoom();
    room.write('VirtualMachine', withTemplate({ blank: {} }));
    await room.world.settle();
    room.sim.objects.create('PersistentVolumeClaim', claim('root', 'Pending'));
    setPhase(room, phase);
    await room.until('WaitingForVolumeBinding');
    expect(room.sim.objects.list('Pod')).toHaveLength(1);
  },
);

test('KubeVirt, data volume templates: one that failed prints DataVolumeError', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', withTemplate({ blank: {} }));
  await room.world.settle();
  setPhase(room, 'Failed');
  await room.until('DataVolumeError');
  setPhase(room, 'ImportInProgress', [
    bound,
    { type: 'Running', status: 'False', reason: 'Error' },
  ]);
  await room.world.settle();
  expect(room.vm().status?.printableStatus).toBe('DataVolumeError');
});

const SOURCES: readonly object[] = [
  { pvc: { namespace: 'two', name: 'golden' } },
  { snapshot: { namespace: 'two', name: 'golden' } },
];

test.each(SOURCES)(
  "KubeVirt, data volume templates: clones from elsewhere are asked of the VM's account: %j",
  async (source) => {
    const room = await machineRoom();
    room.write('VirtualMachine', withTemplate(source));
    await room.world.settle();
    expect(room.sim.objects.list('DataVolume')).toEqual([]);
    expect(conditionOf(room.vm(), 'Failure')).toMatchObject({
      status: 'True',
      reason: 'FailedCreate',
      message: expect.stringContaining('system:serviceaccount:one:default') as string,
    });
  },
);

test('KubeVirt, data volume templates: a clone from the same namespace is made', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', withTemplate({ pvc: { namespace: 'one', name: 'disk' } }));
  await room.world.settle();
  expect(room.sim.objects.list('DataVolume')).toHaveLength(1);
  expect(conditionOf(room.vm(), 'Failure')).toBeUndefined();
});

test('KubeVirt, snapshots: a VM tells beforehand which of its volumes they hold', async () => {
  const room = await machineRoom();
  room.sim.objects.create('StorageClass', { metadata: { name: 'slow' }, provisioner: 'other' });
  room.sim.objects.create('PersistentVolumeClaim', {
    ...claim('slow'),
    spec: { storageClassName: 'slow' },
  });
  const volumes = [
    { name: 'rootdisk', persistentVolumeClaim: { claimName: 'disk' } },
    { name: 'data', persistentVolumeClaim: { claimName: 'slow' } },
    { name: 'none', persistentVolumeClaim: { claimName: 'none' } },
    { name: 'cloudinit', cloudInitNoCloud: { userData: '' } },
    { name: 'tools', containerDisk: { image: 'tools' } },
  ];
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Halted' }, { volumes }));
  await room.world.settle();
  expect(room.vm().status?.volumeSnapshotStatuses).toEqual([
    { name: 'rootdisk', enabled: true },
    { name: 'data', enabled: false, reason: expect.stringContaining('[slow] [data]') as string },
    { name: 'none', enabled: false, reason: 'PVC not found' },
    {
      name: 'cloudinit',
      enabled: false,
      reason: 'Snapshot is not supported for this volumeSource type [cloudinit]',
    },
    {
      name: 'tools',
      enabled: false,
      reason: 'Snapshot is not supported for this volumeSource type [tools]',
    },
  ]);
});

test('KubeVirt, snapshots: a snapshot class that comes or goes is seen', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest());
  await room.world.settle();
  const enabled = () => room.vm().status?.volumeSnapshotStatuses?.[0]?.enabled;
  expect(enabled()).toBe(true);
  for (const one of room.sim.objects.list('VolumeSnapshotClass')) room.sim.objects.remove(one);
  await room.world.settle();
  expect(enabled()).toBe(false);
});
