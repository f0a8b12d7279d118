import { z } from 'zod';
import { BUILT_IN_TEMPLATES, DEFAULT_TEMPLATE } from '../../../schema/model/template.ts';
import { KubernetesError, type Kubernetes, type ObjectKind } from './kubernetes.ts';
import { TEMPLATES_NAMESPACE } from './names.ts';
import { CLAIMS, NAMESPACES } from './objects.ts';
import { fine, info, missing, warning, type Finding } from './preflight-report.ts';
import type { KubevirtSettings } from './settings.ts';

/** What disks can be made of, and whether they can be snapshotted. */
export interface StorageFacts {
  readonly findings: readonly Finding[];
  /** Whether there is a class for new disks. */
  readonly disks: boolean;
  /** Whether its disks can be snapshotted. */
  readonly snapshots: boolean;
  /** Whether there is, or will be, something that disks start from. */
  readonly image: boolean;
}

type Asked = Pick<KubevirtSettings, 'image' | 'storageClass'>;

const classMetadata = z.object({
  name: z.string(),
  annotations: z
    .record(z.string(), z.string())
    .nullish()
    .transform((map) => map ?? {}),
});

const STORAGE_CLASSES = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  namespaced: false,
  schema: z.object({
    metadata: classMetadata,
    provisioner: z.string(),
    volumeBindingMode: z.string().nullish(),
  }),
} satisfies ObjectKind<unknown>;

const SNAPSHOT_CLASSES = {
  group: 'snapshot.storage.k8s.io',
  version: 'v1',
  kind: 'VolumeSnapshotClass',
  plural: 'volumesnapshotclasses',
  namespaced: false,
  schema: z.object({ metadata: classMetadata, driver: z.string() }),
} satisfies ObjectKind<unknown>;

const STORAGE_PROFILES = {
  group: 'cdi.kubevirt.io',
  version: 'v1beta1',
  kind: 'StorageProfile',
  plural: 'storageprofiles',
  namespaced: false,
  schema: z.object({
    metadata: classMetadata,
    status: z
      .object({ cloneStrategy: z.string().nullish(), snapshotClass: z.string().nullish() })
      .nullish(),
  }),
} satisfies ObjectKind<unknown>;

type StorageClass = z.infer<typeof STORAGE_CLASSES.schema>;
type SnapshotClass = z.infer<typeof SNAPSHOT_CLASSES.schema>;
type StorageProfile = z.infer<typeof STORAGE_PROFILES.schema>;

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const DEFAULT_SNAPSHOT_CLASS = 'snapshot.storage.kubernetes.io/is-default-class';

/** Asks for the classes, the image and the namespace that new clusters need. */
export async function lookAtStorage(
  kubernetes: Kubernetes,
  asked: Asked,
  signal: AbortSignal,
): Promise<StorageFacts> {
  const classes = await listed(kubernetes, STORAGE_CLASSES, signal);
  const chosen = chooseClass(classes, asked.storageClass);
  const image = await imageFindings(kubernetes, asked.image, chosen.storage, signal);
  const ofClass =
    chosen.storage === undefined ? [] : await classFindings(kubernetes, chosen.storage, signal);
  const findings = [
    chosen.finding,
    ...ofClass,
    ...image,
    await namespaceFinding(kubernetes, signal),
    capacityHint(),
  ];
  return {
    findings,
    disks: chosen.storage !== undefined,
    snapshots: ofClass.some(({ check, verdict }) => check === SNAPSHOT_CLASS && verdict === 'OK'),
    image: image.every(({ verdict }) => verdict !== 'FAIL'),
  };
}

/** What may not be listed, or is of a kind that is not served, is not there for us. */
async function listed<T>(
  kubernetes: Kubernetes,
  kind: ObjectKind<T>,
  signal: AbortSignal,
): Promise<T[]> {
  try {
    return await kubernetes.list(kind, {}, signal);
  } catch (error) {
    if (error instanceof KubernetesError && [403, 404].includes(error.status)) return [];
    throw error;
  }
}

function chooseClass(
  classes: readonly StorageClass[],
  wanted: string | undefined,
): { storage?: StorageClass; finding: Finding } {
  const check = 'storage class';
  const names = classes.map(({ metadata }) => metadata.name).join(', ') || 'none';
  const isDefault = (one: StorageClass) => one.metadata.annotations[DEFAULT_CLASS] === 'true';
  const storage = classes.find((one) =>
    wanted === undefined ? isDefault(one) : one.metadata.name === wanted,
  );
  if (storage === undefined) {
    const found = `${wanted ?? 'no default class'}; there are: ${names}`;
    const fix = 'set SNAPYARD_KUBE_STORAGE_CLASS to one of them, or annotate one as default';
    return { finding: missing(check, found, fix) };
  }
  const binding = storage.volumeBindingMode ?? 'Immediate';
  const found = `${storage.metadata.name} (${storage.provisioner}, ${binding})`;
  if (wanted === undefined && classes.filter(isDefault).length > 1) {
    const fix = 'several are default: set SNAPYARD_KUBE_STORAGE_CLASS to the one that is meant';
    return { storage, finding: warning(check, found, fix) };
  }
  if (binding === 'Immediate') return { storage, finding: fine(check, found) };
  const fix = 'each new disk waits for a pod that binds it: a class that binds Immediate is faster';
  return { storage, finding: warning(check, found, fix) };
}

