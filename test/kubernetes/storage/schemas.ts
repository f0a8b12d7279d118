import type { Schema, Simulated } from '../ports.ts';

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const whole: Schema = { type: 'integer' };
const amount: Schema = { type: 'quantity' };
const anything: Schema = { type: 'any' };
const texts: Schema = { type: 'array', items: text };
const textMap: Schema = { type: 'map', values: text };

type Fields = Readonly<Record<string, Schema>>;

const object = (fields: Fields, required: readonly string[] = []): Schema => ({
  type: 'object',
  fields,
  required,
});
const list = (fields: Fields): Schema => ({ type: 'array', items: object(fields) });
const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });

const error = object({ message: text, time: text });
const conditions = list({
  type: text,
  status: text,
  reason: text,
  message: text,
  lastProbeTime: anything,
  lastTransitionTime: text,
});
const cdiConditions = list({
  type: text,
  status: text,
  reason: text,
  message: text,
  lastHeartbeatTime: text,
  lastTransitionTime: text,
});
const local = object({ apiGroup: text, kind: text, name: text }, ['kind', 'name']);
const typed = { apiGroup: text, kind: text, name: text };
const sourceName = object({ name: text, namespace: text }, ['name', 'namespace']);

const claimFields: Fields = {
  accessModes: texts,
  dataSource: object(typed, ['kind', 'name']),
  dataSourceRef: object({ ...typed, namespace: text }, ['kind', 'name']),
  resources: object({
    requests: { type: 'map', values: amount },
    limits: { type: 'map', values: amount },
  }),
  selector: object({
    matchLabels: textMap,
    matchExpressions: list({ key: text, operator: text, values: texts }),
  }),
  storageClassName: text,
  volumeMode: text,
  volumeName: text,
};

/** What the API server itself and the snapshotter serve. */
export const CORE_SCHEMAS = {
  PersistentVolumeClaim: object({
    spec: object({ ...claimFields, volumeAttributesClassName: text }),
    status: object({
      phase: text,
      accessModes: texts,
      capacity: { type: 'map', values: amount },
      allocatedResources: { type: 'map', values: amount },
      allocatedResourceStatuses: textMap,
      conditions,
    }),
  }),
  StorageClass: object(
    {
      provisioner: text,
      parameters: textMap,
      reclaimPolicy: text,
      volumeBindingMode: text,
      allowVolumeExpansion: flag,
      mountOptions: texts,
      allowedTopologies: anything,
    },
    ['provisioner'],
  ),
  VolumeSnapshot: object(
    {
      spec: object(
        {
          source: object({ persistentVolumeClaimName: text, volumeSnapshotContentName: text }),
          volumeSnapshotClassName: text,
        },
        ['source'],
      ),
      status: object({
        boundVolumeSnapshotContentName: text,
        creationTime: text,
        error,
        readyToUse: flag,
        restoreSize: amount,
        volumeGroupSnapshotName: text,
      }),
    },
    ['spec'],
  ),
  VolumeSnapshotClass: object(
    { driver: text, deletionPolicy: oneOf('Delete', 'Retain'), parameters: textMap },
    ['driver', 'deletionPolicy'],
  ),
  VolumeSnapshotContent: object(
    {
      spec: object(
        {
          deletionPolicy: oneOf('Delete', 'Retain'),
          driver: text,
          source: object({ snapshotHandle: text, volumeHandle: text }),
          sourceVolumeMode: text,
          volumeSnapshotClassName: text,
          volumeSnapshotRef: object({
            apiVersion: text,
            fieldPath: text,
            kind: text,
            name: text,
            namespace: text,
            resourceVersion: text,
            uid: text,
          }),
        },
        ['deletionPolicy', 'driver', 'source', 'volumeSnapshotRef'],
      ),
      status: object({
        creationTime: whole,
        error,
        readyToUse: flag,
        restoreSize: whole,
        snapshotHandle: text,
        volumeGroupSnapshotHandle: text,
      }),
    },
    ['spec'],
  ),
} satisfies Record<string, Schema>;

/** What KubeVirt serves of a snapshot, as far as this release knows the fields. */
export function snapshotSchema({ minor }: Simulated['kubevirt']): Schema {
  const said = list({ indication: text, message: text });
  return object(
    {
      spec: object({ source: local, deletionPolicy: text, failureDeadline: text }, ['source']),
      status: object({
        conditions,
        creationTime: text,
        error,
        indications: texts,
        phase: text,
        readyToUse: flag,
        snapshotVolumes: object({ includedVolumes: texts, excludedVolumes: texts }),
        sourceUID: text,
        virtualMachineSnapshotContentName: text,
        ...(minor >= 7 ? { sourceIndications: said } : {}),
      }),
    },
    ['spec'],
  );
}

