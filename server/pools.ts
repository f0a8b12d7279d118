import { findPoolByName, getPool, hasLeftovers, insertPool } from '../db/cluster-pool.ts';
import { pausePools } from '../db/image-use.ts';
import { ensureTemplate } from '../db/template.ts';
import type { Tx } from '../db/tx.ts';
import { assertPoolBounds, type CreateClusterPoolInput } from '../schema/inputs.ts';
import type { Why } from '../schema/model/change.ts';
import type { ClusterPool } from '../schema/model/cluster-pool.ts';
import { POOL_SIZE_BOUNDS, type ProviderKind } from '../schema/model/provider-kind.ts';
import { Conflict, InvalidInput } from '../schema/model/refusal.ts';
import {
  BUILT_IN_TEMPLATES,
  DEFAULT_TEMPLATE,
  WITH_IMAGES,
  type Template,
} from '../schema/model/template.ts';
import { ensureImageFor, type Catalogue } from './image-builds.ts';
import type { Capabilities } from './providers/provider.ts';

/** What must be known of a provider to hand out what it makes. */
export type ProviderTraits = Pick<
  Capabilities,
  'goldenState' | 'wakes' | 'captureModes' | 'savesSessions'
>;

/** The traits of a provider that this server has; undefined for one it has not. */
export type FindTraits = (kind: ProviderKind) => ProviderTraits | undefined;

const DAY_SECONDS = 86_400;

/** Micro-VMs are there in milliseconds, so they are made anew rather than waited for. */
const MICRO = {
  size: 5,
  recycle: 'REPLACE',
  whenEmpty: 'PROVISION',
  snapshotMaxAgeSeconds: 3_600,
  templateSets: 2,
} as const;

/** Clusters that take minutes are put back, and a claim says at once when there is none. */
const SLOW = {
  size: 3,
  recycle: 'RESET',
  whenEmpty: 'REFUSE',
  snapshotMaxAgeSeconds: 30 * DAY_SECONDS,
  templateSets: 1,
} as const;

/** What the settings say of pools of micro-VMs that say nothing themselves. */
export interface MicroDefaults {
  readonly size: number | undefined;
  readonly snapshotMaxAgeSeconds: number | undefined;
}

const KIND_DEFAULTS = { SIMULATOR: SLOW, KUBEVIRT: SLOW, QEMU: MICRO, FIRECRACKER: MICRO } as const;

/** What people do to have a provider that is not there. */
const HOW_TO_GET: Readonly<Record<ProviderKind, string>> = {
  SIMULATOR: 'it is switched off',
  KUBEVIRT:
    'set SNAPYARD_KUBECONFIG to a kubeconfig, or run the server in a pod (docs/kubevirt.md)',
  QEMU: 'install QEMU and build an image (npm run qemu:image)',
  FIRECRACKER: 'it needs KVM, Firecracker and an image (docs/firecracker.md)',
};

/** A wish for a pool, with what the settings say where it says nothing. */
export function withMicroDefaults(
  input: CreateClusterPoolInput,
  settings: MicroDefaults | undefined,
): CreateClusterPoolInput {
  if (KIND_DEFAULTS[input.provider] !== MICRO) return input;
  return {
    ...input,
    size: input.size ?? settings?.size,
    snapshotMaxAgeSeconds: input.snapshotMaxAgeSeconds ?? settings?.snapshotMaxAgeSeconds,
  };
}

/** The settings of a pool as it is made, all but its template. */
type Settings = Omit<Parameters<typeof insertPool>[1], 'templateId' | 'awake'>;

/**
 * The settings of a new pool: what the input says, and for the rest what suits its provider. A
 * pool that makes clusters for those who wait may grow to twice its size for that.
 */
export function poolSettings(
  input: CreateClusterPoolInput,
  traits: Pick<ProviderTraits, 'goldenState'>,
): Settings {
  const { name, provider } = input;
  const defaults = KIND_DEFAULTS[provider];
  const size = input.size ?? defaults.size;
  const whenEmpty = input.whenEmpty ?? defaults.whenEmpty;
  const sessionTtlMinutes = input.sessionTtlMinutes ?? Math.min(60, input.maxTtlMinutes ?? 60);
  return {
    name,
    provider,
    size,
    whenEmpty,
    maxClusters: input.maxClusters ?? (whenEmpty === 'PROVISION' ? headroom(provider, size) : size),
    recycle: input.recycle ?? defaults.recycle,
    lazy: input.lazy ?? false,
    identity: input.identity ?? (traits.goldenState === 'POOL' ? 'REKEYED' : 'SHARED_IDENTITY'),
    readiness: input.readiness ?? 'SSH',
    sessionTtlMinutes,
    maxTtlMinutes: input.maxTtlMinutes ?? Math.max(480, sessionTtlMinutes),
    maxWaitSeconds: input.maxWaitSeconds ?? 600,
    maxSessionsPerOwner: input.maxSessionsPerOwner ?? null,
    snapshotMaxAgeSeconds: input.snapshotMaxAgeSeconds ?? defaults.snapshotMaxAgeSeconds,
    templateSets: input.templateSets ?? defaults.templateSets,
  };
}

