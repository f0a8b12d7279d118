import type { Admission, Controller, KubeObject } from '../ports.ts';
import { isDefaultSnapshotClass, snapshotClassesOf } from './classes.ts';
import { controllerOf, keyOf, namesOf, withStatus, type Depot } from './depot.ts';
import { bytesOf } from './quantity.ts';
import { refuseInvalid } from './refusal.ts';
import type { Claim, VolumeSnapshot, VolumeSnapshotClass } from './shapes.ts';

const CLAIM = 'persistentVolumeClaimName';
const CONTENT = 'volumeSnapshotContentName';

/** The rules that the schema of a VolumeSnapshot carries itself. */
export function admitVolumeSnapshot({ operation, object, before }: Admission): KubeObject {
  if (operation === 'DELETE') return object;
  const { spec, metadata } = object as VolumeSnapshot;
  const refuse = (field: string, message: string) =>
    refuseInvalid('VolumeSnapshot.snapshot.storage.k8s.io', metadata.name, {
      reason: 'FieldValueInvalid',
      field,
      message: `Invalid value: ${message}`,
    });
  if ((spec.source[CLAIM] === undefined) === (spec.source[CONTENT] === undefined)) {
    refuse('spec.source', `exactly one of ${CONTENT} and ${CLAIM} must be set`);
  }
  if (spec.volumeSnapshotClassName === '') {
    refuse('spec.volumeSnapshotClassName', 'must not be the empty string when set');
  }
  const was = (before as VolumeSnapshot | undefined)?.spec.source;
  for (const field of [CLAIM, CONTENT] as const) {
    if (was === undefined || was[field] === spec.source[field]) continue;
    const changed = spec.source[field] === undefined ? 'required once set' : 'immutable';
    refuse(`spec.source.${field}`, `${field} is ${changed}`);
  }
  return object;
}

/** Takes snapshots of volumes: cut at one moment, usable at a later one. */
export function volumeSnapshotController(depot: Depot): Controller {
  return {
    name: 'volume snapshots',
    concerns({ object }) {
      if (object.kind === 'VolumeSnapshot') return [keyOf(object)];
      if (object.kind !== 'PersistentVolumeClaim') return [];
      return depot
        .all('VolumeSnapshot', object.metadata.namespace)
        .filter(({ spec }) => spec.source[CLAIM] === object.metadata.name)
        .map(keyOf);
    },
    reconcile(key) {
      const { namespace, name } = namesOf(key);
      const snapshot = depot.find('VolumeSnapshot', namespace, name);
      if (snapshot === undefined) return undefined;
      if (snapshot.status?.readyToUse === true) return maybeLose(depot, snapshot);
      return snapshot.status?.creationTime === undefined
        ? cut(depot, snapshot)
        : makeReady(depot, snapshot);
    },
  };
}

function cut(depot: Depot, snapshot: VolumeSnapshot): number | undefined {
  const { namespace } = snapshot.metadata;
  const claimName = snapshot.spec.source[CLAIM];
  if (claimName === undefined) return undefined;
  const claim = depot.find('PersistentVolumeClaim', namespace, claimName);
  const found = classOf(depot, snapshot, claim);
  if (claim?.status?.phase !== 'Bound' || 'problem' in found) {
    const why = 'problem' in found ? found.problem : `claim ${claimName} is not bound or missing`;
    return fail(depot, snapshot, why);
  }
  if (befalls(depot, 'snapshot-fails', snapshot)) {
    return fail(depot, snapshot, 'rpc error: code = Internal desc = the driver cannot snapshot');
  }
  const left = depot.left(snapshot, 'cut', [200, 1500]);
  if (left > 0) return left;
  depot.sim.disks.snapshot(snapshot.metadata.uid, claim.metadata.uid);
  const content = addContent(depot, snapshot, claim, found.class);
  depot.change(snapshot, (now) =>
    withStatus(now, {
      boundVolumeSnapshotContentName: content,
      creationTime: depot.now(),
      readyToUse: false,
      restoreSize: claim.status?.capacity?.storage,
      error: undefined,
    }),
  );
  depot.sim.tell('volume snapshot cut', keyOf(snapshot));
  return undefined;
}

function makeReady(depot: Depot, snapshot: VolumeSnapshot): number | undefined {
  if (befalls(depot, 'snapshot-never-ready', snapshot)) return undefined;
  const left = depot.left(snapshot, 'upload', [1000, 10_000]);
  if (left > 0) return left;
  depot.change(snapshot, (now) => withStatus(now, { readyToUse: true }));
  return undefined;
}

