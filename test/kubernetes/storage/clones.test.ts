import { expect, test } from 'vitest';
import { boundClaim, filesOf, openStage, putMachine, takeSnapshot, type Stage } from './stage.ts';

const KIND = 'VirtualMachineClone';
const MACHINE = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine' };
const SNAPSHOT = { apiGroup: 'snapshot.kubevirt.io', kind: 'VirtualMachineSnapshot' };
const phaseOf = (stage: Stage) => stage.the(KIND, 'c').status?.phase;

function askClone(stage: Stage, source: object, more: object = {}): void {
  const target = { ...MACHINE, name: 'copy' };
  stage.send(KIND, { metadata: { name: 'c' }, spec: { source, target, ...more } });
}

async function machine(stage: Stage): Promise<void> {
  await boundClaim(stage, 'root', 'original');
  putMachine(stage, 'vm', { rootdisk: 'root' });
}

async function phasesOf(stage: Stage): Promise<string[]> {
  const seen: string[] = [];
  await stage.until(() => {
    const phase = phaseOf(stage);
    if (phase !== undefined && seen.at(-1) !== phase) seen.push(phase);
    return phase === 'Succeeded';
  });
  return seen;
}

test('clone: of a machine is a snapshot and a restore; the copy is Halted', async () => {
  const stage = openStage();
  await machine(stage);
  askClone(stage, { ...MACHINE, name: 'vm' });
  expect(await phasesOf(stage)).toEqual([
    'SnapshotInProgress',
    'RestoreInProgress',
    'CreatingTargetVM',
    'Succeeded',
  ]);
  const copy = stage.the('VirtualMachine', 'copy');
  expect(copy.spec.runStrategy).toBe('Halted');
  const claim = copy.spec.template.spec.volumes?.[0]?.persistentVolumeClaim?.claimName ?? '';
  expect(filesOf(stage, claim).get('/state')).toBe('original');
  await stage.world.advance(10_000);
  expect(stage.all('VirtualMachineSnapshot')).toEqual([]);
  expect(stage.all('VirtualMachineRestore')).toEqual([]);
  expect(stage.the(KIND, 'c').status).not.toHaveProperty('snapshotName');
});

test('clone: of a snapshot takes no other, and leaves it', async () => {
  const stage = openStage();
  await machine(stage);
  await takeSnapshot(stage, 's', 'vm');
  askClone(stage, { ...SNAPSHOT, name: 's' });
  await phasesOf(stage);
  await stage.world.advance(10_000);
  expect(stage.all('VirtualMachineSnapshot').map(({ metadata }) => metadata.name)).toEqual(['s']);
});

test('clone: goes when its target goes', async () => {
  const stage = openStage();
  await machine(stage);
  askClone(stage, { ...MACHINE, name: 'vm' });
  await phasesOf(stage);
  stage.drop('VirtualMachine', 'copy');
  await stage.until(() => stage.get(KIND, 'c') === undefined);
});

test('clone: of a source that is missing has no phase, and waits', async () => {
  const stage = openStage();
  askClone(stage, { ...MACHINE, name: 'vm' });
  await stage.world.advance(600_000);
  expect(phaseOf(stage)).toBeUndefined();
  expect(stage.eventsOf('c')).toContain('SourceDoesNotExist');
  await machine(stage);
  await phasesOf(stage);
});

test('clone: fails where a volume is not in the snapshot', async () => {
  const stage = openStage();
  await machine(stage);
  stage.mishaps.add({ name: 'excluded-disk', object: 's' });
  await takeSnapshot(stage, 's', 'vm');
  askClone(stage, { ...SNAPSHOT, name: 's' });
  await stage.until(() => phaseOf(stage) === 'Failed');
});

test('clone: a restore that failed counts as done, and the target never comes', async () => {
  const stage = openStage();
  await machine(stage);
  stage.mishaps.add({ name: 'restore-fails' });
  askClone(stage, { ...MACHINE, name: 'vm' });
  await stage.world.advance(3_600_000);
  expect(phaseOf(stage)).toBe('CreatingTargetVM');
});

test('clone: an address with colons is admitted, and its restore is refused for ever', async () => {
  const stage = openStage();
  await machine(stage);
  askClone(
    stage,
    { ...MACHINE, name: 'vm' },
    { newMacAddresses: { default: '02:00:00:00:00:01' } },
  );
  await stage.world.advance(3_600_000);
  expect(phaseOf(stage)).toBe('RestoreInProgress');
  expect(stage.eventsOf('c')).toContain('RestoreCreationFailed');
});

test('clone: without a target gets a name; filters take labels away', async () => {
  const stage = openStage();
  await machine(stage);
  stage.send(KIND, {
    metadata: { name: 'c' },
    spec: { source: { ...MACHINE, name: 'vm' }, labelFilters: ['!role'] },
  });
  const { target } = stage.the(KIND, 'c').spec;
  expect(target?.name).toMatch(/^clone-vm-.{5}$/);
  await phasesOf(stage);
  expect(stage.the('VirtualMachine', target?.name ?? '').metadata.labels ?? {}).toEqual({});
});

test('clone: what admission refuses, and what the release does not know', () => {
  const stage = openStage();
  const source = { ...MACHINE, name: 'vm' };
  expect(() => askClone(stage, { kind: 'VirtualMachine', name: 'vm' })).toThrow('missing apiGroup');
  expect(() => askClone(stage, { ...MACHINE, name: 'copy' })).toThrow('must be different');
  expect(() => askClone(stage, source, { newMacAddresses: { a: 'x' } })).toThrow('MAC');
  expect(() => askClone(stage, source, { labelFilters: ['a*b'] })).toThrow('filter');
  expect(() => askClone(openStage(5), source, { patches: [] })).toThrow('unknown field');
  expect(() => askClone(openStage(7), source, { volumeNamePolicy: 'RandomizeNames' })).toThrow(
    'unknown field',
  );
});
