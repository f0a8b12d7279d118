import { expect, test } from 'vitest';
import {
  boundClaim,
  claimSpec,
  filesOf,
  openStage,
  putInstance,
  putMachine,
  restored,
  takeSnapshot,
  type Stage,
} from './stage.ts';

const KIND = 'DataVolume';
const GOLDEN = { namespace: 'vm-templates', name: 'new-golden-image-1-33-0' };
const phaseOf = (stage: Stage, name = 'd') => stage.the(KIND, name).status?.phase;

function send(stage: Stage, spec: object, metadata: object = {}, name = 'd'): void {
  stage.send(KIND, { metadata: { name, ...metadata }, spec: { storage: {}, ...spec } });
}

async function phasesOf(stage: Stage, last = 'Succeeded'): Promise<string[]> {
  const seen: string[] = [];
  await stage.until(() => {
    const phase = phaseOf(stage);
    if (phase !== undefined && seen.at(-1) !== phase) seen.push(phase);
    return phase === last;
  });
  return seen;
}

async function snapshotOf(stage: Stage, claim: string): Promise<void> {
  const source = { persistentVolumeClaimName: claim };
  stage.send('VolumeSnapshot', { metadata: { name: 'snap' }, spec: { source } });
  await stage.until(() => stage.the('VolumeSnapshot', 'snap').status?.readyToUse === true);
}

test('data volume: of a claim elsewhere goes through a snapshot beside it', async () => {
  const stage = openStage();
  send(stage, { source: { pvc: GOLDEN } }, { labels: { pool: 'p' } });
  expect(await phasesOf(stage)).toEqual([
    'CloneScheduled',
    'SnapshotForSmartCloneInProgress',
    'CloneFromSnapshotSourceInProgress',
    'RebindInProgress',
    'Succeeded',
  ]);
  expect(filesOf(stage, 'd').get('/etc/image-name')).toBe('new-golden-image-1-33-0\n');
  const claim = stage.the('PersistentVolumeClaim', 'd');
  expect(claim.metadata.labels?.['pool']).toBe('p');
  expect(claim.metadata.ownerReferences?.[0]?.kind).toBe(KIND);
  expect(claim.metadata.annotations?.['cdi.kubevirt.io/cloneType']).toBe('snapshot');
  expect(claim.status?.capacity?.storage).toBe('10Gi');
  expect(stage.the(KIND, 'd').status).toMatchObject({ progress: '100.0%', claimName: 'd' });
  await stage.world.advance(1000);
  expect(stage.all('PersistentVolumeClaim', 'vm-templates')).toHaveLength(1);
  expect(stage.all('VolumeSnapshot', 'vm-templates')).toHaveLength(0);
});

test('data volume: of a snapshot copies beside it first, where the quota counts it', async () => {
  const stage = openStage();
  await boundClaim(stage, 'a', 'kept');
  await snapshotOf(stage, 'a');
  filesOf(stage, 'a').set('/state', 'later');
  send(stage, { source: { snapshot: { namespace: 'home', name: 'snap' } } });
  await stage.until(() => phaseOf(stage) === 'CloneFromSnapshotSourceInProgress');
  const { uid } = stage.the('PersistentVolumeClaim', 'd').metadata;
  expect(stage.get('PersistentVolumeClaim', `tmp-pvc-${uid}`)).toBeDefined();
  expect(await phasesOf(stage)).not.toContain('PrepClaimInProgress');
  expect(filesOf(stage, 'd').get('/state')).toBe('kept');
});

test('data volume: a larger one is prepared before it is moved', async () => {
  const stage = openStage();
  send(stage, {
    source: { pvc: GOLDEN },
    storage: { resources: { requests: { storage: '20Gi' } } },
  });
  expect(await phasesOf(stage)).toContain('PrepClaimInProgress');
});

