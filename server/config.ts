import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import {
  type RegistryConfig,
  byteSize,
  places,
  repository,
  tag,
  yesOrNo,
} from './registry-settings.ts';

/**
 * The settings, read once from the environment. A value out of bounds stops the start with a
 * message that names it: nothing is clamped, and nothing falls back without a word.
 */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Path of the SQLite file. */
  readonly db: string;
  /** Folder of VM state. */
  readonly state: string;
  /** Web origins besides our own that may call the API. */
  readonly origins: readonly string[];
  /** File of token hashes; undefined for the loopback-only mode without tokens. */
  readonly tokens: string | undefined;
  /** File of the key by which secrets are sealed; undefined for one beside the database. */
  readonly secretsKey: string | undefined;
  /** YAML file of the pools made at the first start; undefined for the default ones. */
  readonly pools: string | undefined;
  readonly logLevel: LogLevel;
  /** How much one owner may save of sessions. */
  readonly saved: { readonly sets: number; readonly bytes: number | undefined };
  readonly simulator: { readonly speed: number; readonly seed: number };
  /** The Firecracker program; undefined for the one that is found, if any. */
  readonly firecracker: { readonly binary: string | undefined };
  readonly qemu: {
    readonly accel: (typeof ACCELERATORS)[number];
    /** Where snapshots are kept instead of in the state folder. */
    readonly snapshotPath: string | undefined;
  };
  /** How long one attempt at an image may take, and which can be built besides the built-in. */
  readonly images: {
    readonly buildMs: number;
    readonly pullMs: number;
    readonly catalogue: string | undefined;
  };
  readonly kubevirt: KubevirtConfig;
  /** Where images of VMs come from and go to. */
  readonly registry: RegistryConfig;
  /** Bytes of a disk that is made for a VM whose image brings none. */
  readonly diskSizeBytes: number;
  /** What QEMU and FIRECRACKER pools get that have no value of their own. */
  readonly microDefaults: {
    readonly size: number | undefined;
    readonly snapshotMaxAgeSeconds: number | undefined;
  };
}

/** How a Kubernetes cluster is reached, and what VMs are made of there. */
export interface KubevirtConfig {
  /** Where an account may be found, in this order; nothing was opened yet. */
  readonly access: KubernetesAccess;
  readonly settings: {
    readonly kubeconfig: string | undefined;
    readonly context: string | undefined;
    readonly image?: string;
    readonly storageClass: string | undefined;
    readonly sshUser?: string;
    readonly sshKey: string | undefined;
    readonly snapshotApi?: string;
  };
}

/** The places where an account for a Kubernetes cluster may be. */
export interface KubernetesAccess {
  /** The file that a setting of ours names; nothing else counts when there is one. */
  readonly named: string | undefined;
  /** The files that other tools of Kubernetes would read. */
  readonly usual: readonly string[];
  /** Whether this process runs in a pod; its account is then in a well-known folder. */
  readonly inCluster: boolean;
}

/** How much is logged. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** How much is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number];

const ACCELERATORS = ['auto', 'kvm', 'tcg'] as const;

/** A setting that cannot be used; the message is one line that names it. */
export class ConfigurationError extends Error {}

/** Names that belong to others of ours: the test suites and their machines. */
const OTHERS = /^SNAPYARD_(REQUIRE|SKIP|TEST|TESTS|CRDS|FIRECRACKER_API)/;

/** Names that look like settings of ours and are none: misspelt, most likely. */
export function unknownSettings(env: Environment = process.env): string[] {
  return Object.keys(env).filter(
    (name) => name.startsWith('SNAPYARD_') && !OTHERS.test(name) && !(name in environment.shape),
  );
}

