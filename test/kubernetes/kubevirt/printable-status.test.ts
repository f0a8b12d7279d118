import { expect, test } from 'vitest';
import type { KubeObject } from '../ports.ts';
import { claim, machineRoom, vmManifest } from './machine-room.ts';
import { printableStatus } from './printable-status.ts';
import type { Condition, StartFailure, Vm, Vmi, VmiSpec } from './shapes.ts';

interface Case {
  phase: string | undefined;
  isDeleted: boolean;
  isVmDeleted: boolean;
  conditions: Condition[];
  disk: object | undefined;
  claim: string;
  startFailure: StartFailure | undefined;
}

const no = (type: string, reason: string): Condition => ({ type, status: 'False', reason });

/** In the order in which they win; each step takes away what made the one before it win. */
const STEPS: readonly (readonly [string, (of: Case) => void])[] = [
  ['Terminating', (of) => void (of.isVmDeleted = false)],
  ['Stopping', (of) => void (of.isDeleted = false)],
  ['Paused', (of) => void of.conditions.shift()],
  ['Running', (of) => void (of.phase = 'Scheduling')],
  ['ErrorPvcNotFound', (of) => void of.conditions.shift()],
  ['DataVolumeError', (of) => void (of.disk = FILLING)],
  ['ErrorUnschedulable', (of) => void of.conditions.shift()],
  ['Provisioning', (of) => void (of.disk = undefined)],
  ['WaitingForVolumeBinding', (of) => void (of.claim = 'Bound')],
  ['ErrImagePull', (of) => void of.conditions.shift()],
  ['ImagePullBackOff', (of) => void of.conditions.shift()],
  ['Starting', (of) => void (of.phase = undefined)],
  ['CrashLoopBackOff', (of) => void (of.startFailure = undefined)],
  ['Stopped', () => undefined],
];

const FILLING = { phase: 'CloneInProgress', conditions: [{ type: 'Bound', status: 'True' }] };

test('KubeVirt, printable status: the first that holds, in their order', async () => {
  const of: Case = {
    phase: 'Running',
    isDeleted: true,
    isVmDeleted: true,
    // Each is the first of its type until it is taken away.
    conditions: [
      { type: 'Paused', status: 'True' },
      no('Synchronized', 'FailedPvcNotFound'),
      no('PodScheduled', 'Unschedulable'),
      no('Synchronized', 'ErrImagePull'),
      no('Synchronized', 'ImagePullBackOff'),
    ],
    disk: { phase: 'Failed' },
    claim: 'Pending',
    startFailure: { consecutiveFailCount: 1, lastFailedVMIUID: 'uid', retryAfterTimestamp: '' },
  };
  const printed: string[] = [];
  for (const [, step] of STEPS) {
    printed.push(await printedFor(of));
    step(of);
  }
  expect(printed).toEqual(STEPS.map(([name]) => name));
});

async function printedFor(of: Case): Promise<string> {
  const { sim } = await machineRoom();
  const volumes = [
    { name: 'root', dataVolume: { name: 'root' } },
    { name: 'gone', persistentVolumeClaim: { claimName: 'gone' } },
  ];
  sim.objects.create('PersistentVolumeClaim', claim('root', of.claim));
  if (of.disk !== undefined) {
    sim.objects.create('DataVolume', { metadata: { name: 'root', namespace: 'one' } });
    const disk = sim.objects.get('DataVolume', 'one', 'root') as KubeObject;
    sim.objects.update(disk, (now) => ({ ...now, status: of.disk }));
  }
  const spec = vmManifest({ runStrategy: 'Always' }, { volumes })['spec'] as Vm['spec'];
  const end = (is: boolean) => (is ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {});
  const common = { name: 'cp', namespace: 'one', uid: 'uid', resourceVersion: '1' };
  const metadata = { ...common, creationTimestamp: '2026-01-01T00:00:00Z' };
  const vm: Vm = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    spec,
    metadata: { ...metadata, ...end(of.isVmDeleted) },
    status: of.startFailure === undefined ? {} : { startFailure: of.startFailure },
  };
  return printableStatus(sim, vm, instanceFor(of, spec.template.spec, vm, end(of.isDeleted)));
}

function instanceFor(of: Case, spec: VmiSpec, vm: Vm, end: object): Vmi | undefined {
  if (of.phase === undefined) return undefined;
  const { deletionTimestamp: _end, ...metadata } = vm.metadata;
  const { phase, conditions } = of;
  const own = { ...metadata, ...end };
  const kind = 'VirtualMachineInstance';
  return { apiVersion: 'v1', kind, metadata: own, spec, status: { phase, conditions } };
}
