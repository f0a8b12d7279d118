import type { Admission, Cause, KubeObject } from '../ports.ts';
import { controllerOf, withMeta, type Depot } from './depot.ts';
import { bytesOf } from './quantity.ts';
import { changesSpec, invalid, notFound, refuseByCdi } from './refusal.ts';
import { POPULATED_FOR } from './restore-names.ts';
import type {
  ClaimSpec,
  DataVolume,
  DataVolumeSource,
  DataVolumeSpec,
  SourceName,
} from './shapes.ts';

const VALIDATE = 'datavolume-validate.cdi.kubevirt.io';
const MUTATE = 'datavolume-mutate.cdi.kubevirt.io';
const MODES = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany'];

/** Admits a DataVolume as CDI does: its rules, and the right to copy from another namespace. */
export function admitDataVolume(depot: Depot, admission: Admission): KubeObject {
  const { operation, object, user } = admission;
  const volume = object as DataVolume;
  const duplicate = (field: string, message: string): Cause => ({
    reason: 'FieldValueDuplicate',
    message,
    field,
  });
  if (changesSpec(admission)) {
    refuseByCdi(VALIDATE, [duplicate('DataVolume.Spec', 'Cannot update DataVolume Spec')]);
  }
  if (operation !== 'CREATE') return object;
  const source = copiedSource(depot, volume);
  if (source !== undefined) refuseStranger(depot, volume, source, user);
  if (isTaken(depot, volume)) {
    const { namespace, name } = volume.metadata;
    const message = `Destination PVC ${namespace}/${name} already exists`;
    refuseByCdi(VALIDATE, [duplicate('DataVolume.Name', message)]);
  }
  refuseByCdi(VALIDATE, specCauses(depot, volume));
  if (source === undefined) return object;
  const annotations = {
    ...volume.metadata.annotations,
    'cdi.kubevirt.io/storage.clone.token': 't',
  };
  return withMeta(volume, { annotations });
}

/** What a DataVolume copies, through its DataSource if it names one; undefined for an import. */
export function copiedSource(
  depot: Depot,
  { metadata, spec }: Pick<DataVolume, 'metadata' | 'spec'>,
): { readonly kind: 'pvc' | 'snapshot'; readonly from: SourceName } | undefined {
  const { namespace = '' } = metadata;
  const { sourceRef } = spec;
  const from =
    sourceRef === undefined
      ? spec.source
      : dataSourceOf(depot, sourceRef.namespace ?? namespace, sourceRef.name ?? '');
  if (from?.pvc !== undefined) return { kind: 'pvc', from: from.pvc };
  return from?.snapshot === undefined ? undefined : { kind: 'snapshot', from: from.snapshot };
}

/** Follows DataSources to the claim or snapshot at their end. */
function dataSourceOf(depot: Depot, namespace: string, name: string): DataVolumeSource | undefined {
  const found = depot.find('DataSource', namespace, name)?.spec.source;
  const { dataSource: next } = found ?? {};
  return next === undefined || next.name === name
    ? found
    : dataSourceOf(depot, next.namespace, next.name);
}

function refuseStranger(
  depot: Depot,
  { metadata }: DataVolume,
  source: { readonly kind: 'pvc' | 'snapshot'; readonly from: SourceName },
  user: string,
): void {
  const { namespace: to = '' } = metadata;
  const { namespace: from } = source.from;
  const mayClone = depot.options.mayClone ?? (() => true);
  if (from === to || mayClone({ user, from, to, kind: source.kind })) return;
  const why = `User ${user} has insufficient permissions in clone source namespace ${from}`;
  refuseByCdi(MUTATE, [invalid('spec.source.PVC.namespace', why)]);
}

/** Whether there is a claim of that name that no DataVolume owns or is meant to. */
function isTaken(depot: Depot, { metadata }: DataVolume): boolean {
  const claim = depot.find('PersistentVolumeClaim', metadata.namespace, metadata.name);
  if (claim === undefined) return false;
  if (claim.metadata.annotations?.[POPULATED_FOR] === metadata.name) return false;
  return controllerOf(claim)?.kind !== 'DataVolume';
}

