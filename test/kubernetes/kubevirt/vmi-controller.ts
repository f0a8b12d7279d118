import type { Controller, KubeObject, Simulated } from '../ports.ts';
import { claimsState } from './claims.ts';
import { conditionOf } from './conditions.ts';
import { makeLauncher } from './launcher.ts';
import type { Nodes } from './nodes.ts';
import { claimNameOf, keyOf, splitKey, type Vmi } from './shapes.ts';
import { boot } from './vmi-boot.ts';
import { stopMachine } from './vmi-end.ts';
import { lookAtGuest } from './vmi-guest.ts';
import { changeStatus, NO_GUEST, NO_POD, notSynchronized } from './vmi-status.ts';

/** After how long a refused pod is asked for again. */
const AGAIN_MS = 5_000;

/** Runs instances: from their disks and their pod to QEMU, the guest, and their end. */
export function vmiController(sim: Simulated, nodes: Nodes): Controller {
  return {
    name: 'virtualmachineinstance',
    concerns: ({ object, type }) => concerned(sim, nodes, object, type),
    reconcile: (key) => {
      const { namespace, name } = splitKey(key);
      const vmi = sim.objects.get('VirtualMachineInstance', namespace, name) as Vmi | undefined;
      return vmi === undefined ? undefined : lookAt(sim, nodes, vmi);
    },
  };
}

function concerned(sim: Simulated, nodes: Nodes, object: KubeObject, type: string): string[] {
  const { namespace } = object.metadata;
  switch (object.kind) {
    case 'VirtualMachineInstance':
      if (type === 'DELETED') nodes.forget(object.metadata.uid);
      return type === 'DELETED' ? [] : [keyOf(object)];
    case 'Pod': {
      const owner = object.metadata.ownerReferences?.find(
        ({ kind }) => kind === 'VirtualMachineInstance',
      );
      return owner === undefined ? [] : [`${namespace}/${owner.name}`];
    }
    case 'DataVolume':
    case 'PersistentVolumeClaim':
      return instancesOf(sim, namespace)
        .filter(({ spec }) =>
          spec.volumes?.some((one) => claimNameOf(one) === object.metadata.name),
        )
        .map(keyOf);
    case 'Secret':
      return instancesOf(sim, namespace).map(keyOf);
    default:
      return [];
  }
}

function instancesOf(sim: Simulated, namespace: string | undefined): Vmi[] {
  return sim.objects.list('VirtualMachineInstance', { namespace }) as Vmi[];
}

function lookAt(sim: Simulated, nodes: Nodes, vmi: Vmi): number | undefined {
  if (vmi.metadata.deletionTimestamp !== undefined) return stopMachine(sim, nodes, vmi);
  switch (vmi.status?.phase) {
    case 'Scheduling':
    case 'Scheduled':
      return boot(sim, nodes, vmi);
    case 'Running':
      return lookAtGuest(sim, nodes, vmi);
    case 'Succeeded':
    case 'Failed':
      return undefined;
    default:
      return prepare(sim, nodes, vmi);
  }
}

/** Until its disks are there and its pod is made, an instance is Pending. */
function prepare(sim: Simulated, nodes: Nodes, vmi: Vmi): number | undefined {
  const { namespace = '' } = vmi.metadata;
  const claims = claimsState(sim, namespace, vmi.spec);
  if (claims.state === 'MISSING') {
    const message = `PVC ${namespace}/${claims.claim} does not exist, waiting for it to appear`;
    return wait(sim, vmi, 'FailedPvcNotFound', message);
  }
  if (claims.state === 'NOT_FILLED') {
    const reason = 'NotAllDVsReady';
    const message = "Not all of the VMI's DVs are ready";
    const unready = { type: 'DataVolumesReady', status: 'False', reason, message } as const;
    changeStatus(sim, vmi, { phase: 'Pending', set: [NO_POD, unready], drop: ['Synchronized'] });
    return undefined;
  }
  const refused = makeLauncher(sim, vmi);
  if (refused !== undefined) {
    const message = `failed to create virtual machine pod: ${refused}`;
    if (conditionOf(vmi, 'Synchronized')?.reason !== 'FailedCreate') {
      sim.objects.event(vmi, 'Warning', 'FailedCreate', `Error creating pod: ${refused}`);
    }
    wait(sim, vmi, 'FailedCreate', message);
    return AGAIN_MS;
  }
  return claims.state === 'UNBOUND' ? bind(sim, nodes, vmi) : schedule(sim, nodes, vmi);
}

function wait(sim: Simulated, vmi: Vmi, reason: string, message: string): undefined {
  changeStatus(sim, vmi, { phase: 'Pending', set: [NO_POD, notSynchronized(reason, message)] });
}

/** A pod that uses the claims is what binds them. */
function bind(sim: Simulated, nodes: Nodes, vmi: Vmi): undefined {
  nodes.machineOf(vmi);
  const provisioning = { type: 'Provisioning', status: 'True' } as const;
  changeStatus(sim, vmi, { phase: 'Pending', set: [NO_POD, provisioning], drop: SETTLED });
}

const SETTLED = ['Synchronized', 'DataVolumesReady', 'Provisioning'];

function schedule(sim: Simulated, nodes: Nodes, vmi: Vmi): number | undefined {
  const ready = { type: 'DataVolumesReady', status: 'True', reason: 'AllDVsReady' } as const;
  const hasDisks = (vmi.spec.volumes ?? []).some(({ dataVolume }) => dataVolume !== undefined);
  const next = changeStatus(sim, vmi, {
    phase: 'Scheduling',
    set: hasDisks ? [NO_GUEST, ready] : [NO_GUEST],
    drop: hasDisks ? ['Synchronized', 'Provisioning'] : SETTLED,
  });
  return next === undefined ? undefined : boot(sim, nodes, next);
}
