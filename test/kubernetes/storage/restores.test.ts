import { expect, test } from 'vitest';
import {
  askRestore,
  boundClaim,
  filesOf,
  HOME,
  openStage,
  putInstance,
  putMachine,
  reasonOf,
  restored,
  takeSnapshot,
  type Stage,
} from './stage.ts';

const KIND = 'VirtualMachineRestore';
const OF = { machine: 'vm', snapshot: 's' };
const diskOf = (stage: Stage, machine = 'vm') =>
  stage.the('VirtualMachine', machine).spec.template.spec.volumes?.[0];
const claimOf = (stage: Stage, machine?: string) =>
  diskOf(stage, machine)?.persistentVolumeClaim?.claimName ?? '';

async function golden(minor = 9): Promise<Stage> {
  const stage = openStage(minor);
  await boundClaim(stage, 'root', 'golden');
  putMachine(stage, 'vm', { rootdisk: 'root' });
  await takeSnapshot(stage, 's', 'vm');
  filesOf(stage, 'root').set('/state', 'used');
  return stage;
}

test('restore: onto its source brings files back on a new claim, the old one stays', async () => {
  const stage = await golden();
  await restored(stage, 'r', OF);
  const { uid } = stage.the(KIND, 'r').metadata;
  expect(claimOf(stage)).toBe(`restore-${uid}-rootdisk`);
  expect(filesOf(stage, claimOf(stage)).get('/state')).toBe('golden');
  expect(filesOf(stage, 'root').get('/state')).toBe('used');
  const machine = stage.the('VirtualMachine', 'vm');
  expect(machine.spec.runStrategy).toBe('RerunOnFailure');
  expect(machine.status?.restoreInProgress).toBeUndefined();
  expect(machine.metadata.annotations?.['restore.kubevirt.io/lastRestoreUID']).toBe(`r-${uid}`);
  const claim = stage.the('PersistentVolumeClaim', claimOf(stage));
  expect(claim.metadata.annotations?.['restore.kubevirt.io/name']).toBe('r');
  expect(claim.metadata.labels?.['restore.kubevirt.io/source-vm-name']).toBe('vm');
  expect(claim.metadata.ownerReferences?.[0]?.uid).toBe(machine.metadata.uid);
});

test('restore: tells its steps in order, and locks its target meanwhile', async () => {
  const stage = await golden();
  askRestore(stage, 'r', OF);
  const seen: string[] = [];
  await stage.until(() => {
    const reason = reasonOf(stage.the(KIND, 'r'), 'Progressing');
    if (reason !== undefined && seen.at(-1) !== reason) seen.push(reason);
    const isLocked = stage.the('VirtualMachine', 'vm').status?.restoreInProgress === 'r';
    if (reason === 'Creating new PVCs') expect(isLocked).toBe(true);
    return stage.the(KIND, 'r').status?.complete === true;
  });
  await stage.world.settle();
  expect(seen.filter((reason) => reason !== 'Initializing VirtualMachineRestore')).toEqual([
    'Creating new PVCs',
    'Operation complete',
  ]);
  expect(reasonOf(stage.the(KIND, 'r'), 'Ready')).toBe('Operation complete');
});

test('restore: in place keeps the name, and the old disk goes first', async () => {
  const stage = await golden();
  const before = stage.the('PersistentVolumeClaim', 'root').metadata.uid;
  askRestore(stage, 'r', OF, { volumeRestorePolicy: 'InPlace' });
  await stage.until(() => stage.get('PersistentVolumeClaim', 'root')?.metadata.uid !== before);
  await stage.until(() => stage.the(KIND, 'r').status?.complete === true);
  expect(claimOf(stage)).toBe('root');
  expect(filesOf(stage, 'root').get('/state')).toBe('golden');
  expect(stage.all('PersistentVolumeClaim')).toHaveLength(1);
});

test('restore: with PrefixTargetName calls the claim after its target', async () => {
  const stage = await golden();
  await restored(stage, 'r', OF, { volumeRestorePolicy: 'PrefixTargetName' });
  expect(claimOf(stage)).toBe('vm-rootdisk');
});

test('restore: policies are known from their release on, and refused strictly before', async () => {
  const strict = async (minor: number, more: object) => {
    const stage = await golden(minor);
    return () => askRestore(stage, 'r', OF, more);
  };
  const unknown = 'unknown field';
  expect(await strict(5, { volumeRestorePolicy: 'InPlace' })).toThrow(unknown);
  expect(await strict(4, { targetReadinessPolicy: 'StopTarget' })).toThrow(unknown);
  expect(await strict(6, { volumeOwnershipPolicy: 'Vm' })).toThrow(unknown);
  expect(await strict(7, { volumeRestorePolicy: 'PrefixTargetName' })).toThrow("doesn't exist");
  expect(await strict(9, { volumeOwnershipPolicy: 'Who' })).toThrow("doesn't exist");
});

