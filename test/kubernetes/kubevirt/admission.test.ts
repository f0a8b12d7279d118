import { expect, test } from 'vitest';
import { ApiError } from '../ports.ts';
import { holds } from './conditions.ts';
import { machineRoom, vmManifest, type MachineRoom } from './machine-room.ts';

type Over = Readonly<Record<string, unknown>>;

const ROOT = { name: 'rootdisk', persistentVolumeClaim: { claimName: 'disk' } };
const HALTED = { runStrategy: 'Halted' };

function refusal(write: () => unknown): ApiError {
  try {
    write();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

async function refusedVm(spec: Over, machine: Over = {}): Promise<string> {
  const room = await machineRoom();
  const { code, reason, message } = refusal(() =>
    room.write('VirtualMachine', vmManifest(spec, machine)),
  );
  expect([code, reason]).toEqual([422, 'Invalid']);
  return message;
}

const withDevices = (devices: Over, more: Over = {}) => ({
  domain: { devices: { disks: [{ name: 'rootdisk' }], ...devices } },
  ...more,
});

test('KubeVirt, VM admission: exactly one of running and runStrategy', async () => {
  expect(await refusedVm({})).toMatch(/spec\.running: One of Running or RunStrategy/);
  const both = await refusedVm({ running: true, runStrategy: 'Always' });
  expect(both).toBe(
    'The request is invalid: spec.running: Running and RunStrategy are mutually exclusive',
  );
});

test('KubeVirt, VM admission: a strategy that does not exist is refused', async () => {
  expect(await refusedVm({ runStrategy: 'Sometimes' })).toMatch(
    /Invalid RunStrategy \(Sometimes\)/,
  );
});

test('KubeVirt, VM admission: a refusal has a cause for each finding', async () => {
  const room = await machineRoom();
  const { causes, message } = refusal(() =>
    room.write('VirtualMachine', vmManifest({ runStrategy: 'Often' }, { volumes: [] })),
  );
  expect(causes).toMatchObject([
    { reason: 'FieldValueInvalid', field: 'spec.runStrategy' },
    { field: 'spec.template.spec.domain.devices.disks[0].name' },
  ]);
  expect(message).toMatch(/^The request is invalid: spec\.runStrategy: .*, spec\.template/);
});

const MACHINES: readonly (readonly [string, Over, RegExp])[] = [
  [
    'a disk needs a volume of its name',
    { volumes: [] },
    /disks\[0\]\.name: .*Name 'rootdisk' not found\./,
  ],
  [
    'one target type for a disk',
    withDevices({ disks: [{ name: 'rootdisk', disk: {}, lun: {} }] }),
    /can only have a single target type/,
  ],
  [
    'no IDE bus',
    withDevices({ disks: [{ name: 'rootdisk', disk: { bus: 'ide' } }] }),
    /IDE bus is not supported/,
  ],
  [
    'no virtio CD-ROM',
    withDevices({ disks: [{ name: 'rootdisk', cdrom: { bus: 'virtio' } }] }),
    /invalid for CD-ROM/,
  ],
  [
    'a boot order is given once',
    withDevices(
      {
        disks: [
          { name: 'rootdisk', bootOrder: 1 },
          { name: 'other', bootOrder: 1 },
        ],
      },
      { volumes: [ROOT, { name: 'other', emptyDisk: { capacity: '1Gi' } }] },
    ),
    /bootOrder already set/,
  ],
  ['names of volumes are unique', { volumes: [ROOT, ROOT] }, /must not have the same Name/],
  [
    'one source for a volume',
    { volumes: [{ ...ROOT, emptyDisk: { capacity: '1Gi' } }] },
    /exactly one source type/,
  ],
  [
    'inline cloud-init data of at most 2,048 bytes',
    { volumes: [ROOT, { name: 'cloudinit', cloudInitNoCloud: { userData: 'x'.repeat(2049) } }] },
    /exceeds 2048 byte limit/,
  ],
  [
    'cloud-init data that is base64',
    { volumes: [ROOT, { name: 'cloudinit', cloudInitNoCloud: { userDataBase64: '%%' } }] },
    /not a valid base64 value/,
  ],
  [
    'an interface needs a network',
    withDevices({ interfaces: [{ name: 'default', masquerade: {} }] }),
    /interfaces\[0\]\.name 'default' not found/,
  ],
  [
    'a network needs an interface',
    { networks: [{ name: 'default', pod: {} }] },
    /networks\[0\]\.name 'default' not found/,
  ],
  [
    'masquerade only on the pod network',
    withDevices(
      { interfaces: [{ name: 'default', masquerade: {} }] },
      { networks: [{ name: 'default', multus: { networkName: 'net' } }] },
    ),
    /Masquerade interface only implemented with pod network/,
  ],
  [
    'one binding for an interface',
    withDevices(
      { interfaces: [{ name: 'default', masquerade: {}, bridge: {} }] },
      { networks: [{ name: 'default', pod: {} }] },
    ),
    /only one binding/,
  ],
  [
    'at most one pod network',
    withDevices(
      {
        interfaces: [
          { name: 'a', masquerade: {} },
          { name: 'b', masquerade: {} },
        ],
      },
      {
        networks: [
          { name: 'a', pod: {} },
          { name: 'b', pod: {} },
        ],
      },
    ),
    /more than one interface is connected to a pod network/,
  ],
  [
    'at least 1M of memory',
    { domain: { devices: {}, resources: { requests: { memory: '1k' } } } },
    /must be greater than or equal to 1M/,
  ],
  [
    'limits not below requests',
    {
      domain: {
        devices: {},
        resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } },
      },
    },
    /is greater than/,
  ],
];