function maybeLose(depot: Depot, snapshot: VolumeSnapshot): number | undefined {
  if (!befalls(depot, 'snapshot-lost', snapshot)) return undefined;
  const left = depot.left(snapshot, 'loss', [5000, 30_000]);
  if (left > 0) return left;
  depot.sim.tell('volume snapshot lost', keyOf(snapshot));
  depot.sim.objects.remove(snapshot);
  return undefined;
}

function classOf(
  depot: Depot,
  snapshot: VolumeSnapshot,
  claim: Claim | undefined,
): { readonly class: VolumeSnapshotClass } | { readonly problem: string } {
  const wanted = snapshot.spec.volumeSnapshotClassName;
  const storage = depot.find('StorageClass', undefined, claim?.spec.storageClassName);
  const driver = storage?.provisioner ?? '';
  const found =
    wanted === undefined
      ? snapshotClassesOf(depot, driver).find(isDefaultSnapshotClass)
      : depot.find('VolumeSnapshotClass', undefined, wanted);
  if (found === undefined) return { problem: `cannot find a default snapshot class` };
  if (claim !== undefined && found.driver !== driver) {
    return { problem: `the driver ${found.driver} cannot snapshot volumes of ${driver}` };
  }
  return { class: found };
}

function addContent(
  depot: Depot,
  { metadata, apiVersion, kind }: VolumeSnapshot,
  claim: Claim,
  from: VolumeSnapshotClass,
): string {
  const name = `snapcontent-${metadata.uid}`;
  if (depot.find('VolumeSnapshotContent', undefined, name) !== undefined) return name;
  const { uid, namespace, resourceVersion } = metadata;
  depot.add('VolumeSnapshotContent', {
    metadata: { name },
    spec: {
      deletionPolicy: from.deletionPolicy,
      driver: from.driver,
      source: { volumeHandle: claim.metadata.uid },
      volumeSnapshotClassName: from.metadata.name,
      volumeSnapshotRef: { apiVersion, kind, name: metadata.name, namespace, uid, resourceVersion },
    },
    status: {
      readyToUse: true,
      snapshotHandle: uid,
      creationTime: depot.sim.world.now() * 1e6,
      restoreSize: bytesOf(claim.status?.capacity?.storage) ?? 0,
    },
  });
  return name;
}

function fail(depot: Depot, snapshot: VolumeSnapshot, why: string): number {
  const message = `Failed to create snapshot content with error ${why}`;
  const { status } = snapshot;
  if (status?.error?.message !== message) {
    const error = { message, time: depot.now() };
    depot.change(snapshot, (now) => withStatus(now, { error, readyToUse: false }));
    depot.sim.objects.event(snapshot, 'Warning', 'SnapshotContentCreationFailed', message);
  }
  return 5000;
}

/** Mishaps are meant for a snapshot by its own name, its machine snapshot's or its machine's. */
function befalls(depot: Depot, mishap: string, snapshot: VolumeSnapshot): boolean {
  const { namespace, labels } = snapshot.metadata;
  const owner = controllerOf(snapshot)?.name;
  const content = depot.find('VirtualMachineSnapshotContent', namespace, owner);
  const also = [
    content?.spec.virtualMachineSnapshotName,
    labels?.['snapshot.kubevirt.io/source-vm-name'],
    snapshot.spec.source[CLAIM],
  ];
  return depot.struck(mishap, snapshot, ...also.filter((name) => name !== undefined));
}

/** Drops what a volume or snapshot held, when it is gone. */
export function diskReclaimer(depot: Depot): Controller {
  const kinds = new Set(['PersistentVolumeClaim', 'VolumeSnapshot']);
  return {
    name: 'disk reclaimer',
    concerns: ({ type, object }) =>
      type === 'DELETED' && kinds.has(object.kind) ? [`/${object.metadata.uid}`] : [],
    reconcile(key) {
      const { name: uid } = namesOf(key);
      const content = depot.find('VolumeSnapshotContent', undefined, `snapcontent-${uid}`);
      if (content !== undefined) {
        const { deletionPolicy } = content['spec'] as { readonly deletionPolicy: string };
        if (deletionPolicy === 'Retain') return undefined;
        depot.sim.objects.remove(content);
      }
      if (depot.sim.disks.exists(uid)) depot.sim.disks.drop(uid);
      return undefined;
    },
  };
}