test('restore: a policy unknown to the release is dropped for a lenient client', async () => {
  const stage = await golden(5);
  const target = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: 'vm' };
  const spec = { target, virtualMachineSnapshotName: 's', volumeRestorePolicy: 'InPlace' };
  stage.send(KIND, { metadata: { name: 'r' }, spec }, false);
  await stage.until(() => stage.the(KIND, 'r').status?.complete === true);
  expect(claimOf(stage)).toMatch(/^restore-/);
});

test('restore: to a new name makes a Halted machine, changed by patches', async () => {
  const stage = await golden();
  const patches = ['{"op": "add", "path": "/metadata/labels/role", "value": "copy"}'];
  await restored(stage, 'r', { machine: 'new', snapshot: 's' }, { patches });
  const machine = stage.the('VirtualMachine', 'new');
  expect(machine.spec.runStrategy).toBe('Halted');
  expect(machine.metadata.labels).toEqual({ role: 'copy' });
  expect(filesOf(stage, claimOf(stage, 'new')).get('/state')).toBe('golden');
});

test('restore: a new machine owns its restore, and takes it along', async () => {
  const stage = await golden();
  await restored(stage, 'r', OF);
  const [owner] = stage.the(KIND, 'r').metadata.ownerReferences ?? [];
  expect(owner?.uid).toBe(stage.the('VirtualMachine', 'vm').metadata.uid);
  stage.drop('VirtualMachine', 'vm');
  await stage.until(() => stage.get(KIND, 'r') === undefined);
});

test('restore: to a machine that is not the source never ends, and never fails', async () => {
  const stage = await golden();
  await boundClaim(stage, 'other');
  putMachine(stage, 'two', { rootdisk: 'other' });
  askRestore(stage, 'r', { machine: 'two', snapshot: 's' });
  await stage.world.advance(3_600_000);
  const restore = stage.the(KIND, 'r');
  expect(reasonOf(restore, 'Progressing')).toContain('restore target already exists');
  expect(restore.status?.complete).toBe(false);
  expect(reasonOf(restore, 'Failure')).toBeUndefined();
  expect(stage.eventsOf('r')).toContain('VirtualMachineRestoreError');
});

test('restore: a machine made again under the same name is another machine', async () => {
  const stage = await golden();
  stage.drop('VirtualMachine', 'vm');
  await stage.world.settle();
  await restored(stage, 'r', OF);
  stage.drop(KIND, 'r');
  await stage.until(() => stage.get(KIND, 'r') === undefined);
  askRestore(stage, 'again', OF);
  await stage.world.advance(60_000);
  const reason = reasonOf(stage.the(KIND, 'again'), 'Ready');
  expect(reason).toContain('restore target already exists');
});

test('restore: one at a time per target, and a failed one counts until it is deleted', async () => {
  const stage = await golden();
  putInstance(stage, 'vm');
  askRestore(stage, 'r', OF, { targetReadinessPolicy: 'FailImmediate' });
  await stage.until(() => reasonOf(stage.the(KIND, 'r'), 'Failure') !== undefined);
  expect(() => askRestore(stage, 'two', OF)).toThrow(
    expect.objectContaining({
      code: 422,
      message: 'The request is invalid: spec.target: VirtualMachineRestore "r" in progress',
    }),
  );
  stage.drop(KIND, 'r');
  await stage.until(() => stage.get(KIND, 'r') === undefined);
  askRestore(stage, 'two', OF);
});

test('restore: of a snapshot without a status breaks the webhook: 500', async () => {
  const stage = openStage();
  const source = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: 'vm' };
  stage.send('VirtualMachineSnapshot', { metadata: { name: 's' }, spec: { source } });
  expect(() => askRestore(stage, 'r', OF)).toThrow(
    expect.objectContaining({ code: 500, message: expect.stringContaining('EOF') as string }),
  );
});

test('restore: readiness policies decide what a running target means', async () => {
  const stage = await golden();
  const stop = putInstance(stage, 'vm');
  askRestore(stage, 'grace', OF);
  await stage.world.advance(290_000);
  expect(reasonOf(stage.the(KIND, 'grace'), 'Ready')).toBe('Waiting for target to be ready');
  await stage.until(() => reasonOf(stage.the(KIND, 'grace'), 'Failure') !== undefined, 20_000);
  expect(reasonOf(stage.the(KIND, 'grace'), 'Failure')).toContain('within 5m0s');
  stage.drop(KIND, 'grace');
  await stage.until(() => stage.get(KIND, 'grace') === undefined);
  askRestore(stage, 'ever', OF, { targetReadinessPolicy: 'WaitEventually' });
  await stage.world.advance(3_600_000);
  stop();
  await stage.until(() => stage.the(KIND, 'ever').status?.complete === true);
});

