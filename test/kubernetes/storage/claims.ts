import type { Controller, KubeObject } from '../ports.ts';
import { CLAIM_PROTECTION } from './claim-admission.ts';
import { claimNameOf, usersOf, waitsForConsumer } from './classes.ts';
import { controllerOf, keyOf, namesOf, unguarded, withStatus, type Depot } from './depot.ts';
import { bytesOf } from './quantity.ts';
import type { Claim, Instance, Pod } from './shapes.ts';

/** Set on a claim that is to be bound although its class waits for a consumer. */
export const BIND_NOW = 'cdi.kubevirt.io/storage.bind.immediate.requested';
/** The class of the populators of CDI: whoever fills such a claim also binds it. */
export const CDI_GROUP = 'cdi.kubevirt.io';

/** Binds claims, fills those that come from a snapshot or a claim, grows them, lets them go. */
export function claimController(depot: Depot): Controller {
  return {
    name: 'claims',
    concerns: ({ object }) => claimsConcerned(depot, object),
    reconcile(key) {
      const { namespace, name } = namesOf(key);
      const claim = depot.find('PersistentVolumeClaim', namespace, name);
      if (claim === undefined) return undefined;
      if (claim.metadata.deletionTimestamp !== undefined) return letGo(depot, claim);
      if (claim.status?.phase === 'Bound') return grow(depot, claim);
      return bind(depot, claim);
    },
  };
}

/** Binds a claim whose contents are there, or are about to be. */
export function markBound(depot: Depot, claim: Claim): void {
  const { sim } = depot;
  const storage = claim.spec.resources?.requests?.storage ?? '1Gi';
  const volumeName = `pvc-${claim.metadata.uid}`;
  depot.change(claim, (now) =>
    withStatus(
      { ...now, spec: { ...now.spec, volumeName } },
      { phase: 'Bound', capacity: { storage }, accessModes: now.spec.accessModes },
    ),
  );
  sim.tell('claim bound', keyOf(claim));
}

function claimsConcerned(depot: Depot, object: KubeObject): readonly string[] {
  const namespace = object.metadata.namespace ?? '';
  if (object.kind === 'PersistentVolumeClaim') return [keyOf(object)];
  if (object.kind === 'Pod') {
    const volumes = (object as Pod).spec?.volumes ?? [];
    return volumes.flatMap(({ persistentVolumeClaim: claim }) =>
      claim === undefined ? [] : [`${namespace}/${claim.claimName}`],
    );
  }
  if (object.kind === 'VirtualMachineInstance') {
    const names = ((object as Instance).spec.volumes ?? []).map(claimNameOf);
    return names.flatMap((name) => (name === undefined ? [] : [`${namespace}/${name}`]));
  }
  if (object.kind !== 'VolumeSnapshot') return [];
  const waiting = depot.all('PersistentVolumeClaim', namespace);
  return waiting.filter(({ status }) => status?.phase === 'Pending').map(keyOf);
}

function letGo(depot: Depot, claim: Claim): undefined {
  const { namespace = '', name } = claim.metadata;
  if (usersOf(depot, namespace, name).length > 0) return;
  depot.change(claim, (now) => unguarded(now, CLAIM_PROTECTION));
}

function grow(depot: Depot, claim: Claim): number | undefined {
  const storage = claim.spec.resources?.requests?.storage;
  const has = claim.status?.capacity?.storage;
  if ((bytesOf(storage) ?? 0) <= (bytesOf(has) ?? 0) || storage === undefined) return undefined;
  const { storageClassName } = claim.spec;
  const grows = depot.find('StorageClass', undefined, storageClassName)?.allowVolumeExpansion;
  if (grows !== true) return undefined;
  const left = depot.left(claim, `resize to ${storage}`, [1000, 5000]);
  if (left > 0) return left;
  depot.change(claim, (now) => withStatus(now, { capacity: { storage } }));
  return undefined;
}