test.each(MACHINES)('KubeVirt, VM admission: %s', async (_name, machine, found) => {
  expect(await refusedVm(HALTED, machine)).toMatch(found);
});

test('KubeVirt, VM admission: 2,048 bytes inline, no memory, an unused volume pass', async () => {
  const room = await machineRoom();
  const cloudInitNoCloud = { userData: 'x'.repeat(2048) };
  const machine = { domain: { devices: {} }, volumes: [{ name: 'cloudinit', cloudInitNoCloud }] };
  expect(room.write('VirtualMachine', vmManifest(HALTED, machine)).kind).toBe('VirtualMachine');
});

const TEMPLATE = {
  metadata: { name: 'disk' },
  spec: { storage: {}, source: { blank: {} } },
};

const TEMPLATES: readonly (readonly [string, object, RegExp])[] = [
  ['must be referenced', { ...TEMPLATE, metadata: { name: 'other' } }, /must be referenced/],
  ['have a name', { ...TEMPLATE, metadata: {} }, /'name' field must not be empty/],
  [
    'are in the namespace of the VM',
    { ...TEMPLATE, metadata: { name: 'disk', namespace: 'two' } },
    /differs from VM namespace/,
  ],
  ['say pvc or storage', { ...TEMPLATE, spec: { source: {} } }, /Missing Data volume PVC or St/],
  [
    'do not say both',
    { ...TEMPLATE, spec: { ...TEMPLATE.spec, pvc: {} } },
    /Duplicate storage definition/,
  ],
  [
    'have one source',
    { ...TEMPLATE, spec: { storage: {}, source: { blank: {}, upload: {} } } },
    /Source or SourceRef/,
  ],
];

test.each(TEMPLATES)('KubeVirt, VM admission: data volume templates %s', async (_n, one, found) => {
  expect(await refusedVm({ ...HALTED, dataVolumeTemplates: [one] })).toMatch(found);
});

test('KubeVirt, VM admission: who names an instance type does not size the VM', async () => {
  const message = await refusedVm({ ...HALTED, instancetype: { name: 'u1' } });
  expect(message).toMatch(/domain\.memory\.guest conflicts with selected instance type/);
});

test('KubeVirt, VM defaults: architecture, machine type, identity of firmware', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest());
  const { spec } = room.vm().spec.template;
  expect(spec['architecture']).toBe('amd64');
  expect(spec.domain.machine).toEqual({ type: 'q35' });
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  expect(spec.domain.firmware?.uuid).toMatch(uuid);
  expect(spec.domain.firmware?.serial).toMatch(uuid);
  expect(spec.domain.firmware?.uuid).not.toBe(spec.domain.firmware?.serial);
});

async function locked(status: Over, runStrategy: string): Promise<MachineRoom> {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy }));
  await room.world.settle();
  room.sim.objects.update(room.vm(), (now) => ({
    ...now,
    status: { ...(now.status as object), ...status },
  }));
  return room;
}