test('data volume: through a data source', async () => {
  const stage = openStage();
  stage.send('DataSource', { metadata: { name: 'now' }, spec: { source: { pvc: GOLDEN } } });
  send(stage, { sourceRef: { kind: 'DataSource', name: 'now' } });
  await phasesOf(stage);
  expect(filesOf(stage, 'd').get('/etc/image-name')).toBeDefined();
});

test('data volume: a source that is used is waited for', async () => {
  const stage = openStage();
  await boundClaim(stage, 'a');
  putMachine(stage, 'vm', { root: 'a' });
  const stop = putInstance(stage, 'vm');
  send(stage, { source: { pvc: { namespace: 'home', name: 'a' } } });
  await stage.world.advance(600_000);
  expect(phaseOf(stage)).toBe('CloneScheduled');
  expect(stage.eventsOf('d')).toContain('CloneSourceInUse');
  stop();
  await phasesOf(stage);
});

test('data volume: a source that is missing is waited for', async () => {
  const stage = openStage();
  send(stage, { source: { pvc: { namespace: 'home', name: 'a' } } });
  await stage.world.advance(600_000);
  expect(phaseOf(stage)).toBe('Pending');
  expect(stage.eventsOf('d')).toContain('CloneWithoutSource');
  await boundClaim(stage, 'a');
  await phasesOf(stage);
});

test('data volume: a class that waits gives PendingPopulation until it is used', async () => {
  const stage = openStage();
  send(stage, { source: { pvc: GOLDEN }, storage: { storageClassName: 'standard-wffc' } });
  await stage.world.advance(600_000);
  expect(phaseOf(stage)).toBe('PendingPopulation');
  putMachine(stage, 'vm', { root: 'd' });
  putInstance(stage, 'vm');
  expect(await phasesOf(stage)).toContain('PrepClaimInProgress');
});

test('data volume: a class that waits is told to bind by an annotation', async () => {
  const stage = openStage();
  const annotations = { 'cdi.kubevirt.io/storage.bind.immediate.requested': 'true' };
  const spec = { source: { pvc: GOLDEN }, storage: { storageClassName: 'standard-wffc' } };
  send(stage, spec, { annotations });
  await phasesOf(stage);
});

test.each([
  ['local', 'IncompatibleProvisioners'],
  ['standard', 'NoVolumeSnapshotClass'],
])('data volume: in %s a host copy takes minutes, and says why', async (className, reason) => {
  const stage = openStage();
  if (className === 'standard') stage.mishaps.add({ name: 'host-copy', object: 'd' });
  const begun = stage.world.now();
  send(stage, { source: { pvc: GOLDEN }, storage: { storageClassName: className } });
  await stage.until(() => phaseOf(stage) === 'CloneInProgress');
  await stage.world.advance(60_000);
  expect(stage.the(KIND, 'd').status?.progress).toMatch(/^\d+\.\d%$/);
  const { annotations } = stage.the('PersistentVolumeClaim', 'd').metadata;
  expect(annotations).toMatchObject({
    'cdi.kubevirt.io/cloneType': 'copy',
    'cdi.kubevirt.io/cloneFallbackReason': reason,
  });
  await phasesOf(stage);
  expect(stage.world.now() - begun).toBeGreaterThan(120_000);
});

test('data volume: by csi-clone where the profile says so', async () => {
  const stage = openStage(9, { cloneStrategy: 'csi-clone' });
  send(stage, { source: { pvc: GOLDEN } });
  expect(await phasesOf(stage)).toContain('CSICloneInProgress');
});

test('data volume: a driver that refuses leaves it waiting for ever, never Failed', async () => {
  const stage = openStage();
  stage.mishaps.add({ name: 'clone-hangs', object: 'd' });
  send(stage, { source: { pvc: GOLDEN } });
  await stage.world.advance(3_600_000);
  expect(phaseOf(stage)).toBe('SnapshotForSmartCloneInProgress');
  const running = stage.the(KIND, 'd').status?.conditions?.find(({ type }) => type === 'Running');
  expect(running).toMatchObject({ status: 'False', reason: 'Error' });
  expect(stage.eventsOf('d')).toContain('ProvisioningFailed');
});