async function classFindings(
  kubernetes: Kubernetes,
  storage: StorageClass,
  signal: AbortSignal,
): Promise<Finding[]> {
  const snapshotClasses = await listed(kubernetes, SNAPSHOT_CLASSES, signal);
  const profiles = await listed(kubernetes, STORAGE_PROFILES, signal);
  const profile = profiles.find(({ metadata }) => metadata.name === storage.metadata.name);
  return [snapshotClassFinding(storage, snapshotClasses, profile), cloneFinding(storage, profile)];
}

const SNAPSHOT_CLASS = 'volume snapshot class';

/** Chosen as KubeVirt does: by the profile, else the only one of the driver, else the default. */
function snapshotClassFinding(
  { provisioner }: StorageClass,
  classes: readonly SnapshotClass[],
  profile: StorageProfile | undefined,
): Finding {
  const named = profile?.status?.snapshotClass ?? '';
  const known = classes.find(({ metadata }) => metadata.name === named);
  if (known !== undefined) return fine(SNAPSHOT_CLASS, `${named} (of the storage profile)`);
  if (named !== '') {
    const fix = 'make it, or mend spec.snapshotClass of the StorageProfile';
    return missing(SNAPSHOT_CLASS, `${named}, which does not exist`, fix);
  }
  const fitting = classes.filter(({ driver }) => driver === provisioner);
  const [only, another] = fitting;
  if (only === undefined) {
    const fix = `make a VolumeSnapshotClass with driver ${provisioner}, if it can take snapshots`;
    return missing(SNAPSHOT_CLASS, `none for ${provisioner}`, fix);
  }
  if (another === undefined) return fine(SNAPSHOT_CLASS, only.metadata.name);
  const preferred = fitting.find(
    ({ metadata }) => metadata.annotations[DEFAULT_SNAPSHOT_CLASS] === 'true',
  );
  if (preferred !== undefined) return fine(SNAPSHOT_CLASS, preferred.metadata.name);
  const names = fitting.map(({ metadata }) => metadata.name).join(', ');
  const fix = `annotate one of them with ${DEFAULT_SNAPSHOT_CLASS}=true`;
  return missing(SNAPSHOT_CLASS, `${names}: none is the default`, fix);
}

function cloneFinding({ metadata }: StorageClass, profile: StorageProfile | undefined): Finding {
  const check = 'clone strategy';
  const strategy = profile?.status?.cloneStrategy ?? '';
  if (strategy === 'copy') {
    const where = `spec.cloneStrategy of StorageProfile ${metadata.name}`;
    const fix = `new disks are copied byte by byte: ${where}, if the driver can do better`;
    return warning(check, strategy, fix);
  }
  if (strategy !== '') return fine(check, strategy);
  return info(check, profile === undefined ? 'there is no StorageProfile' : 'up to CDI');
}

async function imageFindings(
  kubernetes: Kubernetes,
  image: string,
  storage: StorageClass | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const check = 'golden image';
  if (image.includes('://')) {
    return [info(check, `${image}, imported once into ${TEMPLATES_NAMESPACE}`)];
  }
  const [namespace = '', name = ''] = image.split('/');
  const claim = await seen(kubernetes.get(CLAIMS, { namespace, name }, signal));
  const fix = 'make the claim (docs/kubevirt.md), or set SNAPYARD_KUBE_IMAGE';
  if (claim === undefined) return [missing(check, `no claim ${image}`, fix)];
  const phase = claim.status?.phase ?? 'Pending';
  if (phase !== 'Bound') return [missing(check, `claim ${image} is ${phase}, not Bound`, fix)];
  const ofImage = claim.spec?.storageClassName ?? '';
  const found = `claim ${image}, Bound, of class ${ofImage || '?'}`;
  if (storage === undefined || ofImage === storage.metadata.name) return [fine(check, found)];
  const copied = `new disks are of class ${storage.metadata.name}, so each is copied: use one`;
  return [warning(check, found, copied)];
}

async function namespaceFinding(kubernetes: Kubernetes, signal: AbortSignal): Promise<Finding> {
  const check = `namespace ${TEMPLATES_NAMESPACE}`;
  const there = await seen(kubernetes.get(NAMESPACES, { name: TEMPLATES_NAMESPACE }, signal));
  return there === undefined
    ? info(check, 'is made by the first pool that needs it')
    : fine(check, there.status?.phase ?? 'there');
}

/** What may not be read is not there for us; the rights say why. */
async function seen<T>(asked: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 403) return undefined;
    throw error;
  }
}

/** What nobody can look up without rights over nodes is told, so that people can compare. */
function capacityHint(): Finding {
  const name = DEFAULT_TEMPLATE.KUBEVIRT;
  const roles = BUILT_IN_TEMPLATES[name]?.roles ?? [];
  const sum = (of: (role: (typeof roles)[number]) => number) =>
    roles.reduce((total, role) => total + of(role), 0);
  const cores = sum(({ cpuCores }) => cpuCores);
  const memory = sum(({ memoryMiB }) => memoryMiB) / 1_024;
  const disk = sum(({ diskGiB }) => diskGiB ?? 0);
  const found = `${cores} CPUs, ${memory} GiB memory, ${disk} GiB disk, twice that disk in a reset`;
  return info(`a cluster (${name}) needs`, found);
}