function bind(depot: Depot, claim: Claim): number | undefined {
  const { namespace = '', name, annotations } = claim.metadata;
  if (claim.spec.dataSourceRef?.apiGroup === CDI_GROUP) return undefined;
  const { storageClassName } = claim.spec;
  if (depot.find('StorageClass', undefined, storageClassName) === undefined) {
    return complain(depot, claim, `storageclass.storage.k8s.io "${storageClassName}" not found`);
  }
  const isForced = annotations?.[BIND_NOW] !== undefined;
  const waits = waitsForConsumer(depot, storageClassName) && !isForced;
  if (waits && usersOf(depot, namespace, name).length === 0) return undefined;
  if (isStuck(depot, claim)) {
    return complain(depot, claim, 'rpc error: code = Internal desc = the driver refuses');
  }
  return provision(depot, claim);
}

function provision(depot: Depot, claim: Claim): number | undefined {
  const source = sourceOf(depot, claim);
  if ('problem' in source) return complain(depot, claim, source.problem);
  const isCopy = source.id !== undefined;
  const left = depot.left(claim, 'provision', isCopy ? [3000, 20_000] : [500, 3000]);
  if (left > 0) return left;
  const { disks } = depot.sim;
  const { uid } = claim.metadata;
  // A volume that somebody filled before it was bound stays as it is.
  if (isCopy) disks.write(uid, { kind: 'COPY', of: source.id });
  else if (!disks.exists(uid)) disks.write(uid, { kind: 'EMPTY' });
  markBound(depot, claim);
  return undefined;
}

/** Where a claim's contents come from: nothing, a snapshot, or a claim beside it. */
function sourceOf(
  depot: Depot,
  claim: Claim,
): { readonly id: string | undefined } | { readonly problem: string } {
  const { dataSource } = claim.spec;
  if (dataSource === undefined) return { id: undefined };
  const { namespace } = claim.metadata;
  const { kind, name } = dataSource;
  const what = `error getting handle for DataSource Type ${kind} by Name ${name}`;
  if (dataSource.kind === 'PersistentVolumeClaim') {
    const other = depot.find('PersistentVolumeClaim', namespace, dataSource.name);
    if (other?.status?.phase === 'Bound') return { id: other.metadata.uid };
    return { problem: `${what}: claim in namespace ${namespace} is not bound` };
  }
  const snapshot = depot.find('VolumeSnapshot', namespace, dataSource.name);
  if (snapshot === undefined) {
    return { problem: `${what}: error getting snapshot ${dataSource.name} from api server` };
  }
  if (snapshot.status?.readyToUse !== true) {
    return { problem: `${what}: snapshot ${dataSource.name} is not Ready` };
  }
  const needed = snapshot.status.restoreSize;
  if ((bytesOf(claim.spec.resources?.requests?.storage) ?? 0) < (bytesOf(needed) ?? 0)) {
    return {
      problem: `requested volume size is less than the size ${needed} of the source snapshot`,
    };
  }
  return { id: snapshot.metadata.uid };
}

/** A driver that refuses leaves the claim Pending for ever; so does a restore that is to hang. */
function isStuck(depot: Depot, claim: Claim): boolean {
  const { namespace, annotations } = claim.metadata;
  const owner = controllerOf(claim)?.name;
  if (depot.struck('claim-pending', claim, ...(owner === undefined ? [] : [owner]))) return true;
  const restore = depot.find(
    'VirtualMachineRestore',
    namespace,
    annotations?.['restore.kubevirt.io/name'],
  );
  return restore !== undefined && depot.struck('restore-hangs', restore);
}

function complain(depot: Depot, claim: Claim, why: string): number {
  const { storageClassName } = claim.spec;
  const message = `failed to provision volume with StorageClass "${storageClassName}": ${why}`;
  depot.sim.objects.event(claim, 'Warning', 'ProvisioningFailed', message);
  return retryAfter(depot.count(claim, 'provisioning failed'));
}

/** How long a controller waits before it tries again: longer each time, at most a minute. */
export function retryAfter(tries: number): number {
  return Math.min(60_000, 1000 * 2 ** Math.min(tries - 1, 6));
}
