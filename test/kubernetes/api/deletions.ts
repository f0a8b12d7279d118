import { ApiError, type KubeObject } from '../ports.ts';
import { at, type Fields, fieldsOf, textOf } from './fields.ts';
import type { KeptObjects } from './kept-objects.ts';
import { conflict } from './refusals.ts';
import { matcher } from './selector.ts';
import type { Store } from './store.ts';
import type { Target } from './target.ts';
import { admit, existing, isDry } from './writes.ts';

/** What a deletion works on. */
export interface Deleting {
  readonly objects: KeptObjects;
  readonly store: Store;
}

/** A deletion as a client asks for it. */
export interface Deletion {
  readonly target: Target;
  readonly query: URLSearchParams;
  /** `DeleteOptions`, or nothing. */
  readonly body: unknown;
  readonly user: string;
}

/** Deletes one object; answers as the real server: the object while it stays, else a Status. */
export function remove(on: Deleting, deletion: Deletion): Fields {
  const { kind } = deletion.target;
  const object = existing(on.objects, deletion.target);
  refuseOtherThan(deletion, object);
  admit(kind, 'DELETE', object, object, deletion.user);
  if (isDry(deletion)) return success(deletion.target, object);
  const { namespace, name, uid } = object.metadata;
  propagate(on, deletion, object);
  on.objects.remove(on.objects.get(kind.kind, namespace, name) ?? object);
  const left = on.objects.get(kind.kind, namespace, name);
  return left?.metadata.uid === uid ? left : success(deletion.target, object);
}

/** Deletes all objects that a selector names; answers the list of them. */
export function removeAll(on: Deleting, deletion: Deletion): KubeObject[] {
  const { kind, namespace } = deletion.target;
  if (kind.kind === 'Namespace') {
    const message = 'the server does not allow this method on the requested resource';
    throw new ApiError(405, 'MethodNotAllowed', message);
  }
  const matches = matcher(deletion.query, namespace);
  const objects = on.store.list(kind.kind).filter(matches);
  for (const object of objects) {
    const target = { ...deletion.target, ...object.metadata, namespace: object.metadata.namespace };
    remove(on, { ...deletion, target });
  }
  return objects;
}

function refuseOtherThan({ target, body }: Deletion, object: KubeObject): void {
  const wanted = fieldsOf(fieldsOf(body)['preconditions']);
  const { uid, resourceVersion, name } = object.metadata;
  const checks = [
    { what: 'UID', asked: textOf(wanted['uid']), is: uid },
    { what: 'ResourceVersion', asked: textOf(wanted['resourceVersion']), is: resourceVersion },
  ];
  for (const { what, asked, is } of checks) {
    if (asked === undefined || asked === is) continue;
    const why = `${what} in precondition: ${asked}, ${what} in object meta: ${is}`;
    throw conflict(target.kind, name, `Precondition failed: ${why}`);
  }
}

/** What is to become of the objects that this one owns; by default they go after it. */
function propagate(on: Deleting, { query, body }: Deletion, object: KubeObject): void {
  const policy = query.get('propagationPolicy') ?? at(body, 'propagationPolicy');
  if (policy === 'Foreground') {
    on.objects.update(object, (now) => {
      const finalizers = new Set([...(now.metadata.finalizers ?? []), 'foregroundDeletion']);
      return { ...now, metadata: { ...now.metadata, finalizers: [...finalizers] } };
    });
  }
  if (policy !== 'Orphan' && at(body, 'orphanDependents') !== true) return;
  const { uid } = object.metadata;
  for (const owned of on.store.ownedBy(uid)) {
    on.objects.update(owned, (now) => {
      const owners = now.metadata.ownerReferences?.filter((owner) => owner.uid !== uid) ?? [];
      return { ...now, metadata: { ...now.metadata, ownerReferences: owners } };
    });
  }
}

function success({ kind }: Target, { metadata: { name, uid } }: KubeObject): Fields {
  const group = kind.group === '' ? {} : { group: kind.group };
  const details = { name, ...group, kind: kind.plural, uid };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}
