import { isDeepStrictEqual } from 'node:util';
import { annotated, defined, withMeta, withStatus, type Depot } from './depot.ts';
import { applyPatches } from './patches.ts';
import {
  isDoneOn,
  LAST_RESTORE,
  legacyFirmwareUuid,
  markOf,
  POPULATED_FOR,
  PRE_POPULATED,
  RESTORE_NAME,
  restoredName,
} from './restore-names.ts';
import { RestoreError, type Restoring } from './restoring.ts';
import type {
  DataVolumeTemplate,
  Machine,
  MachineSpec,
  MachineVolume,
  Restore,
  VolumeRestore,
} from './shapes.ts';

const DONE = new Set(['Succeeded', 'WaitForFirstConsumer', 'PendingPopulation']);

/** Writes the machine as its snapshot has it; answers whether that is still under way. */
export function reconcileTarget(depot: Depot, restoring: Restoring): boolean {
  const { restore, target } = restoring;
  if (target !== undefined && isDoneOn(restore, target)) return false;
  if (nameDataVolumes(depot, restoring)) return true;
  const machine = restoredMachine(restoring);
  if (reconcileDataVolumes(depot, restoring, machine.spec.dataVolumeTemplates ?? [])) return true;
  if (target === undefined) createMachine(depot, restoring, machine);
  else depot.change(target, (now) => ({ ...marked(restore, now), spec: machine.spec }));
  return true;
}

/** Deletes the data volumes that the machine had before, and whose templates are gone. */
export function deleteObsolete(depot: Depot, { metadata, status }: Restore): void {
  for (const name of status?.deletedDataVolumes ?? []) {
    const volume = depot.find('DataVolume', metadata.namespace, name);
    if (volume !== undefined) depot.sim.objects.remove(volume);
  }
}

/** A volume from a template gets a data volume again, which takes its claim over. */
function nameDataVolumes(depot: Depot, { restore, content }: Restoring): boolean {
  const { spec } = content.spec.source.virtualMachine;
  const restores = restore.status?.restores ?? [];
  const named = restores.map((each) => {
    const volume = spec.template.spec.volumes?.find(({ name }) => name === each.volumeName);
    if (
      volume?.dataVolume === undefined ||
      templateOf(spec, volume.dataVolume.name) === undefined
    ) {
      return each;
    }
    const name = restoredName(restore, each.volumeName, volume.dataVolume.name);
    fillFor(depot, restore, each.persistentVolumeClaim, name);
    return { ...each, dataVolumeName: name };
  });
  if (isDeepStrictEqual(named, restores)) return false;
  depot.change(restore, (now) => withStatus(now, { restores: named }));
  return true;
}

function fillFor(depot: Depot, { metadata }: Restore, claimName: string, volume: string): void {
  const claim = depot.find('PersistentVolumeClaim', metadata.namespace, claimName);
  if (claim === undefined) {
    throw new RestoreError(`pvc ${metadata.namespace}/${claimName} does not exist and should`);
  }
  if (claim.metadata.annotations?.[POPULATED_FOR] === volume) return;
  depot.change(claim, (now) =>
    withMeta(annotated(now, { [POPULATED_FOR]: volume }), { ownerReferences: [] }),
  );
}

function reconcileDataVolumes(
  depot: Depot,
  restoring: Restoring,
  templates: readonly DataVolumeTemplate[],
): boolean {
  const { restore, target } = restoring;
  let isWaiting = false;
  for (const template of templates) {
    const { name } = template.metadata;
    const volume = depot.find('DataVolume', restore.metadata.namespace, name);
    if (volume === undefined) isWaiting = createDataVolume(depot, restore, template) || isWaiting;
    else if (!DONE.has(volume.status?.phase ?? '')) isWaiting = true;
  }
  const kept = new Set(templates.map(({ metadata }) => metadata.name));
  const before = (target?.spec.dataVolumeTemplates ?? []).map(({ metadata }) => metadata.name);
  const gone = before.filter((name) => !kept.has(name));
  if (!isDeepStrictEqual(gone, restore.status?.deletedDataVolumes ?? [])) {
    depot.change(restore, (now) => withStatus(now, { deletedDataVolumes: gone }));
    return true;
  }
  return isWaiting;
}

function createDataVolume(depot: Depot, restore: Restore, template: DataVolumeTemplate): boolean {
  const { namespace = '' } = restore.metadata;
  const { name, labels, annotations } = template.metadata;
  const claim = depot.find('PersistentVolumeClaim', namespace, name);
  if (claim === undefined) {
    throw new RestoreError(
      `when creating restore dv pvc ${namespace}/${name} does not exist and should`,
    );
  }
  const isFree =
    claim.metadata.annotations?.[POPULATED_FOR] === name &&
    (claim.metadata.ownerReferences ?? []).length === 0;
  if (!isFree) return false;
  depot.add('DataVolume', {
    metadata: {
      ...defined({ name, namespace, labels }),
      annotations: {
        ...annotations,
        [RESTORE_NAME]: restore.metadata.name,
        [PRE_POPULATED]: 'true',
      },
    },
    spec: template.spec,
  });
  return true;
}

