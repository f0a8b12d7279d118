import type { KubeObject, ObjectChange } from '../ports.ts';
import { expired } from './refusals.ts';

/** A change as the history keeps it. */
export interface StoredChange extends ObjectChange {
  readonly version: number;
  /** The object before, undefined for a new one. */
  readonly before: KubeObject | undefined;
}

/** How many changes a watch or a list can go back. */
const WINDOW = 10_000;

/** Every object that is there, and what changed lately: one version counts all changes. */
export class Store {
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #byUid = new Map<string, KubeObject>();
  readonly #byOwner = new Map<string, Set<string>>();
  readonly #listeners = new Set<(change: StoredChange) => void>();
  readonly #window: number;
  #history: StoredChange[] = [];
  #version = 1000;
  #forgotten = 1000;

  constructor(window = WINDOW) {
    this.#window = window;
  }

  /** The version of the latest change. */
  get version(): number {
    return this.#version;
  }

  get(kind: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(kind)?.get(keyOf(namespace, name));
  }

  byUid(uid: string): KubeObject | undefined {
    return this.#byUid.get(uid);
  }

  /** The objects that name this one as their owner. */
  ownedBy(uid: string): KubeObject[] {
    const uids = [...(this.#byOwner.get(uid) ?? [])];
    return uids.flatMap((one) => this.#byUid.get(one) ?? []);
  }

  /** In the order of their keys, as etcd lists them. */
  list(kind: string): KubeObject[] {
    return inOrder(this.#objects.get(kind) ?? new Map<string, KubeObject>());
  }

  /** What a list answered when this version was the latest. */
  listAt(kind: string, version: number): KubeObject[] {
    const then = new Map(this.#objects.get(kind) ?? []);
    for (const change of this.since(version).reverse()) {
      if (change.object.kind !== kind) continue;
      const { namespace, name } = change.object.metadata;
      if (change.before === undefined) then.delete(keyOf(namespace, name));
      else then.set(keyOf(namespace, name), change.before);
    }
    return inOrder(then);
  }

  /** The changes after a version; refuses where they are no longer all kept. */
  since(version: number): StoredChange[] {
    if (version < this.#forgotten) {
      throw expired(`too old resource version: ${version} (${this.#forgotten})`);
    }
    return this.#history.filter((change) => change.version > version);
  }

  /** Forgets the history, as an API server does that starts anew. */
  forget(): void {
    this.#history = [];
    this.#forgotten = this.#version;
  }

  /** Puts an object in its place, with a new version, and tells of it. */
  put(object: KubeObject): KubeObject {
    const { namespace, name } = object.metadata;
    const before = this.get(object.kind, namespace, name);
    const kept = this.#stamped(object);
    this.#forgetOwners(before);
    this.#place(kept.kind).set(keyOf(namespace, name), kept);
    this.#byUid.set(kept.metadata.uid, kept);
    for (const { uid } of kept.metadata.ownerReferences ?? []) {
      const owned = this.#byOwner.get(uid) ?? new Set();
      this.#byOwner.set(uid, owned.add(kept.metadata.uid));
    }
    this.#tell({ type: before ? 'MODIFIED' : 'ADDED', object: kept, before });
    return kept;
  }

  /** Takes an object away; its last state is told with the version of its end. */
  drop(object: KubeObject): KubeObject {
    const { namespace, name, uid } = object.metadata;
    const before = this.get(object.kind, namespace, name);
    const last = this.#stamped(object);
    this.#place(object.kind).delete(keyOf(namespace, name));
    this.#forgetOwners(before);
    this.#byUid.delete(uid);
    this.#tell({ type: 'DELETED', object: last, before });
    return last;
  }

  /** Calls back after every change, in order. */
  onChange(listener: (change: StoredChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #stamped(object: KubeObject): KubeObject {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#version}` } };
  }

  #place(kind: string): Map<string, KubeObject> {
    const place = this.#objects.get(kind) ?? new Map<string, KubeObject>();
    this.#objects.set(kind, place);
    return place;
  }

  #forgetOwners(object: KubeObject | undefined): void {
    for (const { uid } of object?.metadata.ownerReferences ?? []) {
      const owned = this.#byOwner.get(uid);
      owned?.delete(object?.metadata.uid ?? '');
      if (owned?.size === 0) this.#byOwner.delete(uid);
    }
  }

  #tell(change: Omit<StoredChange, 'version'>): void {
    const told = { ...change, version: this.#version };
    this.#history.push(told);
    if (this.#history.length > this.#window) this.#forgotten = this.#history.shift()?.version ?? 0;
    for (const listener of this.#listeners) listener(told);
  }
}

/** How an object is called in a kind: its namespace and its name. */
export function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function inOrder(objects: ReadonlyMap<string, KubeObject>): KubeObject[] {
  const keys = [...objects.keys()].sort((one, other) => (one < other ? -1 : 1));
  return keys.flatMap((key) => objects.get(key) ?? []);
}
