import { z } from 'zod';
import { imageName } from './image-input.ts';
import {
  IDENTITY_MODES,
  POOL_NAME,
  READINESS_PROOFS,
  RECYCLE_POLICIES,
  WHEN_EMPTY,
  MOST_TEMPLATE_SETS,
} from './model/cluster-pool.ts';
import { POOL_SIZE_BOUNDS, PROVIDER_KINDS } from './model/provider-kind.ts';
import { InvalidInput } from './model/refusal.ts';
import { CAPTURE_MODES } from './model/snapshot.ts';
import { CPU_CORES, DISK_GIB, MEMORY_MIB } from './model/template.ts';

/**
 * What a caller may send, parsed once at the edge and trusted inside. The same schemas read the
 * pools file. A value out of bounds is refused with the field's name and the bound.
 */

/** Days are the coarsest unit anybody keeps an environment for: a year is enough. */
const MAX_MINUTES = 525_600;
const MAX_SECONDS = MAX_MINUTES * 60;

const minutes = z.int().min(1).max(MAX_MINUTES);
const owner = z.string().min(1).max(128);
const idempotencyKey = z.string().min(1).max(128).nullish();
const poolName = z.string().regex(POOL_NAME, 'must match [a-z][a-z0-9-]{0,29}');
/** Printable: no control, no direction, no line, nothing unassigned; and it shows where it ends. */
const TITLE = /^(?!\p{Z})[^\p{C}\p{Zl}\p{Zp}]{1,60}(?<!\p{Z})$/u;
/** Names that only have to be looked up: a name that cannot exist is simply not found. */
const nameToFind = z.string().max(10_000);

/** Input of `createSession`; the id is a database id. */
export const createSessionInput = z.strictObject({
  pool: nameToFind,
  ttlMinutes: minutes.nullish(),
  idempotencyKey,
  owner: owner.nullish(),
  snapshotId: z.string().nullish(),
});
/** Input of `createSession`. */
export type CreateSessionInput = z.infer<typeof createSessionInput>;

/** Input of `extendSession`; the id is a database id. */
export const extendSessionInput = z.strictObject({
  sessionId: z.string(),
  minutes,
  idempotencyKey,
});
/** Input of `extendSession`. */
export type ExtendSessionInput = z.infer<typeof extendSessionInput>;

/** Input of `saveSession`; the id is a database id. */
export const saveSessionInput = z.strictObject({
  sessionId: z.string(),
  name: z.string().regex(TITLE, 'must be 1 to 60 printable characters, no space at either end'),
  idempotencyKey,
});
/** Input of `saveSession`. */
export type SaveSessionInput = z.infer<typeof saveSessionInput>;

/** Input of `spawnVm`; the id is a database id. */
export const spawnVmInput = z.strictObject({
  pool: nameToFind,
  task: z.string().max(1_000).nullish(),
  ttlMinutes: minutes.nullish(),
  idempotencyKey,
  snapshotId: z.string().nullish(),
});
/** Input of `spawnVm`. */
export type SpawnVmInput = z.infer<typeof spawnVmInput>;

/** Input of `createSnapshots` and `recreateSnapshots`; the id is a database id. */
export const createSnapshotsInput = z
  .strictObject({
    pool: nameToFind,
    sessionId: z.string().nullish(),
    baseCluster: z.boolean().nullish(),
    mode: z.enum(CAPTURE_MODES).nullish(),
  })
  .refine(({ sessionId, baseCluster }) => sessionId == null || baseCluster !== true, {
    path: ['baseCluster'],
    message: 'not together with sessionId: a set comes from one of them',
  });
/** Input of `createSnapshots` and `recreateSnapshots`. */
export type CreateSnapshotsInput = z.infer<typeof createSnapshotsInput>;

const poolLimits = {
  size: z.int().nullish(),
  maxClusters: z.int().nullish(),
  whenEmpty: z.enum(WHEN_EMPTY).nullish(),
  sessionTtlMinutes: minutes.nullish(),
  maxTtlMinutes: minutes.nullish(),
  maxWaitSeconds: z.int().min(1).max(MAX_SECONDS).nullish(),
  maxSessionsPerOwner: z.int().min(1).max(100_000).nullish(),
  snapshotMaxAgeSeconds: z.int().min(60).max(MAX_SECONDS).nullish(),
  templateSets: z.int().min(1).max(MOST_TEMPLATE_SETS).nullish(),
};

/** Input of `createClusterPool`, and one entry of the pools file. */
export const createClusterPoolInput = z.strictObject({
  name: poolName,
  provider: z.enum(PROVIDER_KINDS),
  template: z.string().max(100).nullish(),
  image: imageName.nullish(),
  memoryMiB: z.int().min(MEMORY_MIB.min).max(MEMORY_MIB.max).nullish(),
  cpuCores: z.int().min(CPU_CORES.min).max(CPU_CORES.max).nullish(),
  diskGiB: z.number().min(DISK_GIB.min).max(DISK_GIB.max).nullish(),
  recycle: z.enum(RECYCLE_POLICIES).nullish(),
  lazy: z.boolean().nullish(),
  identity: z.enum(IDENTITY_MODES).nullish(),
  readiness: z.enum(READINESS_PROOFS).nullish(),
  ...poolLimits,
});
/** Input of `createClusterPool`. */
export type CreateClusterPoolInput = z.infer<typeof createClusterPoolInput>;

/** Input of `updateClusterPool`. */
export const updateClusterPoolInput = z.strictObject({
  name: nameToFind,
  ifVersion: z.int().nullish(),
  ...poolLimits,
});
/** Input of `updateClusterPool`. */
export type UpdateClusterPoolInput = z.infer<typeof updateClusterPoolInput>;

/** The settings of a pool that depend on one another. */
export interface PoolBounds {
  readonly provider: keyof typeof POOL_SIZE_BOUNDS;
  readonly size: number;
  readonly maxClusters: number;
  readonly sessionTtlMinutes: number;
  readonly maxTtlMinutes: number;
}

/** Refuses settings of a pool that do not fit its provider or each other. */
export function assertPoolBounds(pool: PoolBounds): void {
  const { min, max } = POOL_SIZE_BOUNDS[pool.provider];
  const range = `${min} to ${max} for provider ${pool.provider}`;
  if (pool.size < min || pool.size > max) throw new InvalidInput(`size must be ${range}`, 'size');
  if (pool.maxClusters < min || pool.maxClusters > max)
    throw new InvalidInput(`maxClusters must be ${range}`, 'maxClusters');
  if (pool.maxClusters < pool.size)
    throw new InvalidInput('maxClusters must not be below size', 'maxClusters');
  if (pool.maxTtlMinutes < pool.sessionTtlMinutes)
    throw new InvalidInput('maxTtlMinutes must not be below sessionTtlMinutes', 'maxTtlMinutes');
}

/** The input as its schema has it, or a refusal that names the first field that is wrong. */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): z.infer<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') || null;
  throw new InvalidInput(`${field ?? 'input'}: ${issue?.message ?? 'not acceptable'}`, field);
}