/** The machine as it will be: of the snapshot, with the restored volumes in it. */
function restoredMachine({ restore, target, content }: Restoring) {
  const source = content.spec.source.virtualMachine;
  const { spec } = source;
  const restores = restore.status?.restores ?? [];
  const volumes = (spec.template.spec.volumes ?? []).filter(
    (each) => each.memoryDump === undefined,
  );
  const written: MachineSpec = {
    ...spec,
    ...templatesOf(spec, restores),
    template: {
      ...spec.template,
      spec: {
        ...spec.template.spec,
        volumes: volumes.map((volume) => restoredVolume(spec, volume, restores)),
      },
    },
  };
  const named =
    restore.spec.target.name === source.metadata.name ? withUuid(written, source) : written;
  return { ...source, spec: target === undefined ? halted(named) : asBefore(named, target) };
}

function templatesOf(spec: MachineSpec, restores: readonly VolumeRestore[]): Partial<MachineSpec> {
  const { dataVolumeTemplates: templates, template } = spec;
  if (templates === undefined) return {};
  return {
    dataVolumeTemplates: templates.map((each) => {
      const volume = template.spec.volumes?.find(
        ({ dataVolume }) => dataVolume?.name === each.metadata.name,
      );
      const restored = restores.find(({ volumeName }) => volumeName === volume?.name);
      const name = restored?.dataVolumeName ?? each.metadata.name;
      return { ...each, metadata: { ...each.metadata, name } };
    }),
  };
}

function restoredVolume(
  spec: MachineSpec,
  volume: MachineVolume,
  restores: readonly VolumeRestore[],
): MachineVolume {
  const restored = restores.find(({ volumeName }) => volumeName === volume.name);
  if (restored === undefined) return volume;
  const { persistentVolumeClaim: claimName, dataVolumeName } = restored;
  const isTemplate =
    volume.dataVolume !== undefined && templateOf(spec, volume.dataVolume.name) !== undefined;
  if (isTemplate && dataVolumeName !== undefined) {
    return { ...volume, dataVolume: { ...volume.dataVolume, name: dataVolumeName } };
  }
  // A data volume that is no template becomes a plain claim.
  return volume.dataVolume === undefined
    ? { ...volume, persistentVolumeClaim: { ...volume.persistentVolumeClaim, claimName } }
    : { name: volume.name, persistentVolumeClaim: { claimName } };
}

function templateOf(spec: MachineSpec, name: string): DataVolumeTemplate | undefined {
  return spec.dataVolumeTemplates?.find(({ metadata }) => metadata.name === name);
}

/** A new machine never starts by itself. */
function halted({ running, ...spec }: MachineSpec): MachineSpec {
  return running === undefined ? { ...spec, runStrategy: 'Halted' } : { ...spec, running: false };
}

/** A machine that was there goes on being run as it was; one that was `running` stays off. */
function asBefore(written: MachineSpec, target: Machine): MachineSpec {
  const { running: _running, runStrategy: _strategy, ...spec } = written;
  if (target.spec.running !== undefined) return { ...spec, running: false };
  return { ...spec, runStrategy: target.spec.runStrategy ?? 'Halted' };
}

function withUuid(spec: MachineSpec, { metadata }: { metadata: { name: string } }): MachineSpec {
  const { domain } = spec.template.spec;
  const uuid = domain?.firmware?.['uuid'];
  if (typeof uuid === 'string' && uuid !== '') return spec;
  const firmware = { ...domain?.firmware, uuid: legacyFirmwareUuid(metadata.name) };
  return {
    ...spec,
    template: {
      ...spec.template,
      spec: { ...spec.template.spec, domain: { ...domain, firmware } },
    },
  };
}

function createMachine(
  depot: Depot,
  { restore }: Restoring,
  machine: ReturnType<typeof restoredMachine>,
): void {
  const { namespace = '' } = restore.metadata;
  const { labels, annotations } = machine.metadata;
  const drafted = {
    metadata: defined({ name: restore.spec.target.name, namespace, labels, annotations }),
    spec: machine.spec,
  };
  const patched = applyPatches(drafted, restore.spec.patches ?? []) as typeof drafted;
  const { firmware } = patched.spec.template.spec.domain ?? {};
  // A machine whose firmware UUID was patched away gets a fresh one at its admission.
  const identified = firmware?.['uuid'] === '' ? withFreshUuid(depot, patched.spec) : patched.spec;
  const spec = withoutBlankMacs(identified);
  depot.add('VirtualMachine', {
    metadata: {
      ...patched.metadata,
      annotations: { ...patched.metadata.annotations, [LAST_RESTORE]: markOf(restore) },
    },
    spec,
  });
}

function withFreshUuid(depot: Depot, spec: MachineSpec): MachineSpec {
  const { domain } = spec.template.spec;
  const firmware = { ...domain?.firmware, uuid: legacyFirmwareUuid(depot.sim.world.newId()) };
  const inner = { ...spec.template.spec, domain: { ...domain, firmware } };
  return { ...spec, template: { ...spec.template, spec: inner } };
}

/** An address that was patched to nothing is as if it had never been given. */
function withoutBlankMacs(spec: MachineSpec): MachineSpec {
  const { domain } = spec.template.spec;
  const interfaces = domain?.devices?.interfaces?.map(({ macAddress, ...rest }) =>
    macAddress === undefined || macAddress === '' ? rest : { macAddress, ...rest },
  );
  if (interfaces === undefined) return spec;
  const inner = { ...domain, devices: { ...domain?.devices, interfaces } };
  const template = { ...spec.template, spec: { ...spec.template.spec, domain: inner } };
  return { ...spec, template };
}

function marked(restore: Restore, machine: Machine): Machine {
  return annotated(machine, { [LAST_RESTORE]: markOf(restore) });
}
