import type { KubeObject, ObjectMeta } from '../ports.ts';

/**
 * The fields of KubeVirt's objects that this part reads. The API server has checked them against
 * the schema when they came in, so that reading them as these is safe.
 */
export interface Vm extends KubeObject {
  readonly spec: VmSpec;
  readonly status?: VmStatus;
}

export interface VmSpec {
  readonly running?: boolean;
  readonly runStrategy?: string;
  readonly instancetype?: Matcher;
  readonly preference?: Matcher;
  readonly dataVolumeTemplates?: readonly DataVolumeTemplate[];
  readonly template: { readonly metadata?: Partial<ObjectMeta>; readonly spec: VmiSpec };
}

export interface Matcher {
  readonly name?: string;
  readonly kind?: string;
  readonly inferFromVolume?: string;
}

export interface DataVolumeTemplate {
  readonly metadata: Partial<ObjectMeta>;
  readonly spec: DataVolumeSpec;
}

export interface DataVolumeSpec {
  readonly pvc?: object;
  readonly storage?: object;
  readonly source?: Readonly<Record<string, { readonly namespace?: string; name?: string }>>;
  readonly sourceRef?: { readonly namespace?: string; readonly name?: string };
}

export interface VmStatus {
  readonly created?: boolean;
  readonly ready?: boolean;
  readonly printableStatus?: string;
  readonly runStrategy?: string;
  readonly conditions?: readonly Condition[];
  readonly stateChangeRequests?: readonly StateChangeRequest[];
  readonly startFailure?: StartFailure;
  readonly snapshotInProgress?: string;
  readonly restoreInProgress?: string;
  readonly volumeSnapshotStatuses?: readonly VolumeSnapshotStatus[];
}

export interface StateChangeRequest {
  readonly action: 'Start' | 'Stop';
  readonly uid?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export interface StartFailure {
  readonly consecutiveFailCount: number;
  readonly lastFailedVMIUID: string;
  readonly retryAfterTimestamp: string;
}

export interface VolumeSnapshotStatus {
  readonly name: string;
  readonly enabled: boolean;
  readonly reason?: string;
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastProbeTime?: string | null;
  readonly lastTransitionTime?: string | null;
}

export interface Vmi extends KubeObject {
  readonly spec: VmiSpec;
  readonly status?: VmiStatus;
}

export interface VmiSpec {
  readonly domain: Domain;
  readonly networks?: readonly Network[];
  readonly volumes?: readonly Volume[];
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly terminationGracePeriodSeconds?: number;
  readonly [field: string]: unknown;
}

export interface Domain {
  readonly cpu?: { readonly cores?: number; readonly sockets?: number; readonly threads?: number };
  readonly memory?: { readonly guest?: string | number };
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string | number>>;
    readonly limits?: Readonly<Record<string, string | number>>;
  };
  readonly machine?: { readonly type?: string };
  readonly firmware?: { readonly uuid?: string; readonly serial?: string };
  readonly devices: Devices;
  readonly [field: string]: unknown;
}

export interface Devices {
  readonly disks?: readonly Disk[];
  readonly interfaces?: readonly Interface[];
  readonly autoattachSerialConsole?: boolean;
  readonly autoattachGraphicsDevice?: boolean;
  readonly autoattachPodInterface?: boolean;
  readonly [field: string]: unknown;
}

export interface Disk {
  readonly name: string;
  readonly bootOrder?: number;
  readonly disk?: { readonly bus?: string };
  readonly lun?: { readonly bus?: string };
  readonly cdrom?: { readonly bus?: string };
}

export interface Interface {
  readonly name: string;
  readonly macAddress?: string;
  readonly bootOrder?: number;
  readonly [binding: string]: unknown;
}

export interface Network {
  readonly name: string;
  readonly pod?: { readonly vmNetworkCIDR?: string };
  readonly multus?: object;
}

export interface Volume {
  readonly name: string;
  readonly dataVolume?: { readonly name: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly cloudInitNoCloud?: CloudInit;
  readonly cloudInitConfigDrive?: CloudInit;
  readonly serviceAccount?: { readonly serviceAccountName?: string };
  readonly [source: string]: unknown;
}

export interface CloudInit {
  readonly secretRef?: { readonly name: string };
  readonly networkDataSecretRef?: { readonly name: string };
  readonly userData?: string;
  readonly userDataBase64?: string;
  readonly networkData?: string;
  readonly networkDataBase64?: string;
}

export interface Probe {
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
  readonly guestAgentPing?: object;
}

export interface VmiStatus {
  readonly phase?: string;
  readonly phaseTransitionTimestamps?: readonly PhaseTransition[];
  readonly conditions?: readonly Condition[];
  readonly interfaces?: readonly { readonly ipAddress?: string }[];
  readonly nodeName?: string;
  readonly guestOSInfo?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface PhaseTransition {
  readonly phase: string;
  readonly phaseTransitionTimestamp: string;
}

/** What says whether a volume is filled, of a DataVolume. */
export interface DataVolume extends KubeObject {
  readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
}

/** A claim, as far as machines care. */
export interface Claim extends KubeObject {
  readonly spec?: { readonly storageClassName?: string };
  readonly status?: { readonly phase?: string };
}

/** How a VM is to be run, whichever of its two fields says so. */
export function runStrategyOf(vm: Vm): string {
  return vm.spec.runStrategy ?? (vm.spec.running === true ? 'Always' : 'Halted');
}

/** Whether a machine has come to its end. */
export function isFinal(vmi: Vmi): boolean {
  return vmi.status?.phase === 'Succeeded' || vmi.status?.phase === 'Failed';
}

/** The name of the claim that a volume is on, if it is on one. */
export function claimNameOf(volume: Volume): string | undefined {
  return volume.dataVolume?.name ?? volume.persistentVolumeClaim?.claimName;
}

/** `namespace/name`, as controllers call an object. */
export function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

/** The two halves of a key. */
export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

/** Why a controller could not do what it must. */
export interface Failure {
  readonly reason: string;
  readonly message: string;
}
