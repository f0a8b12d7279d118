import type { Admission, Kind, KubeObject, Schema, Simulated } from '../ports.ts';
import { admitVm } from './vm-admission.ts';
import { admitVmi } from './vmi-admission.ts';
import { LABELS, OPEN, TEXT, TRUTH, VMI_SPEC, WHOLE, listOf, record } from './vmi-schema.ts';

const MATCHER = record({
  inferFromVolume: TEXT,
  inferFromVolumeFailurePolicy: TEXT,
  kind: TEXT,
  name: TEXT,
  revisionName: TEXT,
});

const SOURCE_OBJECT = record({ name: TEXT, namespace: TEXT }, ['name', 'namespace']);

const DISK_CLAIM = record({
  accessModes: listOf(TEXT),
  dataSource: OPEN,
  dataSourceRef: OPEN,
  resources: OPEN,
  selector: OPEN,
  storageClassName: TEXT,
  volumeMode: TEXT,
  volumeName: TEXT,
});

const DATA_VOLUME_SPEC = record({
  contentType: { type: 'string', enum: ['kubevirt', 'archive'] },
  preallocation: TRUTH,
  priorityClassName: TEXT,
  pvc: DISK_CLAIM,
  source: record({
    blank: record({}),
    http: record({ certConfigMap: TEXT, secretRef: TEXT, url: TEXT }, ['url']),
    pvc: SOURCE_OBJECT,
    registry: record({
      certConfigMap: TEXT,
      imageStream: TEXT,
      pullMethod: TEXT,
      secretRef: TEXT,
      url: TEXT,
    }),
    snapshot: SOURCE_OBJECT,
    upload: record({}),
  }),
  sourceRef: record({ kind: TEXT, name: TEXT, namespace: TEXT }, ['kind', 'name']),
  storage: DISK_CLAIM,
});

const DATA_VOLUME_TEMPLATE = record(
  { apiVersion: TEXT, kind: TEXT, metadata: OPEN, spec: DATA_VOLUME_SPEC, status: OPEN },
  ['spec'],
);

const VM_SPEC = record(
  {
    dataVolumeTemplates: listOf(DATA_VOLUME_TEMPLATE),
    instancetype: MATCHER,
    preference: MATCHER,
    runStrategy: TEXT,
    running: TRUTH,
    template: record({ metadata: OPEN, spec: VMI_SPEC }),
    updateVolumesStrategy: TEXT,
  },
  ['template'],
);

const CONDITION = record(
  {
    lastProbeTime: OPEN,
    lastTransitionTime: OPEN,
    message: TEXT,
    reason: TEXT,
    status: TEXT,
    type: TEXT,
  },
  ['status', 'type'],
);

const VM_STATUS = record({
  conditions: listOf(CONDITION),
  created: TRUTH,
  desiredGeneration: WHOLE,
  instancetypeRef: OPEN,
  memoryDumpRequest: OPEN,
  observedGeneration: WHOLE,
  preferenceRef: OPEN,
  printableStatus: TEXT,
  ready: TRUTH,
  restoreInProgress: TEXT,
  runStrategy: TEXT,
  snapshotInProgress: TEXT,
  startFailure: record({
    consecutiveFailCount: WHOLE,
    lastFailedVMIUID: TEXT,
    retryAfterTimestamp: TEXT,
  }),
  stateChangeRequests: listOf(record({ action: TEXT, data: LABELS, uid: TEXT }, ['action'])),
  volumeRequests: listOf(OPEN),
  volumeSnapshotStatuses: listOf(
    record({ enabled: TRUTH, name: TEXT, reason: TEXT }, ['enabled', 'name']),
  ),
  volumeUpdateState: OPEN,
});

/** A whole object: what all have, and its own fields. */
function whole(fields: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return record({ apiVersion: TEXT, kind: TEXT, metadata: OPEN, ...fields }, required);
}

/** The kinds of the group `kubevirt.io`, and the instance types that VMs may name. */
export function kubevirtKinds(sim: Simulated): Kind[] {
  return [
    {
      ...names('VirtualMachine', ['vm', 'vms']),
      hasStatus: true,
      schema: whole({ spec: VM_SPEC, status: VM_STATUS }, ['spec']),
      admit: (write: Admission): KubeObject => admitVm(sim, write),
    },
    {
      ...names('VirtualMachineInstance', ['vmi', 'vmis']),
      // There is no status subresource: a client that writes the status writes the object.
      hasStatus: false,
      schema: whole({ spec: VMI_SPEC, status: OPEN }, ['spec']),
      admit: (write: Admission): KubeObject => admitVmi(sim, write),
    },
    {
      ...names('KubeVirt', ['kv', 'kvs']),
      hasStatus: true,
      schema: whole({ spec: OPEN, status: OPEN }),
    },
    ...INSTANCE_TYPES,
  ];
}

function names(kind: string, shortNames: readonly string[]) {
  const group = 'kubevirt.io';
  const versions = ['v1', 'v1alpha3'];
  const singular = kind.toLowerCase();
  return { group, versions, kind, plural: `${singular}s`, singular, shortNames, namespaced: true };
}

const INSTANCE_TYPES: readonly Kind[] = [
  ['VirtualMachineInstancetype', true, ['vminstancetype']] as const,
  ['VirtualMachineClusterInstancetype', false, ['vmcf']] as const,
  ['VirtualMachinePreference', true, ['vmpref']] as const,
  ['VirtualMachineClusterPreference', false, ['vmcp']] as const,
].map(([kind, namespaced, shortNames]) => ({
  ...names(kind, shortNames),
  group: 'instancetype.kubevirt.io',
  versions: ['v1beta1'],
  namespaced,
  hasStatus: false,
  schema: whole({ spec: OPEN }, ['spec']),
}));
