import { getPool } from '../db/cluster-pool.ts';
import type { Db } from '../db/connection.ts';
import { findCurrentImage } from '../db/image.ts';
import { findTemplate } from '../db/template.ts';
import type { Cluster } from '../schema/model/cluster.ts';
import type { ClusterPool } from '../schema/model/cluster-pool.ts';
import { imageRef } from '../schema/model/image.ts';
import type { ProviderKind } from '../schema/model/provider-kind.ts';
import type { SetKey, Snapshot } from '../schema/model/snapshot.ts';
import { imageOfRole, type RoleSpec } from '../schema/model/template.ts';
import { vmName } from '../schema/model/vm-handle.ts';
import {
  ProviderError,
  type ClusterRef,
  type OutsideObject,
  type Provider,
  type SetRef,
  type StepKind,
} from './providers/provider.ts';
import type { Deps, Work } from './reconcilers/reconciler.ts';

/** How rows are called outside: one place makes every name that a provider is given. */

/** The provider of a pool, or an error that tells people what is missing. */
export function providerOf(deps: Deps, kind: ProviderKind): Provider {
  const provider = deps.provider(kind);
  if (provider !== undefined) return provider;
  throw new ProviderError(`provider ${kind} is not available on this host`, { retryable: true });
}

/** A cluster as its provider needs to know it. */
export function clusterRef(db: Db, cluster: Cluster): ClusterRef {
  const pool = getPool(db, cluster.poolId);
  const roles = rolesOf(db, pool);
  const { id, name, namespace, poolId } = cluster;
  const vms = roles.map((spec) => ({ ...spec, name: vmName(spec.role, name) }));
  const { name: poolName, identity, readiness } = pool;
  return { id, name, namespace, poolId, poolName, identity, readiness, vms };
}

/** A set as its provider needs to know it; its rows are one set, and there is at least one. */
export function setRef(db: Db, rows: readonly Snapshot[], owner: Cluster | undefined): SetRef {
  const [first] = rows;
  if (first === undefined) throw new Error('a set has at least one snapshot');
  const pool = getPool(db, first.poolId);
  return {
    id: setId(first),
    poolId: pool.id,
    poolName: pool.name,
    number: first.set,
    cluster: owner === undefined ? null : clusterRef(db, owner),
    readiness: pool.readiness,
    snapshots: rows.map(({ role, name }) => ({ role, name })),
    roles: rolesOf(db, pool),
    namesNone: findTemplate(db, pool.templateId)?.roles.every(({ image }) => image === null),
  };
}

/**
 * What a pool is made of now, each image in its current version, as `games@3`. Without a version
 * that is READY it stays as the pool has it: of a plain name no provider can make anything, and
 * where there is none, the provider decides.
 */
function rolesOf(db: Db, { templateId }: ClusterPool): RoleSpec[] {
  const template = findTemplate(db, templateId);
  if (template === undefined) return [];
  return template.roles.map((role) => {
    const name = imageOfRole(template, role);
    const current = name === null ? undefined : findCurrentImage(db, name);
    return current === undefined ? role : { ...role, image: imageRef(current) };
  });
}

/** The id of a set outside: unique in the installation, as set numbers are in their pool. */
export function setId({ poolId, set }: SetKey): string {
  return `${poolId}-${set}`;
}

/** Which set an id made by `setId` stands for. */
export function setKey(id: string): SetKey {
  const at = id.lastIndexOf('-');
  return { poolId: id.slice(0, at), set: Number(id.slice(at + 1)) };
}

/** A cluster as an object that can be removed. */
export function clusterObject(cluster: Cluster): OutsideObject {
  const { id, name, poolId } = cluster;
  return { kind: 'CLUSTER', id, name, poolId };
}

/** A set as an object that can be removed. */
export function setObject(snapshot: Snapshot): OutsideObject {
  const { poolId, set } = snapshot;
  return { kind: 'SET', id: setId(snapshot), name: `set ${set}`, poolId };
}

/** A piece of work at something of a pool, within the limits of the pool's provider. */
export function workAt(deps: Deps, db: Db, poolId: string, id: string, kind: StepKind): Work {
  const { provider: group } = getPool(db, poolId);
  const capabilities = deps.provider(group)?.capabilities;
  // Without its provider the pass only finds that out, and says so on the row.
  const parallel = capabilities?.parallel[kind] ?? 1;
  return { id, group, parallel, deadlineMs: capabilities?.deadlineMs[kind] ?? 1_000 };
}
