import { expect, test } from 'vitest';
import {
  askSnapshot,
  boundClaim,
  claimSpec,
  openStage,
  putInstance,
  putMachine,
  reasonOf,
  takeSnapshot,
  type Stage,
} from './stage.ts';

const KIND = 'VirtualMachineSnapshot';
const status = (stage: Stage, name: string) => stage.the(KIND, name).status;

async function machineOn(stage: Stage, ...claims: string[]): Promise<void> {
  for (const claim of claims) await boundClaim(stage, claim);
  putMachine(stage, 'vm', Object.fromEntries(claims.map((claim) => [`${claim}-disk`, claim])));
}

test('snapshot: locks its machine, is Succeeded before it can be used, then unlocks', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  askSnapshot(stage, 's', 'vm');
  await stage.until(() => stage.the('VirtualMachine', 'vm').status?.snapshotInProgress === 's');
  expect(stage.the('VirtualMachine', 'vm').metadata.finalizers).toHaveLength(1);
  await stage.until(() => status(stage, 's')?.phase === 'InProgress');
  expect(reasonOf(stage.the(KIND, 's'), 'Progressing')).toBe(
    'Source locked and operation in progress',
  );
  await stage.until(() => status(stage, 's')?.phase === 'Succeeded');
  expect(status(stage, 's')?.readyToUse).toBe(false);
  await stage.until(() => status(stage, 's')?.readyToUse === true);
  expect(status(stage, 's')).toMatchObject({
    sourceUID: stage.the('VirtualMachine', 'vm').metadata.uid,
    snapshotVolumes: { includedVolumes: ['root-disk'], excludedVolumes: ['cloudinit'] },
  });
  expect(status(stage, 's')).not.toHaveProperty('indications');
  const machine = stage.the('VirtualMachine', 'vm');
  expect(machine.status?.snapshotInProgress).toBeUndefined();
  expect(machine.metadata.finalizers).toBeUndefined();
});

test('snapshot: its content keeps the machine, its volumes carry its name', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  await takeSnapshot(stage, 's', 'vm');
  const { uid } = stage.the(KIND, 's').metadata;
  const content = stage.the('VirtualMachineSnapshotContent', `vmsnapshot-content-${uid}`);
  expect(content.spec.source.virtualMachine.spec.template.spec.volumes).toHaveLength(2);
  const [volume] = stage.all('VolumeSnapshot');
  expect(volume?.metadata.name).toBe(`vmsnapshot-${uid}-volume-root-disk`);
  expect(volume?.metadata.labels?.['snapshot.kubevirt.io/source-vm-name']).toBe('vm');
});

test('snapshot: serial per machine, tried again every five seconds', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  askSnapshot(stage, 's', 'vm');
  askSnapshot(stage, 't', 'vm');
  await stage.until(() => stage.the('VirtualMachine', 'vm').status?.snapshotInProgress === 's');
  await stage.world.advance(100);
  expect(reasonOf(stage.the(KIND, 't'), 'Progressing')).toContain('snapshot "s" in progress');
  await stage.until(() => status(stage, 't')?.readyToUse === true);
});

test('snapshot: of a volume without a snapshot class succeeds without it, in silence', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  const spec = claimSpec('1Gi', 'local');
  stage.send('PersistentVolumeClaim', { metadata: { name: 'data' }, spec });
  await stage.until(() => stage.the('PersistentVolumeClaim', 'data').status?.phase === 'Bound');
  putMachine(stage, 'two', { root: 'root', data: 'data' });
  await takeSnapshot(stage, 's', 'two');
  expect(status(stage, 's')?.snapshotVolumes).toEqual({
    includedVolumes: ['root'],
    excludedVolumes: ['data', 'cloudinit'],
  });
  expect(status(stage, 's')?.indications).toEqual(['PartialSnapshot']);
});

test('snapshot: a mishap leaves out a disk in silence', async () => {
  const stage = openStage();
  await machineOn(stage, 'root', 'more');
  stage.mishaps.add({ name: 'excluded-disk', object: 's' });
  await takeSnapshot(stage, 's', 'vm');
  expect(status(stage, 's')?.snapshotVolumes?.includedVolumes).toEqual(['more-disk']);
});