test('restore: StopTarget stops the machine; Always ends as Halted', async () => {
  const stage = await golden();
  putInstance(stage, 'vm');
  askRestore(stage, 'r', OF, { targetReadinessPolicy: 'StopTarget' });
  await stage.world.advance(1000);
  const asked = stage.the('VirtualMachine', 'vm').status?.['stateChangeRequests'];
  expect(asked).toMatchObject([{ action: 'Stop' }]);
  const always = await golden();
  const machine = always.the('VirtualMachine', 'vm');
  const spec = { ...machine.spec, runStrategy: 'Always' };
  always.sim.objects.update(machine, (now) => ({ ...now, spec }));
  putInstance(always, 'vm');
  askRestore(always, 'r', OF, { targetReadinessPolicy: 'StopTarget' });
  await always.world.advance(1000);
  expect(always.the('VirtualMachine', 'vm').spec.runStrategy).toBe('Halted');
});

test('restore: of a missing snapshot waits for ever, also in another namespace', async () => {
  const stage = await golden();
  askRestore(stage, 'r', { machine: 'vm', snapshot: 'none' });
  await stage.world.advance(3_600_000);
  const reason = reasonOf(stage.the(KIND, 'r'), 'Progressing');
  expect(reason).toBe(`VMSnapshot ${HOME}/none does not exist`);
});

test('restore: deleted while it runs, it lets go of its target', async () => {
  const stage = await golden();
  stage.mishaps.add({ name: 'restore-hangs', object: 'r' });
  askRestore(stage, 'r', OF);
  await stage.world.advance(3_600_000);
  expect(reasonOf(stage.the(KIND, 'r'), 'Progressing')).toBe('Creating new PVCs');
  expect(stage.the('VirtualMachine', 'vm').status?.restoreInProgress).toBe('r');
  stage.drop(KIND, 'r');
  await stage.until(() => stage.get(KIND, 'r') === undefined);
  expect(stage.the('VirtualMachine', 'vm').status?.restoreInProgress).toBeUndefined();
});

test('restore: mishaps end it by a Failure, or leave an error in its reason', async () => {
  const stage = await golden();
  stage.mishaps.add({ name: 'restore-fails', object: 'r' });
  askRestore(stage, 'r', OF);
  await stage.until(() => reasonOf(stage.the(KIND, 'r'), 'Failure') !== undefined);
  stage.drop(KIND, 'r');
  await stage.until(() => stage.get(KIND, 'r') === undefined);
  stage.mishaps.add({ name: 'restore-error-reason', object: 'e' });
  askRestore(stage, 'e', OF);
  await stage.world.advance(3_600_000);
  expect(stage.the(KIND, 'e').status?.complete).toBe(false);
  expect(reasonOf(stage.the(KIND, 'e'), 'Ready')).toContain('does not answer');
});

test('restore: a patch whose value holds a colon or a comma is refused', async () => {
  const stage = await golden();
  const mac = '/spec/template/spec/domain/devices/interfaces/0/macAddress';
  const sends = (path: string, value: string) => () => {
    const patches = [`{"op": "add", "path": "${path}", "value": "${value}"}`];
    askRestore(stage, 'r', { machine: 'new', snapshot: 's' }, { patches });
  };
  expect(sends(mac, '02:00:00:00:00:01')).toThrow('one ":" expected');
  expect(sends(mac, 'a,b')).toThrow('one ":" expected');
  expect(sends('/metadata/name', 'x')).toThrow('patching is valid only');
  sends(mac, '02-00-00-00-00-01')();
  await stage.until(() => stage.the(KIND, 'r').status?.complete === true);
  const { domain } = stage.the('VirtualMachine', 'new').spec.template.spec;
  expect(domain?.devices?.interfaces?.[0]?.['macAddress']).toBe('02-00-00-00-00-01');
});

test('restore: to another machine is refused where the source has a persistent TPM', async () => {
  const stage = await golden();
  const [content] = stage.all('VirtualMachineSnapshotContent');
  if (content === undefined) throw new Error('there is no content');
  const text = JSON.stringify(content.spec).replace(
    '"devices":{',
    '"devices":{"tpm":{"persistent":true},',
  );
  stage.sim.objects.update(content, (now) => ({ ...now, spec: JSON.parse(text) as unknown }));
  const other = { machine: 'new', snapshot: 's' };
  expect(() => askRestore(stage, 'r', other)).toThrow('backend storage');
});

test('restore: overrides name and mark the claim', async () => {
  const stage = await golden();
  const override = { volumeName: 'rootdisk', restoreName: 'chosen', labels: { a: 'b' } };
  await restored(stage, 'r', OF, { volumeRestoreOverrides: [override] });
  expect(claimOf(stage)).toBe('chosen');
  expect(stage.the('PersistentVolumeClaim', 'chosen').metadata.labels?.['a']).toBe('b');
});

test('restore: before 1.5 a missing snapshot or a running target is refused', async () => {
  const stage = await golden(4);
  const missing = { machine: 'vm', snapshot: 'none' };
  expect(() => askRestore(stage, 'r', missing)).toThrow('does not exist');
  putInstance(stage, 'vm');
  expect(() => askRestore(stage, 'r', OF)).toThrow('is not stopped');
});