/** The environment as Node has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be a whole number from ${min} to ${max}`);

const origins = z.string().transform((text, context) => {
  const list = text.split(',').flatMap((part) => part.trim() || []);
  const bad = list.find((origin) => !isOrigin(origin));
  if (bad !== undefined) {
    const message = `must be origins such as https://example.org, separated by commas; not ${bad}`;
    context.addIssue({ code: 'custom', message });
  }
  return list;
});

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

const speed = z.string().transform((text, context) => {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0.01) || value > 1_000_000) {
    context.addIssue({ code: 'custom', message: 'must be a number from 0.01 to 1000000' });
  }
  return value;
});

const SNAPSHOT_APIS = ['v1beta1', 'v1alpha1'] as const;
const OBJECT_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const NOT_A_NAME = 'must be the name of an object of Kubernetes';
const USER_NAME = /^[a-z_][a-z0-9_-]{0,31}$/;

/** Images let nobody log in as root: cloud-init and sshd see to that. */
const kubeUser = z
  .string()
  .regex(USER_NAME, 'must be a user name of Linux')
  .refine((name) => name !== 'root', {
    message: 'must be another user: guests take no commands as root by SSH, and ours may use sudo',
  });

const kubeImage = z
  .string()
  .refine((text) => CLAIM.test(text) || /^(https?|docker):\/\/\S+$/.test(text), {
    message: 'must be namespace/name of a claim, or an address that begins http(s):// or docker://',
  });
const CLAIM = /^[a-z0-9-]{1,63}\/[a-z0-9][a-z0-9.-]{0,252}$/;

const environment = z.object({
  SNAPYARD_HOST: z.string().default('127.0.0.1'),
  SNAPYARD_PORT: wholeNumber(0, 65_535).default(4_000),
  SNAPYARD_DB: z.string().default('./data/snapyard.db'),
  SNAPYARD_STATE: z.string().default('./data/vms'),
  SNAPYARD_ORIGINS: origins.default([]),
  SNAPYARD_TOKENS: z.string().optional(),
  SNAPYARD_SECRETS_KEY: z.string().optional(),
  SNAPYARD_POOLS: z.string().optional(),
  SNAPYARD_LOG: z.enum(LOG_LEVELS).default('info'),
  SNAPYARD_SAVED_SNAPSHOTS: wholeNumber(0, 1_000).default(5),
  SNAPYARD_SAVED_BYTES: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(),
  SNAPYARD_SIMULATOR_SPEED: speed.default(100),
  SNAPYARD_SIMULATOR_SEED: wholeNumber(0, 2 ** 31 - 1).default(1),
  SNAPYARD_QEMU_ACCEL: z.enum(ACCELERATORS).default('auto'),
  SNAPYARD_FIRECRACKER: z.string().optional(),
  SNAPYARD_IMAGE_BUILD_MINUTES: wholeNumber(1, 1_440).default(10),
  SNAPYARD_IMAGES: z.string().optional(),
  SNAPYARD_IMAGE_PULL_MINUTES: wholeNumber(1, 1_440).default(20),
  SNAPYARD_KUBECONFIG: z.string().optional(),
  SNAPYARD_KUBE_CONTEXT: z.string().optional(),
  SNAPYARD_KUBE_IMAGE: kubeImage.optional(),
  SNAPYARD_KUBE_STORAGE_CLASS: z.string().regex(OBJECT_NAME, NOT_A_NAME).optional(),
  SNAPYARD_KUBE_SSH_USER: kubeUser.optional(),
  SNAPYARD_KUBE_SSH_KEY: z.string().optional(),
  SNAPYARD_KUBE_SNAPSHOT_API: z.enum(SNAPSHOT_APIS).optional(),
  USE_PREBUILT_SNAPSHOT: yesOrNo.default(true),
  SNAPSHOT_REGISTRY: repository.optional(),
  SNAPSHOT_TAG: tag.default('win98-base'),
  DISK_SIZE: byteSize('1M', '1T').default(2 * 2 ** 30),
  SNAPYARD_REGISTRIES: places.default([]),
  SNAPYARD_PULL_LIMIT: byteSize('1M', '1T').default(4 * 2 ** 30),
  SNAPYARD_REGISTRY_AUTH: z.string().optional(),
  IRONCLAW_POOL_SIZE: wholeNumber(1, 20).optional(),
  IRONCLAW_SNAPSHOT_REFRESH_SECS: wholeNumber(60, 31_536_000).optional(),
  IRONCLAW_SNAPSHOT_PATH: z.string().optional(),
});

