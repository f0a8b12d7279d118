import type { Admission, Kind, KubeObject, Schema } from '../ports.ts';
import { type Fields, fieldsOf, textOf, without } from './fields.ts';
import { invalid } from './refusals.ts';

const ANY: Schema = { type: 'any' };
const TEXTS: Schema = { type: 'map', values: { type: 'string' } };

/** The kinds of Kubernetes itself that are served. */
export const CORE_KINDS: readonly Kind[] = [
  core('Namespace', 'namespaces', ['ns'], { namespaced: false, admit: admitNamespace }),
  core('Secret', 'secrets', [], {
    admit: admitSecret,
    fields: {
      data: TEXTS,
      stringData: TEXTS,
      type: { type: 'string' },
      immutable: { type: 'boolean' },
    },
  }),
  core('ConfigMap', 'configmaps', ['cm'], {
    fields: { data: TEXTS, binaryData: TEXTS, immutable: { type: 'boolean' } },
  }),
  core('Service', 'services', ['svc'], { admit: admitService() }),
  core('Event', 'events', ['ev'], { any: true }),
  core('ResourceQuota', 'resourcequotas', ['quota']),
  core('ServiceAccount', 'serviceaccounts', ['sa'], { any: true }),
  core('Pod', 'pods', ['po']),
  core('Node', 'nodes', ['no'], { namespaced: false }),
  {
    ...core('CustomResourceDefinition', 'customresourcedefinitions', ['crd', 'crds'], {
      namespaced: false,
    }),
    group: 'apiextensions.k8s.io',
  },
];

interface CoreOptions {
  readonly namespaced?: boolean;
  readonly admit?: Kind['admit'];
  /** The fields besides `spec`; those who have some have no spec. */
  readonly fields?: Readonly<Record<string, Schema>>;
  /** Whether it may have any fields. */
  readonly any?: boolean;
}

function core(
  kind: string,
  plural: string,
  shortNames: readonly string[],
  { namespaced = true, admit, fields, any = false }: CoreOptions = {},
): Kind {
  const hasSpec = fields === undefined && !any;
  return {
    group: '',
    versions: ['v1'],
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames,
    namespaced,
    hasStatus: hasSpec,
    schema: any ? ANY : { type: 'object', fields: fields ?? { spec: ANY } },
    ...(admit && { admit }),
  };
}

/** A namespace goes only when its contents are gone, which its own finalizer says. */
function admitNamespace({ operation, object }: Admission): KubeObject {
  if (operation !== 'CREATE') return object;
  const { metadata } = object;
  const labels = { 'kubernetes.io/metadata.name': metadata.name, ...metadata.labels };
  return {
    ...object,
    metadata: { ...metadata, labels },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  };
}

/** Plain text becomes data; what cannot be changed stays. */
function admitSecret({ operation, object, before }: Admission): KubeObject {
  if (operation === 'DELETE') return object;
  const { data, stringData, type } = object;
  const plain = Object.entries(fieldsOf(stringData)).map(([name, text]) => [
    name,
    Buffer.from(textOf(text) ?? '').toString('base64'),
  ]);
  const all: Fields = { ...fieldsOf(data), ...(Object.fromEntries(plain) as Fields) };
  const bad = Object.entries(all).find(([, text]) => !isBase64(textOf(text) ?? ''));
  if (bad !== undefined) {
    const message = 'Invalid value: illegal base64 data';
    const cause = { reason: 'FieldValueInvalid', message, field: `data.${bad[0]}` };
    throw invalid(CORE_KINDS[1] as Kind, object.metadata.name, [cause]);
  }
  const kept = before?.['immutable'] === true ? before : undefined;
  return {
    ...(without(object, 'stringData') as KubeObject),
    data: kept?.['data'] ?? all,
    type: type ?? before?.['type'] ?? 'Opaque',
  };
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/\n]*={0,2}$/.test(text);
}

/** Gives services an address of the cluster, unless they want none. */
function admitService(): (write: Admission) => KubeObject {
  let given = 10;
  return ({ operation, object, before }) => {
    if (operation === 'DELETE') return object;
    const spec = fieldsOf(object.spec);
    const had = fieldsOf(before?.spec)['clusterIP'];
    if (had === undefined && spec['clusterIP'] === undefined) given += 1;
    const clusterIP = spec['clusterIP'] ?? had ?? `10.96.${given >> 8}.${given & 255}`;
    const defaults = { type: 'ClusterIP', sessionAffinity: 'None', clusterIPs: [clusterIP] };
    return { ...object, spec: { ...defaults, ...spec, clusterIP }, status: { loadBalancer: {} } };
  };
}