test('data volume: imports take minutes with progress, an empty disk seconds', async () => {
  const stage = openStage();
  const storage = { resources: { requests: { storage: '5Gi' } } };
  send(stage, { source: { http: { url: 'http://images/a.qcow2' } }, storage });
  await stage.until(() => phaseOf(stage) === 'ImportInProgress');
  await stage.world.advance(60_000);
  expect(stage.the(KIND, 'd').status?.progress).toMatch(/^\d+\.\d%$/);
  await phasesOf(stage);
  expect(filesOf(stage, 'd').get('/etc/image-name')).toBe('http://images/a.qcow2\n');
  send(stage, { source: { blank: {} }, storage }, {}, 'b');
  await stage.until(() => phaseOf(stage, 'b') === 'Succeeded', 20_000);
  expect(filesOf(stage, 'b').size).toBe(0);
});

test('data volume: an import that fails is started again and again', async () => {
  const stage = openStage();
  stage.mishaps.add({ name: 'import-fails', object: 'd' });
  const storage = { resources: { requests: { storage: '5Gi' } } };
  send(stage, { source: { registry: { url: 'docker://images/a' } }, storage });
  await stage.world.advance(600_000);
  expect(phaseOf(stage)).toBe('ImportInProgress');
  expect(stage.the(KIND, 'd').status?.restartCount).toBeGreaterThan(5);
});

test('data volume: the right to copy from another namespace is asked for', () => {
  const stage = openStage(9, {
    mayClone: ({ from, to }) => from !== 'vm-templates' || to === from,
  });
  expect(() => send(stage, { source: { pvc: GOLDEN } })).toThrow(
    'User tester has insufficient permissions in clone source namespace vm-templates',
  );
  send(stage, { source: { pvc: { namespace: 'home', name: 'a' } } });
});

test('data volume: what admission refuses', async () => {
  const stage = openStage();
  await boundClaim(stage, 'taken');
  const blank = { source: { blank: {} } };
  expect(() => send(stage, { ...blank, pvc: claimSpec() })).toThrow('Duplicate storage definition');
  expect(() => send(stage, blank)).toThrow('Storage size is missing');
  expect(() => send(stage, { source: {} }, {})).toThrow('Storage size is missing');
  const sized = { storage: { resources: { requests: { storage: '1Gi' } } } };
  expect(() => send(stage, { ...sized, source: {} })).toThrow('Missing Data volume source');
  expect(() => send(stage, { ...sized, source: { blank: {}, upload: {} } })).toThrow('Multiple');
  const wrong = { ...sized, sourceRef: { kind: 'Pod', name: 'x' } };
  expect(() => send(stage, wrong)).toThrow('Unsupported sourceRef kind');
  const ref = { ...sized, sourceRef: { kind: 'DataSource', name: 'x' } };
  expect(() => send(stage, ref)).toThrow('not found');
  expect(() => send(stage, { ...sized, ...blank }, {}, 'taken')).toThrow('already exists');
  const two = { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] };
  const pvc = { ...blank, storage: undefined, pvc: { ...claimSpec(), ...two } };
  expect(() => send(stage, pvc)).toThrow('multiple accessModes');
  send(stage, { ...sized, ...blank });
  const other = { spec: { storage: { resources: { requests: { storage: '2Gi' } } } } };
  expect(() => stage.merge(KIND, 'd', other)).toThrow('Cannot update DataVolume Spec');
});

test('data volume: deleted, it takes its claim and its copies along', async () => {
  const stage = openStage();
  send(stage, { source: { pvc: GOLDEN } });
  await stage.until(() => phaseOf(stage) === 'CloneFromSnapshotSourceInProgress');
  stage.drop(KIND, 'd');
  await stage.world.advance(10_000);
  expect(stage.all('PersistentVolumeClaim')).toEqual([]);
  expect(stage.all('PersistentVolumeClaim', 'vm-templates')).toHaveLength(1);
  expect(stage.all('VolumeSnapshot', 'vm-templates')).toEqual([]);
});

