import { isDeepStrictEqual } from 'node:util';
import type { Admission, KubeObject, Simulated } from '../ports.ts';
import { machineCauses } from './machine-rules.ts';
import { refuseInvalid } from './refusals.ts';
import type { Vmi, VmiSpec } from './shapes.ts';
import { pendingStatus } from './vmi-status.ts';
import { callWebhook, isOfKubevirt } from './webhooks.ts';

/** Labels by which KubeVirt finds its own way; nobody else writes them. */
const RESERVED = [
  'kubevirt.io/created-by',
  'kubevirt.io/migrationJobUID',
  'kubevirt.io/nodeName',
  'kubevirt.io/migrationTargetNodeName',
  'kubevirt.io/schedulable',
  'kubevirt.io/install-strategy',
];

/** What KubeVirt's webhooks make of an instance that a client writes. */
export function admitVmi(sim: Simulated, write: Admission): KubeObject {
  if (write.operation === 'DELETE') return write.object;
  callWebhook(sim, 'virtualmachineinstance-validator', write.object);
  const vmi = write.object as Vmi;
  if (write.before === undefined) return admitCreation(sim, vmi);
  if (isOfKubevirt(write)) return vmi;
  const before = write.before as Vmi;
  if (!isDeepStrictEqual(vmi.spec, before.spec)) {
    const message = 'update of VMI object is restricted';
    refuseInvalid([{ reason: 'FieldValueNotSupported', message, field: 'spec' }]);
  }
  refuseReserved(vmi, before);
  // Not refused but put back, as if it had never been written.
  const { status: _status, ...rest } = vmi;
  return before.status === undefined ? rest : { ...rest, status: before.status };
}

function admitCreation(sim: Simulated, vmi: Vmi): Vmi {
  refuseReserved(vmi, undefined);
  const whole = { ...vmi, spec: instanceDefaults(vmi.spec) };
  refuseInvalid(machineCauses(whole.spec, 'spec', 'VMI'));
  const finalizers = [...(vmi.metadata.finalizers ?? []), FOREGROUND];
  const metadata = { ...vmi.metadata, finalizers: [...new Set(finalizers)] };
  return { ...whole, metadata, status: pendingStatus(sim) };
}

/** What holds an instance until its launcher is gone. */
export const FOREGROUND = 'foregroundDeleteVirtualMachine';

/** What an instance is that says nothing of it. */
export function instanceDefaults(spec: VmiSpec): VmiSpec {
  const { domain } = spec;
  const cpu = { cores: 1, sockets: 1, threads: 1, maxSockets: 4, model: 'host-model' };
  const { devices } = domain;
  const isBare = devices.interfaces === undefined && spec.networks === undefined;
  const isOffline = devices.autoattachPodInterface === false;
  const network = isBare && !isOffline;
  return {
    ...spec,
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    domain: {
      ...domain,
      cpu: { ...cpu, ...domain.cpu },
      machine: { type: domain.machine?.type ?? 'q35' },
      devices: network ? { ...devices, interfaces: [{ name: 'default', bridge: {} }] } : devices,
    },
    ...(network && { networks: [{ name: 'default', pod: {} }] }),
  };
}

function refuseReserved(vmi: Vmi, before: Vmi | undefined): void {
  const changed = RESERVED.filter(
    (label) => vmi.metadata.labels?.[label] !== before?.metadata.labels?.[label],
  );
  const field = 'metadata.labels';
  refuseInvalid(
    changed.map((label) => ({
      reason: 'FieldValueNotSupported',
      message: `modification of the following reserved kubevirt.io/ label is prohibited: ${label}`,
      field,
    })),
  );
}
