import { isDeepStrictEqual } from 'node:util';
import { ApiError, type Admission, type Cause, type KubeObject } from '../ports.ts';
import type { Depot } from './depot.ts';
import { changesSpec, invalid, referenceCauses, refuseAsBroken, refuseFor } from './refusal.ts';
import type { Machine, MachineSnapshot, Restore } from './shapes.ts';

const WEBHOOK = 'virtualmachinerestore-validator.snapshot.kubevirt.io';

/** Admits a restore as virt-api does. */
export function admitRestore(depot: Depot, admission: Admission): KubeObject {
  const { operation, object } = admission;
  const restore = object as Restore;
  if (changesSpec(admission)) refuseFor([invalid('spec', 'spec in immutable after creation')]);
  if (operation !== 'CREATE') return object;
  if (depot.options.snapshots === false) {
    refuseAsBroken(WEBHOOK, 'Snapshot/Restore feature gate not enabled');
  }
  refuseFor([...causesOf(depot, restore), ...unfinished(depot, restore)]);
  const { minor } = depot.sim.kubevirt;
  if (minor < 9 || restore.spec.targetReadinessPolicy !== undefined) return object;
  // From 1.9 on the schema fills this in.
  return { ...restore, spec: { ...restore.spec, targetReadinessPolicy: 'WaitGracePeriod' } };
}

function causesOf(depot: Depot, restore: Restore): Cause[] {
  const taken = { 'kubevirt.io': ['VirtualMachine'] };
  const unusable = referenceCauses(restore.spec.target, 'spec.target', taken);
  if (unusable.length > 0) return unusable;
  return [
    ...targetCauses(depot, restore),
    ...overrideCauses(restore),
    ...policyCauses(depot, restore),
  ];
}

function targetCauses(depot: Depot, { metadata, spec }: Restore): Cause[] {
  const { namespace } = metadata;
  const snapshot = depot.find('VirtualMachineSnapshot', namespace, spec.virtualMachineSnapshotName);
  const machine = depot.find('VirtualMachine', namespace, spec.target.name);
  const isOld = depot.sim.kubevirt.minor < 5;
  // The snapshot may be missing, and then even the patches are not looked at.
  if (snapshot === undefined) return isOld ? [missing(spec.virtualMachineSnapshotName)] : [];
  const early = isOld ? earlyCauses(depot, snapshot, machine) : [];
  return [...patchCauses(spec.patches ?? []), ...early, ...stateCauses(depot, snapshot, machine)];
}

/** The webhook reads the status of the snapshot, and falls over where there is none. */
function stateCauses(
  depot: Depot,
  snapshot: MachineSnapshot,
  machine: Machine | undefined,
): Cause[] {
  const { status } = snapshot;
  if (status === undefined) {
    const url = 'https://virt-api.kubevirt.svc:443/virtualmachinerestores-validate?timeout=10s';
    const call = `failed calling webhook "${WEBHOOK}": failed to call webhook: Post "${url}": EOF`;
    const message = `Internal error occurred: ${call}`;
    throw new ApiError(500, 'InternalError', message);
  }
  const isSame = machine !== undefined && machine.metadata.uid === status.sourceUID;
  if (isSame || (machine !== undefined && status.sourceUID === undefined)) return [];
  const contentName = status.virtualMachineSnapshotContentName;
  if (contentName === undefined) {
    refuseAsBroken(WEBHOOK, 'snapshot content name is nil in vmSnapshot status');
  }
  const { namespace } = snapshot.metadata;
  const content = depot.find('VirtualMachineSnapshotContent', namespace, contentName);
  if (content === undefined) {
    const what = 'virtualmachinesnapshotcontents.snapshot.kubevirt.io';
    refuseAsBroken(WEBHOOK, `${what} "${contentName}" not found`);
  }
  if (!hasBackendStorage(content.spec.source.virtualMachine)) return [];
  const why =
    'Restore to a different VM is not supported when snapshotted VM has backend storage ' +
    '(persistent TPM or EFI)';
  return [invalid('spec', why)];
}

/** Whether a machine keeps a TPM or EFI variables beside its disks. */
export function hasBackendStorage({ spec }: Pick<Machine, 'spec'>): boolean {
  const { domain } = spec.template.spec;
  if (domain?.devices?.tpm?.persistent === true) return true;
  const bootloader = domain?.firmware?.['bootloader'] as { efi?: { persistent?: boolean } };
  return bootloader?.efi?.persistent === true;
}

