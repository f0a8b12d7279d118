import { isDeepStrictEqual } from 'node:util';
import type { Admission, Cause, KubeObject, Simulated } from '../ports.ts';
import { dataVolumeTemplateCauses } from './data-volume-rules.ts';
import { refuseInvalid } from './refusals.ts';
import { runStrategyOf, type Vm } from './shapes.ts';
import { machineCauses } from './machine-rules.ts';
import { callWebhook, isOfKubevirt } from './webhooks.ts';

const STRATEGIES = ['Always', 'Halted', 'Manual', 'RerunOnFailure', 'Once'];

/** What KubeVirt's webhooks make of a VM that a client writes: defaults, then refusals. */
export function admitVm(sim: Simulated, write: Admission): KubeObject {
  if (write.operation === 'DELETE') return write.object;
  callWebhook(sim, 'virtualmachine-validator', write.object);
  const vm = write.object as Vm;
  const before = write.before as Vm | undefined;
  // A finalizer must be able to go from a VM whose spec would no longer pass.
  if (before?.metadata.deletionTimestamp !== undefined) return vm;
  const whole = write.operation === 'CREATE' ? withDefaults(sim, vm) : vm;
  refuseInvalid(vmCauses(whole));
  if (before !== undefined && !isOfKubevirt(write)) refuseInvalid(lockCauses(whole, before));
  return whole;
}

/** What is wrong with a VM. */
function vmCauses(vm: Vm): Cause[] {
  return [
    ...strategyCauses(vm),
    ...instancetypeCauses(vm),
    ...machineCauses(vm.spec.template.spec, 'spec.template.spec', 'VM'),
    ...dataVolumeTemplateCauses(vm),
  ];
}

function strategyCauses({ spec }: Vm): Cause[] {
  const { running, runStrategy } = spec;
  if (running !== undefined && runStrategy !== undefined) {
    const message = 'Running and RunStrategy are mutually exclusive';
    return [{ reason: 'FieldValueInvalid', message, field: 'spec.running' }];
  }
  if (running === undefined && runStrategy === undefined) {
    const message = 'One of Running or RunStrategy must be specified';
    return [{ reason: 'FieldValueInvalid', message, field: 'spec.running' }];
  }
  if (runStrategy === undefined || STRATEGIES.includes(runStrategy)) return [];
  const message = `Invalid RunStrategy (${runStrategy})`;
  return [{ reason: 'FieldValueInvalid', message, field: 'spec.runStrategy' }];
}

/** An instance type says how big a machine is; who names one may not say it again. */
function instancetypeCauses({ spec }: Vm): Cause[] {
  const { instancetype, template } = spec;
  if (instancetype === undefined) return [];
  if (instancetype.name === undefined && instancetype.inferFromVolume === undefined) {
    const message = 'Either name or inferFromVolume should be provided within the matcher';
    return [{ reason: 'FieldValueNotFound', message, field: 'spec.instancetype' }];
  }
  const { cpu, memory } = template.spec.domain;
  const clashes = [
    ['cpu', cpu?.cores ?? cpu?.sockets ?? cpu?.threads],
    ['memory.guest', memory?.guest],
  ] as const;
  return clashes
    .filter(([, value]) => value !== undefined)
    .map(([name]) => {
      const field = `spec.template.spec.domain.${name}`;
      const message = `VM field(s) ${field} conflicts with selected instance type`;
      return { reason: 'FieldValueInvalid', message, field };
    });
}

/**
 * A VM that is being snapshotted keeps its volumes and its run state; one that is being restored
 * is not changed into one that runs.
 */
function lockCauses(vm: Vm, before: Vm): Cause[] {
  const { snapshotInProgress, restoreInProgress } = before.status ?? {};
  const isChanged = !isDeepStrictEqual(vm.spec, before.spec);
  const refuse = (message: string): Cause[] => [
    { reason: 'FieldValueNotSupported', message, field: 'spec' },
  ];
  if (restoreInProgress !== undefined && isChanged && runStrategyOf(vm) !== 'Halted') {
    return refuse(`Cannot start VM until restore "${restoreInProgress}" completes`);
  }
  if (snapshotInProgress === undefined || !isChanged) return [];
  const until = `until snapshot "${snapshotInProgress}" completes`;
  const [now, then] = [vm, before].map(({ spec }) => spec.template.spec.volumes ?? []);
  if (!isDeepStrictEqual(now, then)) return refuse(`Cannot update vm disks or volumes ${until}`);
  const isSameRun =
    vm.spec.running === before.spec.running && vm.spec.runStrategy === before.spec.runStrategy;
  return isSameRun ? [] : refuse(`Cannot update vm running state ${until}`);
}

/** What a VM gets that says nothing of it: architecture, machine type, identity of firmware. */
function withDefaults(sim: Simulated, vm: Vm): Vm {
  const { spec } = vm.spec.template;
  const domain = {
    ...spec.domain,
    machine: { type: spec.domain.machine?.type || 'q35' },
    firmware: {
      ...spec.domain.firmware,
      uuid: spec.domain.firmware?.uuid || randomUuid(sim),
      serial: spec.domain.firmware?.serial || randomUuid(sim),
    },
  };
  const machine = { ...spec, architecture: spec['architecture'] ?? 'amd64', domain };
  return { ...vm, spec: { ...vm.spec, template: { ...vm.spec.template, spec: machine } } };
}

function randomUuid(sim: Simulated): string {
  const hex = sim.world.secret(16);
  const variant = '89ab'[Number.parseInt(hex.slice(16, 17), 16) % 4] ?? '8';
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
