import type { World } from '../../../server/world.ts';
import type { KubeObject } from '../ports.ts';
import { at, type Fields, fieldsOf, listOf } from './fields.ts';

/** A column of what kubectl prints: its title, and where its text comes from. */
type Column = readonly [
  title: string,
  cell: string | ((object: KubeObject, now: number) => unknown),
];

const AGE: Column = ['Age', (object, now) => ago(object.metadata.creationTimestamp, now)];
const STATUS: Column = ['Status', 'status.phase'];
const PHASE: Column = ['Phase', 'status.phase'];
const READY: Column = ['Ready', (object) => condition(object, 'Ready')];

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Namespace: [STATUS, AGE],
  Secret: [['Type', 'type'], ['Data', (object) => size(object['data'])], AGE],
  ConfigMap: [['Data', (object) => size(object['data'])], AGE],
  Service: [
    ['Type', 'spec.type'],
    ['Cluster-IP', 'spec.clusterIP'],
    ['External-IP', () => '<none>'],
    ['Port(s)', (object) => ports(object)],
    AGE,
  ],
  Event: [
    ['Last Seen', (object, now) => ago(object['lastTimestamp'], now)],
    ['Type', 'type'],
    ['Reason', 'reason'],
    ['Object', (object) => involved(object)],
    ['Message', 'message'],
  ],
  Pod: [STATUS, ['IP', 'status.podIP'], ['Node', 'spec.nodeName'], AGE],
  Node: [['Status', (object) => (condition(object, 'Ready') ? 'Ready' : 'NotReady')], AGE],
  CustomResourceDefinition: [['Created At', 'metadata.creationTimestamp']],
  PersistentVolumeClaim: [
    STATUS,
    ['Volume', 'spec.volumeName'],
    ['Capacity', 'status.capacity.storage'],
    ['Access Modes', (object) => listOf(at(object, 'spec.accessModes')).join(',')],
    ['StorageClass', 'spec.storageClassName'],
    AGE,
  ],
  VirtualMachine: [AGE, ['Status', 'status.printableStatus'], READY],
  VirtualMachineInstance: [
    AGE,
    PHASE,
    ['IP', (object) => at(listOf(at(object, 'status.interfaces'))[0], 'ipAddress')],
    ['NodeName', 'status.nodeName'],
    READY,
  ],
  VirtualMachineSnapshot: [
    ['SourceKind', 'spec.source.kind'],
    ['SourceName', 'spec.source.name'],
    PHASE,
    ['ReadyToUse', 'status.readyToUse'],
    ['CreationTime', (object, now) => ago(at(object, 'status.creationTime'), now)],
    ['Error', 'status.error.message'],
  ],
  VirtualMachineRestore: [
    ['TargetKind', 'spec.target.kind'],
    ['TargetName', 'spec.target.name'],
    ['Complete', 'status.complete'],
    ['RestoreTime', (object, now) => ago(at(object, 'status.restoreTime'), now)],
    ['Error', 'status.error.message'],
  ],
  DataVolume: [PHASE, ['Progress', 'status.progress'], ['Restarts', 'status.restartCount'], AGE],
  VolumeSnapshot: [
    ['ReadyToUse', 'status.readyToUse'],
    ['SourcePVC', 'spec.source.persistentVolumeClaimName'],
    ['RestoreSize', 'status.restoreSize'],
    ['SnapshotClass', 'spec.volumeSnapshotClassName'],
    AGE,
  ],
};

/** Whether a client wants to print what it gets, as kubectl does. */
export function wantsTable(accept: string | undefined): boolean {
  return /as=Table;v=v1;|;as=Table\b.*\bv=v1\b|v=v1;.*as=Table/.test(accept ?? '');
}

/** Objects of a kind as the table that kubectl prints. */
export function tableOf(
  kind: string,
  objects: readonly KubeObject[],
  metadata: Fields,
  { world, include }: { readonly world: World; readonly include: string | null },
): Fields {
  const columns = COLUMNS[kind] ?? [AGE];
  const titles = ['Name', ...columns.map(([title]) => title)];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: titles.map((name, index) => ({
      name,
      type: 'string',
      format: index === 0 ? 'name' : '',
      description: '',
      priority: 0,
    })),
    rows: objects.map((object) => ({
      cells: [object.metadata.name, ...columns.map(([, cell]) => text(object, cell, world.now()))],
      object: included(object, include),
    })),
  };
}

function included(object: KubeObject, include: string | null): Fields | undefined {
  if (include === 'None') return undefined;
  if (include === 'Object') return object;
  const { metadata } = object;
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}

function text(object: KubeObject, cell: Column[1], now: number): string {
  const value = typeof cell === 'string' ? at(object, cell) : cell(object, now);
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** How long ago, as kubectl says it. */
function ago(time: unknown, now: number): string {
  if (typeof time !== 'string') return '';
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

function condition(object: KubeObject, type: string): unknown {
  const all = listOf(at(object, 'status.conditions'));
  return at(
    all.find((one) => at(one, 'type') === type),
    'status',
  );
}

function size(data: unknown): number {
  return Object.keys(fieldsOf(data)).length;
}

function ports(service: KubeObject): string {
  const list = listOf(at(service, 'spec.ports')).map(fieldsOf);
  const said = list.map(({ port, protocol = 'TCP' }) => `${String(port)}/${String(protocol)}`);
  return said.join(',') || '<none>';
}

function involved(event: KubeObject): string {
  const { kind, name } = fieldsOf(event['involvedObject']);
  return `${String(kind).toLowerCase()}/${String(name)}`;
}