/** The content of a snapshot: the machine and its claims as they were. */
export const CONTENT_SCHEMA = object(
  {
    spec: object(
      {
        source: object({
          virtualMachine: object({ metadata: anything, spec: anything, status: anything }),
        }),
        virtualMachineSnapshotName: text,
        volumeBackups: list({
          persistentVolumeClaim: object({ metadata: anything, spec: object(claimFields) }),
          volumeName: text,
          volumeSnapshotName: text,
        }),
      },
      ['source'],
    ),
    status: object({
      creationTime: text,
      error,
      readyToUse: flag,
      volumeSnapshotStatus: list({
        creationTime: text,
        error,
        readyToUse: flag,
        volumeSnapshotName: text,
      }),
    }),
  },
  ['spec'],
);

/** What KubeVirt serves of a restore: policies came one by one with its releases. */
export function restoreSchema({ minor }: Simulated['kubevirt']): Schema {
  const overrides = list({
    volumeName: text,
    restoreName: text,
    labels: textMap,
    annotations: textMap,
  });
  const readiness =
    minor >= 9 ? oneOf('StopTarget', 'WaitGracePeriod', 'FailImmediate', 'WaitEventually') : text;
  return object(
    {
      spec: object(
        {
          target: local,
          virtualMachineSnapshotName: text,
          patches: texts,
          ...(minor >= 5 ? { targetReadinessPolicy: readiness } : {}),
          ...(minor >= 6 ? { volumeRestorePolicy: text, volumeRestoreOverrides: overrides } : {}),
          ...(minor >= 7 ? { volumeOwnershipPolicy: text } : {}),
        },
        ['target', 'virtualMachineSnapshotName'],
      ),
      status: object({
        complete: flag,
        conditions,
        deletedDataVolumes: texts,
        restoreTime: text,
        restores: list({
          dataVolumeName: text,
          persistentVolumeClaim: text,
          volumeName: text,
          volumeSnapshotName: text,
        }),
      }),
    },
    ['spec'],
  );
}

/** What KubeVirt serves of a clone. */
export function cloneSchema({ minor }: Simulated['kubevirt']): Schema {
  return object(
    {
      spec: object(
        {
          source: local,
          target: local,
          annotationFilters: texts,
          labelFilters: texts,
          template: object({ annotationFilters: texts, labelFilters: texts }),
          newMacAddresses: textMap,
          newSMBiosSerial: text,
          ...(minor >= 6 ? { patches: texts } : {}),
          ...(minor >= 8 ? { volumeNamePolicy: oneOf('RandomizeNames', 'PrefixTargetName') } : {}),
        },
        ['source'],
      ),
      status: object({
        conditions,
        creationTime: text,
        phase: text,
        restoreName: text,
        snapshotName: text,
        targetName: text,
      }),
    },
    ['spec'],
  );
}

const remote = { secretRef: text, certConfigMap: text };

/** What a DataVolume may say; also inside a machine's templates. */
const DATA_VOLUME_SPEC = object({
  checkpoints: list({ current: text, previous: text }),
  contentType: oneOf('kubevirt', 'archive'),
  finalCheckpoint: flag,
  preallocation: flag,
  priorityClassName: text,
  serviceAccountName: text,
  pvc: object({ ...claimFields, volumeAttributesClassName: text }),
  storage: object(claimFields),
  sourceRef: object({ kind: text, name: text, namespace: text }, ['kind', 'name']),
  source: object({
    blank: object({}),
    upload: object({}),
    pvc: sourceName,
    snapshot: sourceName,
    http: object(
      {
        ...remote,
        url: text,
        checksum: text,
        extraHeaders: texts,
        secretExtraHeaders: texts,
        insecureSkipVerify: flag,
      },
      ['url'],
    ),
    registry: object({
      ...remote,
      url: text,
      imageStream: text,
      pullMethod: text,
      platform: object({ architecture: text }),
    }),
    gcs: object({ secretRef: text, url: text }, ['url']),
    s3: object({ ...remote, url: text }, ['url']),
    imageio: anything,
    vddk: anything,
  }),
});

const profile: Fields = {
  claimPropertySets: list({ accessModes: texts, volumeMode: oneOf('Block', 'Filesystem') }),
  cloneStrategy: text,
  dataImportCronSourceFormat: text,
  snapshotClass: text,
};
const dataSources = object({ dataSource: sourceName, pvc: sourceName, snapshot: sourceName });

/** What CDI serves. */
export const CDI_SCHEMAS = {
  DataVolume: object(
    {
      spec: DATA_VOLUME_SPEC,
      status: object({
        claimName: text,
        conditions: cdiConditions,
        phase: text,
        progress: text,
        restartCount: whole,
      }),
    },
    ['spec'],
  ),
  DataSource: object(
    {
      spec: object({ source: dataSources }, ['source']),
      status: object({ conditions: cdiConditions, source: dataSources }),
    },
    ['spec'],
  ),
  StorageProfile: object({
    spec: object(profile),
    status: object({
      ...profile,
      conditions: cdiConditions,
      provisioner: text,
      storageClass: text,
    }),
  }),
  CDIConfig: object({ spec: anything, status: anything }),
  CDI: object({ spec: anything, status: anything }),
} satisfies Record<string, Schema>;