const change = (room: MachineRoom, spec: Over) => () =>
  room.change(room.vm(), (now) => ({ spec: { ...(now.spec as object), ...spec } }));

test('KubeVirt, during a snapshot: volumes and run state stay, the rest may change', async () => {
  const room = await locked({ snapshotInProgress: 'snap' }, 'Halted');
  const run = refusal(change(room, { runStrategy: 'Always' }));
  expect(run.message).toMatch(/Cannot update vm running state until snapshot "snap" completes/);
  const { template } = room.vm().spec;
  const moved = { ...template, spec: { ...template.spec, volumes: [{ ...ROOT, name: 'other' }] } };
  const disks = { ...moved.spec.domain.devices, disks: [] };
  const bare = { ...moved.spec, domain: { ...moved.spec.domain, devices: disks } };
  const volumes = refusal(change(room, { template: { ...moved, spec: bare } }));
  expect(volumes.message).toMatch(/disks or volumes until snapshot "snap" completes/);
  const grace = { ...template, spec: { ...template.spec, terminationGracePeriodSeconds: 1 } };
  expect(change(room, { template: grace })()).toBeDefined();
});

test('KubeVirt, during a restore: it is not made to run', async () => {
  const room = await locked({ restoreInProgress: 'restore' }, 'Halted');
  const { message, causes } = refusal(change(room, { runStrategy: 'RerunOnFailure' }));
  expect(message).toMatch(/Cannot start VM until restore "restore" completes/);
  expect(causes).toMatchObject([{ reason: 'FieldValueNotSupported', field: 'spec' }]);
});

test('KubeVirt, instance admission: memory is demanded, a volume must be used', async () => {
  const room = await machineRoom();
  const write = (spec: Over) => () =>
    room.write('VirtualMachineInstance', { metadata: { name: 'one' }, spec });
  expect(refusal(write({ domain: { devices: {} } })).message).toMatch(/no memory requested/);
  const domain = { devices: {}, memory: { guest: '1Gi' } };
  const unused = refusal(write({ domain, volumes: [ROOT] }));
  expect(unused.message).toMatch(/volumes\[0\]\.name 'rootdisk' not found/);
  const made = write({ domain })();
  expect(made).toMatchObject({
    metadata: { finalizers: ['foregroundDeleteVirtualMachine'] },
    status: { phase: 'Pending' },
    spec: {
      networks: [{ name: 'default', pod: {} }],
      domain: { cpu: { cores: 1, sockets: 1, threads: 1, maxSockets: 4, model: 'host-model' } },
    },
  });
});

test('KubeVirt, instance admission: its spec and reserved labels are not for clients', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Running');
  const vmi = room.vmi();
  if (vmi === undefined) throw new Error('there is no instance');
  const grace = { ...vmi.spec, terminationGracePeriodSeconds: 0 };
  const spec = refusal(() => room.change(vmi, () => ({ spec: grace })));
  expect([spec.code, spec.message]).toEqual([
    422,
    'The request is invalid: spec: update of VMI object is restricted',
  ]);
  const labels = { ...vmi.metadata.labels, 'kubevirt.io/nodeName': 'node-2' };
  const label = refusal(() =>
    room.change(vmi, ({ metadata }) => ({ metadata: { ...metadata, labels } })),
  );
  expect(label.message).toMatch(/reserved kubevirt\.io\/ label is prohibited/);
});

test('KubeVirt, instance admission: a status that clients write is silently put back', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Running');
  const vmi = room.vmi();
  if (vmi === undefined) throw new Error('there is no instance');
  const written = room.change(vmi, () => ({ status: { phase: 'Failed' } }));
  expect(written?.status).toEqual(vmi.status);
  expect(holds(room.vmi(), 'Ready')).toBe(true);
});

test('KubeVirt, mishap webhook-down: writes of VMs fail with 500', async () => {
  const room = await machineRoom();
  room.mishaps.add({ name: 'webhook-down', object: 'cp' });
  const { code, message } = refusal(() => room.write('VirtualMachine', vmManifest()));
  expect(code).toBe(500);
  expect(message).toMatch(/failed calling webhook "virtualmachine-validator\.kubevirt\.io"/);
  room.write('VirtualMachine', vmManifest());
});
