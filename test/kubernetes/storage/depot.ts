import type { KubeObject, NewObject, ObjectMeta, OwnerReference, Simulated } from '../ports.ts';
import type { Shapes } from './shapes.ts';

/** Whether a caller may copy volumes and snapshots out of another namespace. */
export type MayClone = (ask: {
  readonly user: string;
  readonly from: string;
  readonly to: string;
  readonly kind: 'pvc' | 'snapshot';
}) => boolean;

/** How the storage of a cluster is. */
export interface StorageOptions {
  /** Whether a user may `create datavolumes/source` (or what stands for it) in a namespace. */
  readonly mayClone?: MayClone;
  /** Whether the `Snapshot` feature gate is on. */
  readonly snapshots?: boolean;
  /** Golden claims of `vm-templates`, by name, with the image each holds. */
  readonly golden?: Readonly<Record<string, { readonly size: string; readonly image: string }>>;
  /** How the driver of `standard` clones: `snapshot`, `csi-clone` or `copy`. */
  readonly cloneStrategy?: string;
}

/** What every controller of the storage part works with. */
export interface Depot {
  readonly sim: Simulated;
  readonly options: StorageOptions;
  find<K extends keyof Shapes>(
    kind: K,
    namespace: string | undefined,
    name: string | undefined,
  ): Shapes[K] | undefined;
  all<K extends keyof Shapes>(kind: K, namespace?: string): Shapes[K][];
  add(kind: keyof Shapes, object: NewObject): KubeObject;
  /** Writes what `change` makes of the object as it is now; nothing where it is gone. */
  change<T extends KubeObject>(object: T, change: (now: T) => T): T | undefined;
  /** Milliseconds until something that began when it was first asked for is over. */
  left(object: KubeObject, what: string, between: readonly [least: number, most: number]): number;
  /** Milliseconds since something was first asked for. */
  since(object: KubeObject, what: string): number;
  /** How many times this was asked for. */
  count(object: KubeObject, what: string): number;
  /** Whether a mishap befalls an object; asked once for each, by any of the names it goes by. */
  struck(mishap: string, object: KubeObject, ...alsoNamed: readonly string[]): boolean;
  /** The time as objects write it. */
  now(): string;
}

/** Opens the depot: objects with their shapes, and the times and fates of what goes on. */
export function openDepot(sim: Simulated, options: StorageOptions): Depot {
  const begun = new Map<string, number>();
  const spans = new Map<string, number>();
  const counts = new Map<string, number>();
  const fates = new Map<string, boolean>();
  const since = (object: KubeObject, what: string) => {
    const key = `${object.metadata.uid} ${what}`;
    const beginning = begun.get(key) ?? sim.world.elapsed();
    begun.set(key, beginning);
    return sim.world.elapsed() - beginning;
  };
  return {
    sim,
    options,
    ...typedAccess(sim),
    since,
    left(object, what, between) {
      const key = `${object.metadata.uid} ${what}`;
      const drawn = spans.get(key) ?? sim.draw(`${what} ${keyOf(object)}`, between);
      spans.set(key, drawn);
      return Math.max(0, drawn - since(object, what));
    },
    count(object, what) {
      const key = `${object.metadata.uid} ${what}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return counts.get(key) ?? 0;
    },
    struck(mishap, object, ...alsoNamed) {
      const key = `${object.metadata.uid} ${mishap}`;
      const { namespace, name } = object.metadata;
      const meets = () =>
        [name, ...alsoNamed].some((each) => sim.mishaps.strikes(mishap, { namespace, name: each }));
      const fate = fates.get(key) ?? meets();
      fates.set(key, fate);
      return fate;
    },
    now: () => stamp(sim.world.now()),
  };
}

/** The one place where objects get their shapes: they were checked when they were admitted. */
function typedAccess(sim: Simulated): Pick<Depot, 'find' | 'all' | 'add' | 'change'> {
  return {
    find: <K extends keyof Shapes>(kind: K, namespace: string | undefined, name?: string) =>
      name === undefined
        ? undefined
        : (sim.objects.get(kind, namespace, name) as Shapes[K] | undefined),
    all: <K extends keyof Shapes>(kind: K, namespace?: string) =>
      sim.objects.list(kind, { namespace }) as Shapes[K][],
    add: (kind, object) => sim.objects.create(kind, object),
    change: <T extends KubeObject>(object: T, change: (now: T) => T) =>
      sim.objects.update(object, (now) => change(now as T)) as T | undefined,
  };
}

/** `namespace/name`. */
export function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

/** The namespace and name of a key. */
export function namesOf(key: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

/** Epoch milliseconds as Kubernetes writes them: whole seconds. */
function stamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** The object with other metadata. */
export function withMeta<T extends KubeObject>(object: T, meta: Partial<ObjectMeta>): T {
  return { ...object, metadata: { ...object.metadata, ...meta } };
}

/** The object with these annotations added. */
export function annotated<T extends KubeObject>(object: T, more: Record<string, string>): T {
  return withMeta(object, { annotations: { ...object.metadata.annotations, ...more } });
}

/** The object under a finalizer. */
export function guarded<T extends KubeObject>(object: T, finalizer: string): T {
  const held = object.metadata.finalizers ?? [];
  return held.includes(finalizer) ? object : withMeta(object, { finalizers: [...held, finalizer] });
}

/** The object without a finalizer. */
export function unguarded<T extends KubeObject>(object: T, finalizer: string): T {
  const held = object.metadata.finalizers ?? [];
  if (!held.includes(finalizer)) return object;
  return withMeta(object, { finalizers: held.filter((each) => each !== finalizer) });
}

/** A reference that makes one object go with another. */
export function ownedBy(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Who controls an object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** The fields that have a value: an object never keeps the others. */
export function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]: Exclude<T[K], undefined> };
}

type StatusOf<T extends { readonly status?: object }> = NonNullable<T['status']>;

/** The object with these fields of its status changed; undefined takes a field away. */
export function withStatus<T extends KubeObject & { readonly status?: object }>(
  object: T,
  status: { readonly [K in keyof StatusOf<T>]?: StatusOf<T>[K] | undefined },
): T {
  return { ...object, status: defined({ ...object.status, ...status }) };
}
