import { expect, test } from 'vitest';
import {
  boundClaim,
  claimSpec,
  filesOf,
  HOME,
  openStage,
  putInstance,
  putMachine,
} from './stage.ts';

test('claim: gets the default class and is bound after some time', async () => {
  const stage = openStage();
  stage.send('PersistentVolumeClaim', { metadata: { name: 'a' }, spec: claimSpec() });
  expect(stage.the('PersistentVolumeClaim', 'a').status?.phase).toBe('Pending');
  await stage.until(() => stage.the('PersistentVolumeClaim', 'a').status?.phase === 'Bound');
  const claim = stage.the('PersistentVolumeClaim', 'a');
  expect(claim.spec.storageClassName).toBe('standard');
  expect(claim.status?.capacity).toEqual({ storage: '10Gi' });
  expect(stage.sim.disks.exists(claim.metadata.uid)).toBe(true);
});

test('claim: a class that waits for a consumer binds when a machine uses the claim', async () => {
  const stage = openStage();
  const spec = claimSpec('1Gi', 'standard-wffc');
  stage.send('PersistentVolumeClaim', { metadata: { name: 'a' }, spec });
  await stage.world.advance(60_000);
  expect(stage.the('PersistentVolumeClaim', 'a').status?.phase).toBe('Pending');
  putMachine(stage, 'vm', { root: 'a' });
  putInstance(stage, 'vm');
  await stage.until(() => stage.the('PersistentVolumeClaim', 'a').status?.phase === 'Bound');
});

test('claim: one in use stays until nothing uses it, and its contents go with it', async () => {
  const stage = openStage();
  await boundClaim(stage, 'a');
  const { uid } = stage.the('PersistentVolumeClaim', 'a').metadata;
  putMachine(stage, 'vm', { root: 'a' });
  const stop = putInstance(stage, 'vm');
  stage.drop('PersistentVolumeClaim', 'a');
  await stage.world.advance(10_000);
  expect(stage.the('PersistentVolumeClaim', 'a').metadata.deletionTimestamp).toBeDefined();
  stop();
  await stage.until(() => stage.get('PersistentVolumeClaim', 'a') === undefined);
  await stage.world.settle();
  expect(stage.sim.disks.exists(uid)).toBe(false);
});

test('claim: can only grow, and only when it is bound', async () => {
  const stage = openStage();
  await boundClaim(stage, 'a');
  const sized = (storage: string) => ({ spec: { resources: { requests: { storage } } } });
  expect(() => stage.merge('PersistentVolumeClaim', 'a', sized('1Gi'))).toThrow('can not be less');
  stage.merge('PersistentVolumeClaim', 'a', sized('20Gi'));
  await stage.until(
    () => stage.the('PersistentVolumeClaim', 'a').status?.capacity?.storage === '20Gi',
  );
  const other = { spec: { storageClassName: 'local' } };
  expect(() => stage.merge('PersistentVolumeClaim', 'a', other)).toThrow('is immutable');
});

test('claim: a mishap or a class that is not there keeps it Pending, with an event', async () => {
  const stage = openStage();
  stage.mishaps.add({ name: 'claim-pending', namespace: HOME, object: 'a' });
  stage.send('PersistentVolumeClaim', { metadata: { name: 'a' }, spec: claimSpec() });
  stage.send('PersistentVolumeClaim', { metadata: { name: 'b' }, spec: claimSpec('1Gi', 'x') });
  await stage.world.advance(300_000);
  for (const name of ['a', 'b']) {
    expect(stage.the('PersistentVolumeClaim', name).status?.phase).toBe('Pending');
    expect(stage.eventsOf(name)).toContain('ProvisioningFailed');
  }
});

test('claim: must say its size and its access mode', () => {
  const stage = openStage();
  const sends = (spec: object) => () =>
    stage.send('PersistentVolumeClaim', { metadata: { name: 'a' }, spec });
  expect(sends({ ...claimSpec(), accessModes: [] })).toThrow('at least 1 access mode');
  expect(sends({ accessModes: ['ReadWriteOnce'] })).toThrow('spec.resources[storage]');
});

test('volume snapshot: is cut first, ready later, and keeps what the claim held', async () => {
  const stage = openStage();
  await boundClaim(stage, 'a', 'one');
  const source = { persistentVolumeClaimName: 'a' };
  stage.send('VolumeSnapshot', { metadata: { name: 's' }, spec: { source } });
  await stage.until(() => stage.the('VolumeSnapshot', 's').status?.creationTime !== undefined);
  expect(stage.the('VolumeSnapshot', 's').status).toMatchObject({
    readyToUse: false,
    restoreSize: '10Gi',
  });
  filesOf(stage, 'a').set('/state', 'two');
  await stage.until(() => stage.the('VolumeSnapshot', 's').status?.readyToUse === true);
  const dataSource = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's' };
  const spec = { ...claimSpec(), dataSource };
  stage.send('PersistentVolumeClaim', { metadata: { name: 'b' }, spec });
  await stage.until(() => stage.the('PersistentVolumeClaim', 'b').status?.phase === 'Bound');
  expect(filesOf(stage, 'b').get('/state')).toBe('one');
});

test('volume snapshot: exactly one source, which stays', () => {
  const stage = openStage();
  const sends = (source: object) =>
    stage.send('VolumeSnapshot', { metadata: { generateName: 's' }, spec: { source } });
  expect(() => sends({})).toThrow('exactly one of');
  expect(() => sends({ persistentVolumeClaimName: 'a', volumeSnapshotContentName: 'b' })).toThrow(
    'exactly one of',
  );
  const { name } = sends({ persistentVolumeClaimName: 'a' }).metadata;
  const other = { spec: { source: { persistentVolumeClaimName: 'b' } } };
  expect(() => stage.merge('VolumeSnapshot', name, other)).toThrow('is immutable');
});

test('furniture: the golden claim holds the image, and classes have profiles', () => {
  const stage = openStage();
  const files = filesOf(stage, 'new-golden-image-1-33-0', 'vm-templates');
  expect(files.get('/etc/image-name')).toBe('new-golden-image-1-33-0\n');
  const profiles = stage.sim.objects.list('StorageProfile').map(({ metadata }) => metadata.name);
  expect(profiles).toEqual(['local', 'standard', 'standard-wffc']);
  const home = stage.sim.objects.get('Namespace', undefined, 'vm-templates');
  expect(home?.metadata.labels?.['cks.io/snapshots']).toBe('true');
});
