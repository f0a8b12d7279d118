import type { Controller, KubeObject, Simulated } from '../ports.ts';
import { createDataVolumes } from './data-volume-templates.ts';
import { claimNameOf, keyOf, runStrategyOf, splitKey, type Vm, type Vmi } from './shapes.ts';
import { afterRunning, type Outcome, removeInstance, runByStrategy } from './vm-run.ts';
import { writeVmStatus } from './vm-status.ts';

/** What a VM waits for at its deletion: its instance must be gone first. */
const FINALIZER = 'kubevirt.io/virtualMachineControllerFinalize';

/** Keeps for each VM the disks it brings along, the instance it is to have, and its status. */
export function vmController(sim: Simulated): Controller {
  return {
    name: 'virtualmachine',
    concerns: ({ object, type }) => concerned(sim, object, type === 'DELETED'),
    reconcile: (key) => {
      const { namespace, name } = splitKey(key);
      const vm = sim.objects.get('VirtualMachine', namespace, name) as Vm | undefined;
      if (vm === undefined) return undefined;
      return vm.metadata.deletionTimestamp === undefined ? keep(sim, vm) : end(sim, vm);
    },
  };
}

function concerned(sim: Simulated, object: KubeObject, isGone: boolean): string[] {
  const { namespace, name } = object.metadata;
  switch (object.kind) {
    case 'VirtualMachine':
      return isGone ? [] : [keyOf(object)];
    case 'VirtualMachineInstance':
      return [keyOf(object)];
    case 'DataVolume':
    case 'PersistentVolumeClaim':
      return vmsOf(sim, namespace)
        .filter(({ spec }) =>
          spec.template.spec.volumes?.some((volume) => claimNameOf(volume) === name),
        )
        .map(keyOf);
    case 'StorageClass':
    case 'VolumeSnapshotClass':
      return vmsOf(sim, undefined).map(keyOf);
    default:
      return [];
  }
}

function vmsOf(sim: Simulated, namespace: string | undefined): Vm[] {
  return sim.objects.list('VirtualMachine', { namespace }) as Vm[];
}

/** The instance of a VM, as it is now. */
function instanceOf(sim: Simulated, vm: Vm): Vmi | undefined {
  const { namespace, name } = vm.metadata;
  const vmi = sim.objects.get('VirtualMachineInstance', namespace, name) as Vmi | undefined;
  const isOurs = vmi?.metadata.ownerReferences?.some(({ uid }) => uid === vm.metadata.uid);
  return isOurs === true ? vmi : undefined;
}

function keep(sim: Simulated, vm: Vm): number | undefined {
  const held = withFinalizer(sim, vm);
  if (held === undefined) return undefined;
  const vmi = instanceOf(sim, held);
  const outcome = sync(sim, held, vmi);
  const now = sim.objects.get('VirtualMachine', vm.metadata.namespace, vm.metadata.name);
  if (now !== undefined) {
    const state = { vmi, now: instanceOf(sim, held), failure: outcome.failure };
    writeVmStatus(sim, now as Vm, { ...state, run: afterRunning(sim, now as Vm, state, outcome) });
  }
  return outcome.waitMs;
}

function withFinalizer(sim: Simulated, vm: Vm): Vm | undefined {
  const finalizers = vm.metadata.finalizers ?? [];
  if (finalizers.includes(FINALIZER)) return vm;
  return sim.objects.update(vm, (last) => ({
    ...last,
    metadata: { ...last.metadata, finalizers: [...(last.metadata.finalizers ?? []), FINALIZER] },
  })) as Vm | undefined;
}

/** Disks first; while they are filled nothing starts, but what shall stop stops. */
function sync(sim: Simulated, vm: Vm, vmi: Vmi | undefined): Outcome {
  const disks = createDataVolumes(sim, vm);
  if ('failure' in disks) return disks;
  if (!disks.ready && vmi === undefined && runStrategyOf(vm) !== 'Halted') return {};
  return runByStrategy(sim, vm, vmi);
}

function end(sim: Simulated, vm: Vm): undefined {
  const vmi = instanceOf(sim, vm);
  if (vmi !== undefined) {
    removeInstance(sim, vm, vmi);
    const now = instanceOf(sim, vm);
    const run = { runStrategy: vm.status?.runStrategy };
    writeVmStatus(sim, vm, { vmi: now, now, failure: undefined, run });
    return;
  }
  sim.objects.update(vm, (last) => ({
    ...last,
    metadata: {
      ...last.metadata,
      finalizers: (last.metadata.finalizers ?? []).filter((one) => one !== FINALIZER),
    },
  }));
}