/** The settings in this environment. An empty value is one that is not set. */
export function readConfig(env: Environment = process.env): Config {
  const given = Object.entries(env).filter(([, value]) => value !== undefined && value !== '');
  const parsed = environment.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0] ?? 'a setting');
    const value = env[name] === undefined ? '' : ` is "${env[name]}":`;
    throw new ConfigurationError(`${name}${value} ${issue?.message ?? 'it cannot be used'}`);
  }
  const read = parsed.data;
  return Object.freeze({
    host: read.SNAPYARD_HOST,
    port: read.SNAPYARD_PORT,
    db: read.SNAPYARD_DB,
    state: read.SNAPYARD_STATE,
    origins: read.SNAPYARD_ORIGINS,
    tokens: read.SNAPYARD_TOKENS,
    secretsKey: read.SNAPYARD_SECRETS_KEY,
    pools: read.SNAPYARD_POOLS,
    logLevel: read.SNAPYARD_LOG,
    saved: { sets: read.SNAPYARD_SAVED_SNAPSHOTS, bytes: read.SNAPYARD_SAVED_BYTES },
    simulator: { speed: read.SNAPYARD_SIMULATOR_SPEED, seed: read.SNAPYARD_SIMULATOR_SEED },
    qemu: { accel: read.SNAPYARD_QEMU_ACCEL, snapshotPath: read.IRONCLAW_SNAPSHOT_PATH },
    firecracker: { binary: pathOf(read.SNAPYARD_FIRECRACKER) },
    images: {
      buildMs: read.SNAPYARD_IMAGE_BUILD_MINUTES * 60_000,
      pullMs: read.SNAPYARD_IMAGE_PULL_MINUTES * 60_000,
      catalogue: read.SNAPYARD_IMAGES,
    },
    kubevirt: kubevirtConfig(read, env),
    registry: {
      usePrebuilt: read.USE_PREBUILT_SNAPSHOT,
      repository: read.SNAPSHOT_REGISTRY,
      tag: read.SNAPSHOT_TAG,
      allowed: read.SNAPYARD_REGISTRIES,
      pullLimitBytes: read.SNAPYARD_PULL_LIMIT,
      authFile: read.SNAPYARD_REGISTRY_AUTH,
    },
    diskSizeBytes: read.DISK_SIZE,
    microDefaults: {
      size: read.IRONCLAW_POOL_SIZE,
      snapshotMaxAgeSeconds: read.IRONCLAW_SNAPSHOT_REFRESH_SECS,
    },
  });
}

/** The program works in another folder than we do. */
function pathOf(given: string | undefined): string | undefined {
  return given === undefined ? undefined : resolve(given);
}

/** What is left out is the provider's to choose. */
function kubevirtConfig(read: z.infer<typeof environment>, env: Environment): KubevirtConfig {
  const { KUBECONFIG, HOME, KUBERNETES_SERVICE_HOST } = env;
  const ofHome = HOME === undefined || HOME === '' ? [] : [join(HOME, '.kube/config')];
  const listed = (KUBECONFIG ?? '').split(delimiter).filter(Boolean);
  const image = read.SNAPYARD_KUBE_IMAGE;
  const sshUser = read.SNAPYARD_KUBE_SSH_USER;
  const snapshotApi = read.SNAPYARD_KUBE_SNAPSHOT_API;
  return {
    access: {
      named: read.SNAPYARD_KUBECONFIG,
      usual: listed.length > 0 ? listed : ofHome,
      inCluster: (KUBERNETES_SERVICE_HOST ?? '') !== '',
    },
    settings: {
      kubeconfig: read.SNAPYARD_KUBECONFIG,
      context: read.SNAPYARD_KUBE_CONTEXT,
      storageClass: read.SNAPYARD_KUBE_STORAGE_CLASS,
      sshKey: read.SNAPYARD_KUBE_SSH_KEY,
      ...(image === undefined ? {} : { image }),
      ...(sshUser === undefined ? {} : { sshUser }),
      ...(snapshotApi === undefined ? {} : { snapshotApi }),
    },
  };
}