function specCauses(depot: Depot, volume: DataVolume): Cause[] {
  const { spec } = volume;
  const { pvc, storage, source, sourceRef } = spec;
  if (pvc === undefined && storage === undefined) {
    return [invalid('spec.PVC', 'Missing Data volume PVC')];
  }
  if (pvc !== undefined && storage !== undefined) {
    const why = 'Duplicate storage definition, both target storage and target pvc defined';
    return [invalid('spec.PVC.Storage', why)];
  }
  const causes = [...sizeCauses(spec), ...modeCauses(pvc, storage)];
  if (causes.length > 0) return causes.slice(0, 1);
  const isPopulated = (pvc ?? storage)?.dataSourceRef !== undefined;
  const isFilledElsewhere = isPopulated || (pvc ?? storage)?.dataSource !== undefined;
  if (isFilledElsewhere && source === undefined && sourceRef === undefined) return [];
  if ((source === undefined) === (sourceRef === undefined)) {
    return [invalid('spec.source', 'Data volume should have either Source or SourceRef')];
  }
  return source === undefined ? refCauses(depot, volume) : sourceCauses(source, spec);
}

function sizeCauses(spec: DataVolumeSpec): Cause[] {
  const { pvc, storage, source, sourceRef } = spec;
  const name = pvc === undefined ? 'Storage' : 'PVC';
  const field = `spec.${name}.resources.requests.size`;
  const size = (pvc ?? storage)?.resources?.requests?.storage;
  const isClone =
    sourceRef !== undefined || source?.pvc !== undefined || source?.snapshot !== undefined;
  if (size === undefined) {
    return pvc === undefined && isClone ? [] : [invalid(field, `${name} size is missing`)];
  }
  const bytes = bytesOf(size) ?? 0;
  if (bytes <= 0) return [invalid(field, `${name} size can't be equal or less than zero`)];
  return bytes < 2 ** 20 ? [invalid(field, `${name} size can't be less than 1Mi`)] : [];
}

function modeCauses(pvc: ClaimSpec | undefined, storage: ClaimSpec | undefined): Cause[] {
  const modes = (pvc ?? storage)?.accessModes ?? [];
  const field = 'spec.PVC.accessModes';
  if (pvc !== undefined && modes.length === 0) {
    return [invalid(field, 'Required value: at least 1 access mode is required')];
  }
  if (pvc !== undefined && modes.length > 1) return [invalid(field, 'PVC multiple accessModes')];
  const unknown = modes.find((mode) => !MODES.includes(mode));
  if (unknown === undefined) return [];
  const known = '"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce"';
  return [invalid(field, `Unsupported value: "${unknown}": supported values: ${known}`)];
}

function sourceCauses(source: DataVolumeSource, spec: DataVolumeSpec): Cause[] {
  const kinds = Object.values(source).filter((value) => value !== undefined).length;
  if (kinds === 0) return [invalid('spec.source', 'Missing Data volume source')];
  if (kinds > 1) return [invalid('spec.source', 'Multiple Data volume sources')];
  const isArchive = spec.contentType === 'archive';
  if (source.http !== undefined) return urlCauses(source.http.url);
  if (source.blank !== undefined && isArchive) {
    const why = 'SourceType cannot be blank and the contentType be archive';
    return [invalid('spec.contentType', why)];
  }
  if (source.registry === undefined) return [];
  if (isArchive) {
    const why = 'ContentType must be kubevirt when Source is Registry';
    return [invalid('spec.contentType', why)];
  }
  return registryCauses(source.registry);
}

function urlCauses(url: string): Cause[] {
  const field = 'spec.source.HTTP.url';
  if (url === '') return [invalid(field, 'spec.source source URL is empty')];
  if (!URL.canParse(url)) return [invalid(field, `spec.source Invalid source URL: ${url}`)];
  if (/^https?:$/.test(new URL(url).protocol)) return [];
  return [invalid(field, `spec.source Invalid source URL scheme: ${url}`)];
}

function registryCauses({ url, imageStream }: NonNullable<DataVolumeSource['registry']>): Cause[] {
  if ((url === undefined) === (imageStream === undefined)) {
    const why = 'Source registry should have either URL or ImageStream';
    return [invalid('spec.source.Registry', why)];
  }
  if (url === undefined || /^(docker|oci-archive):/.test(url)) return [];
  return [invalid('spec.source.Registry.URL', `Illegal registry source URL scheme ${url}`)];
}

function refCauses(depot: Depot, { metadata, spec }: DataVolume): Cause[] {
  const { kind = '', name = '', namespace = metadata.namespace ?? '' } = spec.sourceRef ?? {};
  if (kind !== 'DataSource') {
    const why = `Unsupported sourceRef kind ${kind}, currently only DataSource is supported`;
    return [invalid('spec.sourceRef.Kind', why)];
  }
  if (depot.find('DataSource', namespace, name) !== undefined) return [];
  return [notFound('spec.sourceRef', `SourceRef ${kind}/${namespace}/${name} not found`)];
}
