import { isDeepStrictEqual } from 'node:util';
import type { World } from '../../../server/world.ts';
import type { KubeObject, NewObject, ObjectMeta, Objects } from '../ports.ts';
import { at, fieldsOf, listOf } from './fields.ts';
import { apiVersionOf, type Kinds } from './kinds.ts';
import { newMeta, timestamp } from './meta.ts';
import { alreadyExists, forbidden, notFound } from './refusals.ts';
import { refuseOverQuota } from './quota.ts';
import type { Store } from './store.ts';

/** The objects of a store, as the API server itself and every controller change them. */
export class KeptObjects implements Objects {
  readonly #store: Store;
  readonly #kinds: Kinds;
  readonly #world: World;

  constructor(store: Store, kinds: Kinds, world: World) {
    this.#store = store;
    this.#kinds = kinds;
    this.#world = world;
  }

  get(kind: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#store.get(kind, namespace, name);
  }

  list(
    kind: string,
    where: { namespace?: string | undefined; labels?: Readonly<Record<string, string>> } = {},
  ): KubeObject[] {
    const labels = Object.entries(where.labels ?? {});
    return this.#store.list(kind).filter(({ metadata }) => {
      if (where.namespace !== undefined && metadata.namespace !== where.namespace) return false;
      return labels.every(([name, value]) => metadata.labels?.[name] === value);
    });
  }

  create(kind: string, object: NewObject): KubeObject {
    const made = this.shape(kind, object);
    this.refuseCreation(made);
    return this.put(made);
  }

  /** Puts a new object in its place, after all that could refuse it was asked. */
  put(made: KubeObject): KubeObject {
    return this.#store.put(made);
  }

  /** The object as it would be created: named, identified and dated. */
  shape(kindName: string, object: NewObject): KubeObject {
    const kind = this.#kinds.named(kindName);
    const { apiVersion: _version, kind: _kind, metadata, ...content } = object;
    return {
      apiVersion: apiVersionOf(kind),
      kind: kindName,
      metadata: newMeta(this.#world, kind, metadata, 'spec' in object),
      ...content,
    };
  }

  /** Refuses what may not be created now: a name that is taken, a namespace that ends. */
  refuseCreation(made: KubeObject): void {
    const kind = this.#kinds.named(made.kind);
    const { name, namespace } = made.metadata;
    if (namespace !== undefined) {
      const home = this.#store.get('Namespace', undefined, namespace);
      if (home === undefined) throw notFound(this.#kinds.named('Namespace'), namespace);
      if (home.metadata.deletionTimestamp !== undefined) {
        const why = `unable to create new content in namespace ${namespace}`;
        throw forbidden(kind, name, `${why} because it is being terminated`);
      }
    }
    if (this.#store.get(made.kind, namespace, name)) throw alreadyExists(kind, name);
    refuseOverQuota(this, kind, made);
  }

  update(object: KubeObject, change: (now: KubeObject) => KubeObject): KubeObject | undefined {
    const { namespace, name, uid } = object.metadata;
    const now = this.#store.get(object.kind, namespace, name);
    if (now === undefined || now.metadata.uid !== uid) return undefined;
    const wanted = change(now);
    if (isDeepStrictEqual(wanted, now)) return now;
    const isNewSpec = !isDeepStrictEqual(wanted.spec, now.spec);
    const generation = (now.metadata.generation ?? 0) + (isNewSpec ? 1 : 0);
    const metadata = { ...wanted.metadata, ...(generation > 0 && { generation }) };
    const next = { ...wanted, metadata: withoutEmpty(metadata) };
    if (next.metadata.deletionTimestamp !== undefined && !isHeld(next)) {
      this.#store.drop(next);
      return undefined;
    }
    return this.#store.put(next);
  }

  remove(object: KubeObject): void {
    const { namespace, name, uid } = object.metadata;
    const now = this.#store.get(object.kind, namespace, name);
    if (now === undefined || now.metadata.uid !== uid) return;
    if (!isHeld(now)) {
      this.#store.drop(now);
      return;
    }
    if (now.metadata.deletionTimestamp !== undefined) return;
    const deletionTimestamp = timestamp(this.#world);
    const metadata = { ...now.metadata, deletionTimestamp, deletionGracePeriodSeconds: 0 };
    const status = { ...fieldsOf(now.status), phase: 'Terminating' };
    this.#store.put({ ...now, metadata, ...(now.kind === 'Namespace' && { status }) });
  }

  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { namespace = 'default', name, uid, resourceVersion } = about.metadata;
    if (this.#store.get('Namespace', undefined, namespace) === undefined) return;
    const lastTimestamp = timestamp(this.#world);
    const known = this.list('Event', { namespace }).find(
      (event) =>
        at(event, 'involvedObject.uid') === uid &&
        event['reason'] === reason &&
        event['message'] === message,
    );
    if (known !== undefined) {
      this.update(known, (now) => ({ ...now, count: Number(now['count']) + 1, lastTimestamp }));
      return;
    }
    this.#store.put(
      this.shape('Event', {
        metadata: { name: `${name}.${this.#world.newId().slice(0, 16)}`, namespace },
        involvedObject: {
          apiVersion: about.apiVersion,
          kind: about.kind,
          name,
          namespace: about.metadata.namespace,
          uid,
          resourceVersion,
        },
        type,
        reason,
        message,
        count: 1,
        firstTimestamp: lastTimestamp,
        lastTimestamp,
        source: { component: 'simulator' },
      }),
    );
  }
}

/** Whether something must happen before the object can go. */
function isHeld(object: KubeObject): boolean {
  if ((object.metadata.finalizers?.length ?? 0) > 0) return true;
  return object.kind === 'Namespace' && listOf(at(object, 'spec.finalizers')).length > 0;
}

/** Empty lists and maps are not kept, as the real server leaves them out. */
function withoutEmpty(metadata: ObjectMeta): ObjectMeta {
  const { finalizers, ownerReferences, ...rest } = metadata;
  return {
    ...rest,
    ...(finalizers?.length ? { finalizers } : {}),
    ...(ownerReferences?.length ? { ownerReferences } : {}),
  };
}
