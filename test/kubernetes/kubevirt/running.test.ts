import { expect, test } from 'vitest';
import { seeded } from '../../kit/seeded.ts';
import { conditionOf, holds } from './conditions.ts';
import { claim, machineRoom, pathOf, told, vmManifest } from './machine-room.ts';

const RUN = ['Always', 'Manual', 'RerunOnFailure', 'Once'] as const;

test('KubeVirt, run strategies: a Halted VM has no instance and prints Stopped', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest());
  await room.until('Stopped');
  expect(room.vmi()).toBeUndefined();
  expect(conditionOf(room.vm(), 'Ready')).toMatchObject({
    status: 'False',
    reason: 'VMINotExists',
  });
});

test.each([
  ['Always', true],
  ['RerunOnFailure', true],
  ['Once', true],
  ['Manual', false],
])(
  'KubeVirt, run strategies: a new VM that is %s starts by itself: %s',
  async (runStrategy, is) => {
    const room = await machineRoom();
    room.write('VirtualMachine', vmManifest({ runStrategy }));
    await room.world.advance(60_000);
    expect(room.vmi()?.status?.phase === 'Running').toBe(is);
  },
);

test('KubeVirt, start: phases come in order, with their times', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Starting');
  await room.until('Running');
  const phases = room.vmi()?.status?.phaseTransitionTimestamps?.map(({ phase }) => phase);
  expect(phases).toEqual(['Pending', 'Scheduling', 'Scheduled', 'Running']);
  expect(room.world.elapsed()).toBe(15_500);
});

test('KubeVirt, start: instance and pod have the labels of the template', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Running');
  const pods = room.sim.objects.list('Pod', {
    namespace: 'one',
    labels: { role: 'control-plane' },
  });
  expect(room.vmi()?.metadata.labels).toEqual({ role: 'control-plane' });
  expect(pods.map(({ metadata }) => metadata.name)).toEqual([
    expect.stringMatching(/^virt-launcher-cp-.{5}$/),
  ]);
});

test('KubeVirt, identity: each start has a new instance UID and a new address', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Running');
  const first = room.vmi();
  expect(told(room.call('PUT', pathOf('restart'), { gracePeriodSeconds: 0 }))).toBe('202');
  await room.until('Starting');
  await room.until('Running');
  const second = room.vmi();
  expect(second?.metadata.uid).not.toBe(first?.metadata.uid);
  const addressOf = (vmi: typeof first) => vmi?.status?.interfaces?.[0]?.ipAddress;
  expect(addressOf(first)).toMatch(/^10\./);
  expect(addressOf(second)).toMatch(/^10\./);
  expect(addressOf(second)).not.toBe(addressOf(first));
});

test('KubeVirt, readiness: without a probe it is ready when QEMU starts', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Running');
  expect(holds(room.vmi(), 'Ready')).toBe(true);
});

test('KubeVirt, readiness: a probe is not asked before 10 s and its own delay', async () => {
  const room = await machineRoom();
  room.guests.answersProbes = true;
  const readinessProbe = { tcpSocket: { port: 22 }, initialDelaySeconds: 5 };
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }, { readinessProbe }));
  await room.until('Running');
  const since = room.world.elapsed();
  expect(holds(room.vm(), 'Ready')).toBe(false);
  await room.world.runUntil(() => holds(room.vm(), 'Ready'), { withinMs: 60_000 });
  expect(room.world.elapsed() - since).toBe(15_000);
});

test('KubeVirt, readiness: three failed probes in a row take it back', async () => {
  const room = await machineRoom();
  room.guests.answersProbes = true;
  const readinessProbe = { guestAgentPing: {}, periodSeconds: 5 };
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }, { readinessProbe }));
  await room.until('Running');
  await room.world.runUntil(() => holds(room.vmi(), 'Ready'), { withinMs: 60_000 });
  room.guests.answersProbes = false;
  await room.world.advance(10_000);
  expect(holds(room.vmi(), 'Ready')).toBe(true);
  await room.world.advance(5_000);
  expect(holds(room.vmi(), 'Ready')).toBe(false);
});

