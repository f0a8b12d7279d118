import type { KubeObject } from '../ports.ts';

/** One condition of a status. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastProbeTime?: string | null;
  readonly lastTransitionTime?: string;
}

/** What went wrong last, and when. */
export interface StatusError {
  readonly time: string;
  readonly message: string;
}

/** A reference inside a namespace, or with a namespace where the kind allows it. */
export interface Reference {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Where a volume lives and how much it holds; claims and data volumes say it alike. */
export interface ClaimSpec {
  readonly accessModes?: readonly string[];
  readonly resources?: { readonly requests?: { readonly storage?: string } };
  readonly storageClassName?: string;
  readonly volumeMode?: string;
  readonly volumeName?: string;
  readonly dataSource?: Reference;
  readonly dataSourceRef?: Reference;
}

/** A PersistentVolumeClaim. */
export interface Claim extends KubeObject {
  readonly spec: ClaimSpec;
  readonly status?: {
    readonly phase: 'Pending' | 'Bound' | 'Lost';
    readonly accessModes?: readonly string[];
    readonly capacity?: { readonly storage: string };
  };
}

/** A StorageClass. */
export interface StorageClass extends KubeObject {
  readonly provisioner: string;
  readonly volumeBindingMode?: 'Immediate' | 'WaitForFirstConsumer';
  readonly allowVolumeExpansion?: boolean;
}

/** A VolumeSnapshotClass. */
export interface VolumeSnapshotClass extends KubeObject {
  readonly driver: string;
  readonly deletionPolicy: 'Delete' | 'Retain';
}

/** A VolumeSnapshot. */
export interface VolumeSnapshot extends KubeObject {
  readonly spec: {
    readonly source: {
      readonly persistentVolumeClaimName?: string;
      readonly volumeSnapshotContentName?: string;
    };
    readonly volumeSnapshotClassName?: string;
  };
  readonly status?: {
    readonly boundVolumeSnapshotContentName?: string;
    readonly creationTime?: string;
    readonly readyToUse?: boolean;
    readonly restoreSize?: string;
    readonly error?: StatusError;
  };
}

/** A StorageProfile. */
export interface StorageProfile extends KubeObject {
  readonly spec?: ProfileProperties;
  readonly status?: ProfileProperties & {
    readonly provisioner?: string;
    readonly storageClass?: string;
  };
}

/** What a storage profile says of its class. */
export interface ProfileProperties {
  readonly claimPropertySets?: readonly {
    readonly accessModes: readonly string[];
    readonly volumeMode?: string;
  }[];
  readonly cloneStrategy?: string;
  readonly snapshotClass?: string;
}

/** A volume of a machine, as its template names it. */
export interface MachineVolume {
  readonly name: string;
  readonly dataVolume?: { readonly name: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly memoryDump?: { readonly claimName: string };
  readonly [source: string]: unknown;
}

/** A DataVolume that a machine brings along. */
export interface DataVolumeTemplate {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: DataVolumeSpec;
}

/** What the storage part reads of a VirtualMachine's spec. */
export interface MachineSpec {
  readonly running?: boolean;
  readonly runStrategy?: string;
  readonly dataVolumeTemplates?: readonly DataVolumeTemplate[];
  readonly template: {
    readonly metadata?: unknown;
    readonly spec: {
      readonly domain?: {
        readonly firmware?: Readonly<Record<string, unknown>>;
        readonly devices?: {
          readonly tpm?: { readonly persistent?: boolean };
          readonly interfaces?: readonly Readonly<Record<string, unknown>>[];
          readonly [field: string]: unknown;
        };
        readonly [field: string]: unknown;
      };
      readonly volumes?: readonly MachineVolume[];
      readonly [field: string]: unknown;
    };
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** A VirtualMachine. */
export interface Machine extends KubeObject {
  readonly spec: MachineSpec;
  readonly status?: {
    readonly snapshotInProgress?: string;
    readonly restoreInProgress?: string;
    readonly volumeSnapshotStatuses?: readonly unknown[];
    readonly [field: string]: unknown;
  };
}

/** A VirtualMachineInstance. */
export interface Instance extends KubeObject {
  readonly spec: { readonly volumes?: readonly MachineVolume[]; readonly [field: string]: unknown };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly Condition[];
    readonly fsFreezeStatus?: string;
    readonly [field: string]: unknown;
  };
}

/** A Pod. */
export interface Pod extends KubeObject {
  readonly spec?: {
    readonly volumes?: readonly {
      readonly name: string;
      readonly persistentVolumeClaim?: { readonly claimName: string };
    }[];
  };
  readonly status?: { readonly phase?: string };
}

/** A VirtualMachineSnapshot. */
export interface MachineSnapshot extends KubeObject {
  readonly spec: {
    readonly source: Partial<Reference>;
    readonly deletionPolicy?: string;
    readonly failureDeadline?: string;
  };
  readonly status?: MachineSnapshotStatus;
}

/** How far a snapshot of a machine is. */
export interface MachineSnapshotStatus {
  readonly sourceUID?: string;
  readonly virtualMachineSnapshotContentName?: string;
  readonly creationTime?: string;
  readonly phase?: 'InProgress' | 'Succeeded' | 'Failed' | 'Deleting' | 'Unknown';
  readonly readyToUse?: boolean;
  readonly error?: StatusError;
  readonly conditions?: readonly Condition[];
  readonly indications?: readonly string[];
  readonly sourceIndications?: readonly { indication: string; message: string }[];
  readonly snapshotVolumes?: {
    readonly includedVolumes?: readonly string[];
    readonly excludedVolumes?: readonly string[];
  };
}

/** A machine as a snapshot keeps it. */
export interface MachineCopy {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: MachineSpec;
  readonly status?: unknown;
}

/** One volume of a snapshot: the claim as it was, and its VolumeSnapshot. */
export interface VolumeBackup {
  readonly volumeName: string;
  readonly volumeSnapshotName?: string;
  readonly persistentVolumeClaim: {
    readonly metadata: {
      readonly name: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly spec: ClaimSpec;
  };
}

/** A VirtualMachineSnapshotContent. */
export interface MachineSnapshotContent extends KubeObject {
  readonly spec: {
    readonly virtualMachineSnapshotName: string;
    readonly source: { readonly virtualMachine: MachineCopy };
    readonly volumeBackups?: readonly VolumeBackup[];
  };
  readonly status?: {
    readonly creationTime?: string;
    readonly readyToUse?: boolean;
    readonly error?: StatusError;
    readonly volumeSnapshotStatus?: readonly {
      volumeSnapshotName: string;
      creationTime?: string;
      readyToUse?: boolean;
      error?: StatusError;
    }[];
  };
}

/** What a restore does about a volume. */
export interface VolumeRestore {
  readonly volumeName: string;
  readonly persistentVolumeClaim: string;
  readonly volumeSnapshotName: string;
  readonly dataVolumeName?: string;
}

/** A VirtualMachineRestore. */
export interface Restore extends KubeObject {
  readonly spec: {
    readonly target: Partial<Reference>;
    readonly virtualMachineSnapshotName: string;
    readonly targetReadinessPolicy?: string;
    readonly volumeRestorePolicy?: string;
    readonly volumeOwnershipPolicy?: string;
    readonly volumeRestoreOverrides?: readonly {
      readonly volumeName?: string;
      readonly restoreName?: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    }[];
    readonly patches?: readonly string[];
  };
  readonly status?: RestoreStatus;
}

/** How far a restore is. */
export interface RestoreStatus {
  readonly complete?: boolean;
  readonly restoreTime?: string;
  readonly restores?: readonly VolumeRestore[];
  readonly deletedDataVolumes?: readonly string[];
  readonly conditions?: readonly Condition[];
}

/** A VirtualMachineClone. */
export interface Clone extends KubeObject {
  readonly spec: {
    readonly source: Partial<Reference>;
    readonly target?: Partial<Reference>;
    readonly labelFilters?: readonly string[];
    readonly annotationFilters?: readonly string[];
    readonly template?: {
      readonly labelFilters?: readonly string[];
      readonly annotationFilters?: readonly string[];
    };
    readonly newMacAddresses?: Readonly<Record<string, string>>;
    readonly newSMBiosSerial?: string;
    readonly patches?: readonly string[];
    readonly volumeNamePolicy?: string;
  };
  readonly status?: CloneStatus;
}

/** How far a clone of a machine is. */
export interface CloneStatus {
  readonly phase?: string;
  readonly snapshotName?: string;
  readonly restoreName?: string;
  readonly targetName?: string;
  readonly creationTime?: string;
  readonly conditions?: readonly Condition[];
}

/** A claim or a VolumeSnapshot that is copied. */
export interface SourceName {
  readonly namespace: string;
  readonly name: string;
}

/** What a DataVolume is filled with. */
export interface DataVolumeSource {
  readonly pvc?: SourceName;
  readonly snapshot?: SourceName;
  readonly http?: { readonly url: string };
  readonly registry?: { readonly url?: string; readonly imageStream?: string };
  readonly blank?: object;
  readonly [other: string]: unknown;
}

/** What a DataVolume is to be. */
export interface DataVolumeSpec {
  readonly source?: DataVolumeSource;
  readonly sourceRef?: Partial<Reference>;
  readonly pvc?: ClaimSpec;
  readonly storage?: ClaimSpec;
  readonly contentType?: string;
}

/** A DataVolume. */
export interface DataVolume extends KubeObject {
  readonly spec: DataVolumeSpec;
  readonly status?: {
    readonly claimName?: string;
    readonly phase?: string;
    readonly progress?: string;
    readonly restartCount?: number;
    readonly conditions?: readonly Condition[];
  };
}

/** A DataSource. */
export interface DataSource extends KubeObject {
  readonly spec: {
    readonly source: { pvc?: SourceName; snapshot?: SourceName; dataSource?: SourceName };
  };
  readonly status?: {
    readonly source?: { pvc?: SourceName; snapshot?: SourceName };
    readonly conditions?: readonly Condition[];
  };
}

/** The kinds that the storage part reads or writes, by their names. */
export interface Shapes {
  PersistentVolumeClaim: Claim;
  StorageClass: StorageClass;
  VolumeSnapshot: VolumeSnapshot;
  VolumeSnapshotClass: VolumeSnapshotClass;
  VolumeSnapshotContent: KubeObject;
  StorageProfile: StorageProfile;
  VirtualMachine: Machine;
  VirtualMachineInstance: Instance;
  Pod: Pod;
  VirtualMachineSnapshot: MachineSnapshot;
  VirtualMachineSnapshotContent: MachineSnapshotContent;
  VirtualMachineRestore: Restore;
  VirtualMachineClone: Clone;
  DataVolume: DataVolume;
  DataSource: DataSource;
  CDIConfig: KubeObject;
  CDI: KubeObject;
  Namespace: KubeObject;
}
