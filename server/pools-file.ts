import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { findDeletedPools, findPools } from '../db/cluster-pool.ts';
import type { Db } from '../db/connection.ts';
import type { Store } from '../db/store.ts';
import { findTemplate } from '../db/template.ts';
import {
  createClusterPoolInput,
  parseInput,
  type CreateClusterPoolInput,
} from '../schema/inputs.ts';
import { DEFAULT_POOL, type ClusterPool } from '../schema/model/cluster-pool.ts';
import { Refusal } from '../schema/model/refusal.ts';
import type { RoleSpec } from '../schema/model/template.ts';
import { ConfigurationError, type Config } from './config.ts';
import type { Catalogue } from './image-builds.ts';
import {
  addPool,
  poolSettings,
  poolTemplate,
  withMicroDefaults,
  type FindTraits,
} from './pools.ts';

/** The pools that a server begins with. */
type WantedPools = readonly CreateClusterPoolInput[];

const CKS: CreateClusterPoolInput = { name: DEFAULT_POOL, provider: 'SIMULATOR', size: 3 };
const MICRO: CreateClusterPoolInput = { name: 'micro', provider: 'QEMU' };

/** The pools wanted: those of the file, else the default ones this host can have. */
function wantedPools(config: Config, findTraits: FindTraits): WantedPools {
  const pools = config.pools === undefined ? defaultPools(findTraits) : readPools(config.pools);
  return pools.map((pool) => withMicroDefaults(pool, config.microDefaults));
}

function defaultPools(findTraits: FindTraits): WantedPools {
  return findTraits('QEMU') === undefined ? [CKS] : [CKS, MICRO];
}

const list = z.array(z.unknown(), 'must be a list of pools');

function readPools(path: string): WantedPools {
  const entries = list.safeParse(readYaml(path));
  if (!entries.success) throw new ConfigurationError(`SNAPYARD_POOLS: ${path} must be a list`);
  return entries.data.map((entry, index) => {
    try {
      return parseInput(createClusterPoolInput, entry);
    } catch (error) {
      throw unusable(`pool ${index + 1} of ${path}`, error);
    }
  });
}

function readYaml(path: string): unknown {
  try {
    const content: unknown = parse(readFileSync(path, 'utf8'));
    const named = z.object({ pools: z.unknown() }).safeParse(content);
    return named.success ? named.data.pools : content;
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ConfigurationError(`SNAPYARD_POOLS: ${path} cannot be read: ${reason}`);
  }
}

function unusable(what: string, error: unknown): unknown {
  if (!(error instanceof Refusal)) return error;
  return new ConfigurationError(`SNAPYARD_POOLS: ${what}: ${error.message}`);
}

/**
 * Makes the wanted pools at the first start: all of them, or none when one cannot be. Later the
 * database is right; answers one line for every difference between it and the pools file.
 */
export async function ensurePools(
  store: Store,
  config: Config,
  findTraits: FindTraits,
  catalogue: Catalogue = [],
): Promise<string[]> {
  const wanted = wantedPools(config, findTraits);
  const known = store.read((db) => [...findPools(db), ...findDeletedPools(db)]);
  if (known.length === 0) await addAll(store, wanted, findTraits, catalogue);
  else if (config.pools === undefined) {
    // The pool of micro-VMs comes with QEMU, also when that is installed later.
    const late = wanted.filter(({ name }) => name === MICRO.name);
    const absent = late.filter(({ name }) => known.every((pool) => pool.name !== name));
    await addAll(store, absent, findTraits, catalogue);
  } else return store.read((db) => differences(db, wanted, findTraits));
  return [];
}

async function addAll(
  store: Store,
  pools: WantedPools,
  findTraits: FindTraits,
  catalogue: Catalogue,
): Promise<void> {
  await store.transact((tx) => {
    for (const pool of pools) {
      try {
        addPool(tx, pool, findTraits, { cause: 'RESTART' }, catalogue);
      } catch (error) {
        throw unusable(`pool ${pool.name}`, error);
      }
    }
  });
}

function differences(db: Db, wanted: WantedPools, findTraits: FindTraits): string[] {
  const present = new Map(findPools(db).map((pool) => [pool.name, pool]));
  return wanted.flatMap((input) => {
    const pool = present.get(input.name);
    if (pool === undefined) return [`pool ${input.name}: in the file, not in the database`];
    const traits = findTraits(input.provider);
    if (traits === undefined) return [];
    const settings = Object.entries({ ...poolSettings(input, traits), ...sizesOf(input) });
    const stored = new Map(Object.entries({ ...pool, ...storedSizes(db, pool) }));
    return settings
      .filter(([key, value]) => stored.get(key) !== value)
      .map(([key, value]) => {
        const now = String(stored.get(key));
        return `pool ${input.name}: ${key} is ${now} in the database, ${String(value)} in the file`;
      });
  });
}

/** What its VMs start from and how large they are, as the pool itself says it in the file. */
type Sizes = Partial<Pick<RoleSpec, 'image' | 'cpuCores' | 'memoryMiB' | 'diskGiB'>>;

function sizesOf(input: CreateClusterPoolInput): Sizes {
  return sizesOfRole(poolTemplate(input).roles[0]);
}

function storedSizes(db: Db, { templateId }: ClusterPool): Sizes {
  return sizesOfRole(findTemplate(db, templateId)?.roles[0]);
}

function sizesOfRole(role: RoleSpec | undefined): Sizes {
  if (role === undefined) return {};
  const { image, cpuCores, memoryMiB, diskGiB } = role;
  return { image, cpuCores, memoryMiB, diskGiB };
}