/** A size out of bounds stays as it is, so that it is refused by its own name. */
function headroom(provider: ProviderKind, size: number): number {
  return Math.max(size, Math.min(2 * size, POOL_SIZE_BOUNDS[provider].max));
}

/**
 * Makes a pool, by a verb or at the first start; refuses what cannot be. The image that it names
 * is built at once where only the catalogue has it, and the pool waits for that.
 */
export function addPool(
  tx: Tx,
  input: CreateClusterPoolInput,
  findTraits: FindTraits,
  why: Why,
  catalogue: Catalogue = [],
): ClusterPool {
  const traits = findTraits(input.provider);
  if (traits === undefined) {
    const reason = `provider ${input.provider} is not available on this server`;
    throw new InvalidInput(`${reason}: ${HOW_TO_GET[input.provider]}`, 'provider');
  }
  const settings = poolSettings(input, traits);
  if (settings.readiness === 'PROBE' && settings.provider !== 'KUBEVIRT') {
    throw new InvalidInput(`readiness PROBE is for KUBEVIRT, not ${input.provider}`, 'readiness');
  }
  assertPoolBounds(settings);
  assertTemplateSets(settings, traits);
  assertNameIsFree(tx, input.name);
  const wanted = poolTemplate(input);
  if (input.image != null) ensureImageFor(tx, input.image, catalogue, why);
  const template = ensureTemplate(tx, wanted);
  const awake = !settings.lazy;
  const pool = insertPool(tx, { ...settings, awake, templateId: template.id }, why);
  if (input.image != null) pausePools(tx, input.image);
  return getPool(tx.db, pool.id);
}

/** Only what starts from sets of its pool can start from several in turn. */
export function assertTemplateSets(
  { provider, templateSets }: Pick<Settings, 'provider' | 'templateSets'>,
  traits: Pick<ProviderTraits, 'goldenState'> | undefined,
): void {
  if (templateSets === 1 || traits?.goldenState === 'POOL') return;
  const reason =
    traits === undefined ? 'it is not available' : 'its clusters own their golden state';
  const message = `templateSets must be 1 for provider ${provider}: ${reason}`;
  throw new InvalidInput(message, 'templateSets');
}

function assertNameIsFree(tx: Tx, name: string): void {
  if (findPoolByName(tx.db, name) !== undefined) {
    throw new Conflict(`there is already a pool named ${name}`);
  }
  if (hasLeftovers(tx.db, name)) {
    throw new Conflict(`clusters of a deleted pool named ${name} are still being removed`);
  }
}

/** What a template is made of. */
type NewTemplate = Pick<Template, 'name' | 'provider' | 'roles'>;

/** The template of a pool: a built-in one, with what the pool says of its own. */
export function poolTemplate(input: CreateClusterPoolInput): NewTemplate {
  const { provider, image } = input;
  const { name, roles } = builtInTemplate(input);
  if (image != null && !WITH_IMAGES.includes(provider)) {
    throw new InvalidInput(`image is for ${WITH_IMAGES.join(' and ')}, not ${provider}`, 'image');
  }
  const own = roles.map((role) => ({
    ...role,
    image: image ?? role.image,
    cpuCores: input.cpuCores ?? role.cpuCores,
    memoryMiB: input.memoryMiB ?? role.memoryMiB,
    diskGiB: input.diskGiB ?? role.diskGiB,
  }));
  return { name: image == null ? name : `${name}:${image}`, provider, roles: own };
}

function builtInTemplate({ template, provider }: CreateClusterPoolInput): NewTemplate {
  const name = template ?? DEFAULT_TEMPLATE[provider];
  const known = Object.hasOwn(BUILT_IN_TEMPLATES, name) ? BUILT_IN_TEMPLATES[name] : undefined;
  if (known === undefined) throw new InvalidInput(`there is no template ${name}`, 'template');
  if (!known.providers.includes(provider)) {
    const fitting = known.providers.join(', ');
    throw new InvalidInput(`template ${name} is for ${fitting}, not ${provider}`, 'template');
  }
  return { name, provider, roles: known.roles };
}
