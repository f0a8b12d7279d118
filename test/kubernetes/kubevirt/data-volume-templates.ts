import { ApiError, type NewObject, type Simulated } from '../ports.ts';
import { findClaim, isStartable } from './claims.ts';
import type { DataVolume, DataVolumeTemplate, Failure, Vm } from './shapes.ts';

/** Whether the disks that a VM brings along let it start, or why one cannot be made. */
export type TemplateDisks = { readonly ready: boolean } | { readonly failure: Failure };

/** Makes the DataVolumes of a VM that are not there, each owned by it. */
export function createDataVolumes(sim: Simulated, vm: Vm): TemplateDisks {
  const { namespace = '' } = vm.metadata;
  let ready = true;
  for (const template of vm.spec.dataVolumeTemplates ?? []) {
    const name = template.metadata.name ?? '';
    const found = sim.objects.get('DataVolume', namespace, name) as DataVolume | undefined;
    // A claim of that name serves as well, whoever made it.
    if (found === undefined && findClaim(sim, namespace, name) !== undefined) continue;
    if (found !== undefined) {
      ready &&= isStartable(found);
      continue;
    }
    ready = false;
    const refused = refusal(vm, template) ?? create(sim, vm, template);
    if (refused !== undefined) return { failure: failed(sim, vm, refused) };
  }
  return { ready };
}

/**
 * What clones from elsewhere is allowed to the VM's service account, not to whoever made the VM;
 * that account has no rights in other namespaces here.
 */
function refusal(vm: Vm, { spec }: DataVolumeTemplate): string | undefined {
  const { namespace = '' } = vm.metadata;
  const sources = [spec.source?.['pvc'], spec.source?.['snapshot'], spec.sourceRef];
  const elsewhere = sources
    .map((source) => source?.namespace ?? namespace)
    .find((other) => other !== namespace);
  if (elsewhere === undefined) return undefined;
  const named = vm.spec.template.spec.volumes?.flatMap(({ serviceAccount }) =>
    serviceAccount === undefined ? [] : (serviceAccount.serviceAccountName ?? 'default'),
  );
  const user = `system:serviceaccount:${namespace}:${named?.[0] ?? 'default'}`;
  return `User ${user} has insufficient permissions in clone source namespace ${elsewhere}`;
}

function create(sim: Simulated, vm: Vm, template: DataVolumeTemplate): string | undefined {
  try {
    const made = sim.objects.create('DataVolume', manifest(vm, template));
    const { name } = made.metadata;
    sim.objects.event(vm, 'Normal', 'SuccessfulDataVolumeCreate', `Created DataVolume ${name}`);
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.message;
  }
}

function manifest(vm: Vm, { metadata, spec }: DataVolumeTemplate): NewObject {
  const { name, namespace, uid } = vm.metadata;
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name, uid };
  return {
    metadata: {
      name: metadata.name ?? '',
      ...(namespace !== undefined && { namespace }),
      labels: { ...metadata.labels, 'kubevirt.io/created-by': uid },
      ...(metadata.annotations !== undefined && { annotations: metadata.annotations }),
      ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
    },
    spec,
  };
}

function failed(sim: Simulated, vm: Vm, why: string): Failure {
  const message = `Error encountered while creating DataVolumes: ${why}`;
  const known = vm.status?.conditions?.some((condition) => condition.message === message);
  if (known !== true) sim.objects.event(vm, 'Warning', 'FailedDataVolumeCreate', why);
  return { reason: 'FailedCreate', message };
}
