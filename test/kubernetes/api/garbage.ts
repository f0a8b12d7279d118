import type { Controller, KubeObject, ObjectMeta, Objects } from '../ports.ts';
import type { Store } from './store.ts';

/** Ends an object that waits until what it owns is gone. */
const FOREGROUND = 'foregroundDeletion';

/** Deletes what was owned by objects that are gone; its keys are UIDs. */
export function garbageCollector(store: Store, objects: Objects): Controller {
  return {
    name: 'garbage-collector',
    concerns: ({ type, object }) => {
      const { uid, ownerReferences = [], finalizers = [] } = object.metadata;
      if (type === 'DELETED') {
        const owners = ownerReferences.map((owner) => owner.uid);
        return [...store.ownedBy(uid).map((owned) => owned.metadata.uid), ...owners];
      }
      return ownerReferences.length > 0 || finalizers.includes(FOREGROUND) ? [uid] : [];
    },
    reconcile: (uid) => {
      const object = store.byUid(uid);
      if (object === undefined) return undefined;
      collect(store, objects, object);
      endForeground(store, objects, object);
      return undefined;
    },
  };
}

function collect(store: Store, objects: Objects, object: KubeObject): void {
  const { ownerReferences: owners = [], namespace } = object.metadata;
  const isThere = ({ uid }: { readonly uid: string }) => {
    const owner = store.byUid(uid);
    const space = owner?.metadata.namespace;
    return owner !== undefined && (space === undefined || space === namespace);
  };
  const left = owners.filter(isThere);
  if (owners.length === left.length) return;
  if (left.length === 0) objects.remove(object);
  else objects.update(object, (now) => withMeta(now, { ownerReferences: left }));
}

/** A deletion in the foreground: first what it owns, then the object. */
function endForeground(store: Store, objects: Objects, object: KubeObject): void {
  const { uid, finalizers = [], deletionTimestamp } = object.metadata;
  if (deletionTimestamp === undefined || !finalizers.includes(FOREGROUND)) return;
  const owned = store.ownedBy(uid);
  for (const one of owned) objects.remove(one);
  const blocks = store
    .ownedBy(uid)
    .some(({ metadata: { ownerReferences = [] } }) =>
      ownerReferences.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
    );
  if (blocks) return;
  const left = finalizers.filter((one) => one !== FOREGROUND);
  objects.update(object, (now) => withMeta(now, { finalizers: left }));
}

function withMeta(object: KubeObject, metadata: Partial<ObjectMeta>): KubeObject {
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}