// What a restore does to disks that are data volumes.

async function machineOnDataVolume(stage: Stage, isTemplate: boolean): Promise<void> {
  send(stage, { source: { pvc: GOLDEN } });
  await phasesOf(stage);
  const template = { metadata: { name: 'd' }, spec: stage.the(KIND, 'd').spec };
  const volumes = [{ name: 'rootdisk', dataVolume: { name: 'd' } }];
  stage.sim.objects.create('VirtualMachine', {
    metadata: { name: 'vm', namespace: 'home' },
    spec: {
      runStrategy: 'Halted',
      ...(isTemplate ? { dataVolumeTemplates: [template] } : {}),
      template: { spec: { domain: { devices: {} }, volumes } },
    },
    status: {},
  });
  filesOf(stage, 'd').set('/state', 'golden');
  await takeSnapshot(stage, 's', 'vm');
  filesOf(stage, 'd').set('/state', 'used');
}

test('restore: a disk of a template gets a new data volume, the old one goes', async () => {
  const stage = openStage();
  await machineOnDataVolume(stage, true);
  await restored(stage, 'r', { machine: 'vm', snapshot: 's' });
  const { spec } = stage.the('VirtualMachine', 'vm');
  const name = spec.template.spec.volumes?.[0]?.dataVolume?.name ?? '';
  expect(name).toMatch(/^restore-.*-rootdisk$/);
  expect(spec.dataVolumeTemplates?.[0]?.metadata.name).toBe(name);
  expect(stage.the(KIND, name).status?.phase).toBe('Succeeded');
  expect(stage.the(KIND, name).metadata.ownerReferences?.[0]?.kind).toBe('VirtualMachine');
  expect(stage.the('PersistentVolumeClaim', name).metadata.ownerReferences?.[0]?.kind).toBe(KIND);
  expect(filesOf(stage, name).get('/state')).toBe('golden');
  expect(stage.the('VirtualMachineRestore', 'r').status?.deletedDataVolumes).toEqual(['d']);
  await stage.world.advance(1000);
  expect(stage.get(KIND, 'd')).toBeUndefined();
  expect(stage.all('PersistentVolumeClaim')).toHaveLength(1);
});

test('restore: a data volume that is no template becomes a claim and stays', async () => {
  const stage = openStage();
  await machineOnDataVolume(stage, false);
  await restored(stage, 'r', { machine: 'vm', snapshot: 's' });
  const [volume] = stage.the('VirtualMachine', 'vm').spec.template.spec.volumes ?? [];
  expect(volume?.dataVolume).toBeUndefined();
  expect(volume?.persistentVolumeClaim?.claimName).toMatch(/^restore-/);
  await stage.world.advance(60_000);
  expect(stage.the(KIND, 'd').status?.phase).toBe('Succeeded');
  expect(stage.all('PersistentVolumeClaim')).toHaveLength(2);
});

test.each([true, false])(
  'restore: in place a data volume keeps still (template %s)',
  async (isTemplate) => {
    const stage = openStage();
    await machineOnDataVolume(stage, isTemplate);
    await restored(
      stage,
      'r',
      { machine: 'vm', snapshot: 's' },
      { volumeRestorePolicy: 'InPlace' },
    );
    await stage.world.advance(60_000);
    const volume = stage.the(KIND, 'd');
    expect(volume.metadata.annotations?.['cdi.kubevirt.io/storage.prePopulated']).toBe('true');
    expect(volume.status?.phase).toBe('Succeeded');
    expect(filesOf(stage, 'd').get('/state')).toBe('golden');
    expect(stage.the('PersistentVolumeClaim', 'd').metadata.ownerReferences?.[0]?.kind).toBe(KIND);
    expect(stage.all('PersistentVolumeClaim')).toHaveLength(1);
  },
);