test.each([
  [true, ['GuestAgent', 'Online']],
  [false, ['NoGuestAgent', 'Online']],
])('snapshot: of a running machine says whether the agent helped (%s)', async (agent, said) => {
  const stage = openStage();
  await machineOn(stage, 'root');
  putInstance(stage, 'vm', agent);
  await takeSnapshot(stage, 's', 'vm');
  expect(status(stage, 's')?.indications).toEqual(said);
  expect(status(stage, 's')?.sourceIndications?.map(({ indication }) => indication)).toEqual(said);
});

test.each([
  [9, 'QuiesceTimeout'],
  [6, 'QuiesceFailed'],
])('snapshot: on 1.%i a freeze that runs out of time is indicated as %s', async (minor, said) => {
  const stage = openStage(minor);
  await machineOn(stage, 'root');
  putInstance(stage, 'vm', true);
  stage.mishaps.add({ name: 'quiesce-times-out', object: 's' });
  await takeSnapshot(stage, 's', 'vm');
  expect(status(stage, 's')?.indications).toContain(said);
});

test('snapshot: a freeze that fails is tried until the deadline; then it is Failed', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  putInstance(stage, 'vm', true);
  stage.mishaps.add({ name: 'freeze-fails', object: 's' });
  const begun = stage.world.now();
  askSnapshot(stage, 's', 'vm');
  await stage.until(() => status(stage, 's')?.error !== undefined);
  expect(status(stage, 's')?.phase).toBe('InProgress');
  await stage.until(() => status(stage, 's')?.phase === 'Failed');
  expect(stage.world.now() - begun).toBeGreaterThanOrEqual(299_000);
  expect(reasonOf(stage.the(KIND, 's'), 'Failure')).toBe('snapshot deadline exceeded');
  await stage.world.settle();
  expect(stage.all('VirtualMachineSnapshotContent')).toEqual([]);
  expect(stage.the('VirtualMachine', 'vm').status?.snapshotInProgress).toBeUndefined();
  expect(stage.the('VirtualMachineInstance', 'vm').status?.fsFreezeStatus).toBeUndefined();
});

test('snapshot: of a machine that is not there waits, and fails at its deadline', async () => {
  const stage = openStage();
  askSnapshot(stage, 's', 'vm', { failureDeadline: '1m' });
  await stage.world.advance(30_000);
  expect(reasonOf(stage.the(KIND, 's'), 'Progressing')).toBe('Source does not exist');
  await stage.until(() => status(stage, 's')?.phase === 'Failed', 40_000);
});

test('snapshot: a deadline of 0s is none', async () => {
  const stage = openStage();
  askSnapshot(stage, 's', 'vm', { failureDeadline: '0s' });
  await stage.world.advance(3_600_000);
  expect(status(stage, 's')?.phase).toBe('InProgress');
});

test('snapshot: a claim that is not bound keeps it from locking', async () => {
  const stage = openStage();
  stage.mishaps.add({ name: 'claim-pending', object: 'data' });
  stage.send('PersistentVolumeClaim', { metadata: { name: 'data' }, spec: claimSpec() });
  putMachine(stage, 'vm', { data: 'data' });
  askSnapshot(stage, 's', 'vm');
  await stage.world.advance(20_000);
  expect(reasonOf(stage.the(KIND, 's'), 'Progressing')).toContain('volume not bound: data');
  expect(stage.the('VirtualMachine', 'vm').status?.snapshotInProgress).toBeUndefined();
});

test('snapshot: one that never gets ready stays Succeeded and not ready', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  stage.mishaps.add({ name: 'snapshot-never-ready', object: 's' });
  askSnapshot(stage, 's', 'vm');
  await stage.world.advance(3_600_000);
  expect(status(stage, 's')).toMatchObject({ phase: 'Succeeded', readyToUse: false });
});

test('snapshot: a driver that fails is an error until the deadline', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  stage.mishaps.add({ name: 'snapshot-fails', object: 'vm', times: 0 });
  stage.mishaps.add({ name: 'snapshot-fails', object: 's' });
  askSnapshot(stage, 's', 'vm');
  await stage.until(() => status(stage, 's')?.error !== undefined);
  expect(reasonOf(stage.the(KIND, 's'), 'Progressing')).toBe('In error state');
  await stage.until(() => status(stage, 's')?.phase === 'Failed');
  await stage.world.settle();
  expect(stage.all('VolumeSnapshot')).toEqual([]);
});