/** The validator splits at every comma and colon, whatever they belong to. */
export function patchCauses(patches: readonly string[]): Cause[] {
  const pairs = patches.flatMap((patch) => patch.replace(/^[{}]+|[{}]+$/g, '').split(','));
  return pairs.flatMap((pair) => {
    const [key = '', value = '', ...more] = pair.split(':');
    if (more.length > 0 || !pair.includes(':')) {
      const why = 'patch format is not valid - one ":" expected in a single key-value json patch';
      return [invalid('spec.patches', `${why}: ${pair}`)];
    }
    const path = value.trim();
    const isOpen = ['spec', 'metadata/labels', 'metadata/annotations'].some((place) =>
      path.startsWith(`"/${place}/`),
    );
    if (key.trim() !== '"path"' || isOpen) return [];
    return [
      invalid('spec.patches', `patching is valid only for elements under /spec/ only: ${pair}`),
    ];
  });
}

function overrideCauses({ spec }: Restore): Cause[] {
  const overrides = spec.volumeRestoreOverrides ?? [];
  const required = (field: string, message: string): Cause => ({
    reason: 'FieldValueRequired',
    message,
    field,
  });
  return overrides.flatMap(({ volumeName, restoreName, labels, annotations }, index) => {
    const field = `spec.volumeRestoreOverrides[${index}]`;
    const isNamed = (volumeName ?? '') !== '';
    const isEmpty = (restoreName ?? '') === '' && labels === undefined && annotations === undefined;
    return [
      ...(isNamed ? [] : [required(`${field}.volumeName`, 'must provide a volume name')]),
      ...(isEmpty ? [required(field, 'must provide at least one overriden field')] : []),
    ];
  });
}

function policyCauses(depot: Depot, { spec }: Restore): Cause[] {
  const { volumeRestorePolicy: volumes, volumeOwnershipPolicy: ownership } = spec;
  const known = ['InPlace', 'RandomizeNames'];
  if (depot.sim.kubevirt.minor >= 8) known.push('PrefixTargetName');
  const causes: Cause[] = [];
  if (volumes !== undefined && !known.includes(volumes)) {
    const why = `volume restore policy "${volumes}" doesn't exist`;
    causes.push(invalid('spec.volumeRestorePolicy', why));
  }
  if (ownership !== undefined && ownership !== 'Vm' && ownership !== 'None') {
    const why = `volume ownership policy "${ownership}" doesn't exist`;
    causes.push(invalid('spec.volumeOwnershipPolicy', why));
  }
  return causes;
}

/** One restore of a target at a time; one that failed counts as long as it is there. */
function unfinished(depot: Depot, restore: Restore): Cause[] {
  return depot
    .all('VirtualMachineRestore', restore.metadata.namespace)
    .filter(
      ({ spec, status }) =>
        isDeepStrictEqual(spec.target, restore.spec.target) && status?.complete !== true,
    )
    .map(({ metadata }) =>
      invalid('spec.target', `VirtualMachineRestore "${metadata.name}" in progress`),
    );
}

/** What releases before 1.5 asked at once, and later ones leave to the controller. */
function earlyCauses(
  depot: Depot,
  { metadata, status }: MachineSnapshot,
  machine: Machine | undefined,
): Cause[] {
  const field = 'spec.virtualMachineSnapshotName';
  const name = `VirtualMachineSnapshot "${metadata.name}"`;
  const causes: Cause[] = [];
  if (status?.phase === 'Failed') {
    causes.push(invalid(field, `${name} has failed and is invalid to use`));
  } else if (status?.readyToUse !== true) {
    causes.push(invalid(field, `${name} is not ready to use`));
  }
  const { namespace, name: target } = machine?.metadata ?? {};
  if (depot.find('VirtualMachineInstance', namespace, target) !== undefined) {
    causes.push(invalid('spec.target', `VirtualMachine "${target}" is not stopped`));
  }
  return causes;
}

function missing(snapshot: string): Cause {
  const why = `VirtualMachineSnapshot "${snapshot}" does not exist`;
  return invalid('spec.virtualMachineSnapshotName', why);
}