test('KubeVirt, agent: AgentConnected is there as soon as the guest says so', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Running');
  expect(conditionOf(room.vmi(), 'AgentConnected')).toBeUndefined();
  room.guests.hasAgent = true;
  room.guests.say('CHANGED');
  await room.world.settle();
  expect(holds(room.vmi(), 'AgentConnected')).toBe(true);
  expect(holds(room.vm(), 'AgentConnected')).toBe(true);
});

test('KubeVirt, run strategies: what shuts down is started again only by Always', async () => {
  const after: Record<string, string> = {};
  for (const runStrategy of RUN) {
    const room = await machineRoom();
    room.write('VirtualMachine', vmManifest({ runStrategy }));
    await room.world.settle();
    if (runStrategy === 'Manual') room.call('PUT', pathOf('start'));
    await room.until('Running');
    room.guests.say('SHUT_DOWN');
    await room.world.advance(60_000);
    after[runStrategy] = `${room.vm().status?.printableStatus} ${room.vmi()?.status?.phase}`;
  }
  expect(after).toEqual({
    Always: 'Running Running',
    Manual: 'Stopped Succeeded',
    RerunOnFailure: 'Stopped undefined',
    Once: 'Stopped Succeeded',
  });
});

test('KubeVirt, run strategies: RerunOnFailure starts again what failed', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'RerunOnFailure' }));
  await room.until('Running');
  const first = room.vmi()?.metadata.uid;
  for (const pod of room.sim.objects.list('Pod')) room.sim.objects.remove(pod);
  await room.until('Starting');
  await room.until('Running');
  expect(room.vmi()?.metadata.uid).not.toBe(first);
});

test('KubeVirt, start: it waits while a claim is missing, and says so', async () => {
  const room = await machineRoom();
  const volumes = [{ name: 'rootdisk', persistentVolumeClaim: { claimName: 'late' } }];
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }, { volumes }));
  await room.until('ErrorPvcNotFound');
  expect(conditionOf(room.vmi(), 'Synchronized')?.reason).toBe('FailedPvcNotFound');
  room.sim.objects.create('PersistentVolumeClaim', claim('late'));
  await room.until('Running');
});

test('KubeVirt, start: a claim that waits for its first consumer gets one', async () => {
  const room = await machineRoom();
  const late = room.sim.objects.create('PersistentVolumeClaim', claim('late', 'Pending'));
  const volumes = [{ name: 'rootdisk', persistentVolumeClaim: { claimName: 'late' } }];
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }, { volumes }));
  await room.until('WaitingForVolumeBinding');
  const [pod] = room.sim.objects.list('Pod');
  expect(pod?.spec).toMatchObject({
    volumes: [{ persistentVolumeClaim: { claimName: 'late' } }],
  });
  room.sim.objects.update(late, (now) => ({ ...now, status: { phase: 'Bound' } }));
  await room.until('Running');
});

test('KubeVirt, start: the pod counts against the quota of its namespace', async () => {
  const room = await machineRoom();
  const quota = room.sim.objects.create('ResourceQuota', {
    metadata: { name: 'session-quota', namespace: 'one' },
    spec: { hard: { pods: '0' } },
  });
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Starting');
  expect(conditionOf(room.vmi(), 'Synchronized')).toMatchObject({
    reason: 'FailedCreate',
    message: expect.stringContaining('exceeded quota: session-quota') as string,
  });
  room.sim.objects.update(quota, (now) => ({ ...now, spec: { hard: { pods: '1' } } }));
  await room.until('Running');
});