test('snapshot: is no longer ready when one of its volume snapshots is lost', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  stage.mishaps.add({ name: 'snapshot-lost', object: 's' });
  await takeSnapshot(stage, 's', 'vm');
  await stage.until(() => status(stage, 's')?.readyToUse === false);
  expect(status(stage, 's')?.phase).toBe('Succeeded');
  expect(status(stage, 's')?.error?.message).toContain('missing');
});

test('snapshot: outlives its machine, and takes content and volume snapshots with it', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  await takeSnapshot(stage, 's', 'vm');
  stage.drop('VirtualMachine', 'vm');
  await stage.world.advance(10_000);
  expect(status(stage, 's')?.readyToUse).toBe(true);
  stage.drop(KIND, 's');
  await stage.world.advance(10_000);
  expect(stage.get(KIND, 's')).toBeUndefined();
  expect(stage.all('VolumeSnapshot')).toEqual([]);
  expect(stage.sim.objects.list('VolumeSnapshotContent')).toEqual([]);
});

test('snapshot: with Retain leaves its content', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  askSnapshot(stage, 's', 'vm', { deletionPolicy: 'Retain' });
  await stage.until(() => status(stage, 's')?.readyToUse === true);
  stage.drop(KIND, 's');
  await stage.world.advance(10_000);
  expect(stage.get(KIND, 's')).toBeUndefined();
  expect(stage.all('VolumeSnapshot')).toHaveLength(1);
});

test('snapshot: deleted while it is taken lets go of its machine', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  askSnapshot(stage, 's', 'vm');
  await stage.until(() => stage.the('VirtualMachine', 'vm').status?.snapshotInProgress === 's');
  stage.drop(KIND, 's');
  await stage.until(() => stage.get(KIND, 's') === undefined);
  expect(stage.the('VirtualMachine', 'vm').status?.snapshotInProgress).toBeUndefined();
  expect(stage.all('VirtualMachineSnapshotContent')).toEqual([]);
});

test('snapshot: a machine with a name of more than 63 characters has none', async () => {
  const stage = openStage();
  const long = 'm'.repeat(64);
  await boundClaim(stage, 'root');
  putMachine(stage, long, { root: 'root' });
  askSnapshot(stage, 's', long);
  await stage.until(() => status(stage, 's')?.phase === 'Failed');
});

test('snapshot: what admission refuses', () => {
  const stage = openStage();
  const sends = (source: object) => () =>
    stage.send(KIND, { metadata: { name: 's' }, spec: { source } });
  expect(sends({ kind: 'VirtualMachine', name: 'vm' })).toThrow(
    'The request is invalid: spec.source.apiGroup: missing apiGroup',
  );
  expect(sends({ apiGroup: 'apps', kind: 'VirtualMachine', name: 'vm' })).toThrow(
    'invalid apiGroup',
  );
  expect(sends({ apiGroup: 'kubevirt.io', kind: 'Pod', name: 'vm' })).toThrow('invalid kind');
  askSnapshot(stage, 's', 'vm');
  const other = { spec: { failureDeadline: '1m' } };
  expect(() => stage.merge(KIND, 's', other)).toThrow('spec in immutable after creation');
});

test('snapshot: refused with 400 where the feature gate is off', () => {
  const stage = openStage(9, { snapshots: false });
  expect(() => askSnapshot(stage, 's', 'vm')).toThrow(
    expect.objectContaining({ code: 400, message: expect.stringContaining('gate') as string }),
  );
});

test('snapshot: before 1.5 the machine must be there', () => {
  expect(() => askSnapshot(openStage(4), 's', 'vm')).toThrow('does not exist');
});

test('snapshot: several classes and no default are an error until the deadline', async () => {
  const stage = openStage();
  await machineOn(stage, 'root');
  const [profile] = stage.sim.objects.list('StorageProfile').filter(isStandard);
  if (profile !== undefined) stage.sim.objects.remove(profile);
  const [known] = stage.sim.objects.list('VolumeSnapshotClass');
  if (known !== undefined) stage.sim.objects.remove(known);
  for (const name of ['one', 'two']) {
    const driver = 'csi.simulator';
    stage.send('VolumeSnapshotClass', { metadata: { name }, driver, deletionPolicy: 'Delete' });
  }
  askSnapshot(stage, 's', 'vm');
  await stage.until(() => status(stage, 's')?.phase === 'Failed');
});

function isStandard({ metadata }: { readonly metadata: { readonly name: string } }): boolean {
  return metadata.name === 'standard';
}