test('KubeVirt, start: a missing cloud-init secret keeps the pod from starting', async () => {
  const room = await machineRoom();
  const volumes = [
    { name: 'rootdisk', persistentVolumeClaim: { claimName: 'disk' } },
    { name: 'cloudinit', cloudInitNoCloud: { secretRef: { name: 'cp-cloudinit' } } },
  ];
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }, { volumes }));
  await room.world.advance(60_000);
  expect(room.vmi()?.status?.phase).toBe('Scheduling');
  const userdata = Buffer.from('#cloud-config').toString('base64');
  room.sim.objects.create('Secret', {
    metadata: { name: 'cp-cloudinit', namespace: 'one' },
    data: { userdata },
  });
  await room.until('Running');
  expect([...room.guests.on.values()]).toMatchObject([{ userData: '#cloud-config' }]);
});

test('KubeVirt, capacity: what does not fit is unschedulable until there is room', async () => {
  const room = await machineRoom({ capacity: 1 });
  room.sim.objects.create('PersistentVolumeClaim', claim('other'));
  const other = vmManifest({ runStrategy: 'Always' });
  room.write('VirtualMachine', { ...other, metadata: { name: 'first' } });
  await room.world.advance(1_000);
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('ErrorUnschedulable');
  const first = room.sim.objects.get('VirtualMachine', 'one', 'first');
  if (first !== undefined) room.sim.objects.remove(first);
  await room.until('Running');
});

test('KubeVirt, deletion: a VM goes when its instance is gone, and with it its pod', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Running');
  room.sim.objects.remove(room.vm());
  await room.until('Terminating');
  const gone = () => room.sim.objects.get('VirtualMachine', 'one', 'cp') === undefined;
  await room.world.runUntil(gone, { withinMs: 60_000 });
  expect(room.sim.objects.list('Pod')).toEqual([]);
  expect(room.guests.on.size).toBe(0);
});

test('KubeVirt, instance types: one that is missing shows as a failure of the VM', async () => {
  const room = await machineRoom();
  const instancetype = { name: 'u1.none' };
  const domain = { devices: { disks: [{ name: 'rootdisk' }] } };
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always', instancetype }, { domain }));
  await room.world.settle();
  expect(conditionOf(room.vm(), 'Failure')).toMatchObject({
    status: 'True',
    message: expect.stringContaining('"u1.none" not found') as string,
  });
  room.sim.objects.create('VirtualMachineClusterInstancetype', {
    metadata: { name: 'u1.none' },
    spec: { cpu: { guest: 2 }, memory: { guest: '4Gi' } },
  });
  room.change(room.vm(), (now) => ({ metadata: { ...now.metadata, labels: { look: 'again' } } }));
  await room.until('Running');
  expect(room.vmi()?.spec.domain).toMatchObject({ cpu: { sockets: 2 }, memory: { guest: '4Gi' } });
});

test('KubeVirt, numbers: of a hundred starts half take 15 s, one of twenty 25 s', async () => {
  const chance = seeded(4);
  const room = await machineRoom({ chance: () => chance() });
  const volumes = [{ name: 'rootdisk', containerDisk: { image: 'minimal' } }];
  const manifest = vmManifest({ runStrategy: 'Always' }, { volumes });
  const began = new Map<string, number>();
  const took: number[] = [];
  for (let number = 0; number < 100; number += 1) {
    room.write('VirtualMachine', { ...manifest, metadata: { name: `vm-${number}` } });
    began.set(`vm-${number}`, room.world.elapsed());
    await room.world.advance(100);
  }
  const isRunning = () => {
    for (const { metadata, status } of room.sim.objects.list('VirtualMachineInstance')) {
      const since = began.get(metadata.name);
      if ((status as { phase?: string }).phase !== 'Running' || since === undefined) continue;
      began.delete(metadata.name);
      took.push(room.world.elapsed() - since);
    }
    return began.size === 0;
  };
  await room.world.runUntil(isRunning, { withinMs: 60_000 });
  const [p50 = 0, p95 = 0] = [50, 95].map((at) => took.sort((a, b) => a - b)[at]);
  expect(p50).toBeGreaterThan(12_900);
  expect(p50).toBeLessThan(16_700);
  expect(p95).toBeGreaterThan(19_600);
  expect(p95).toBeLessThan(25_900);
});
