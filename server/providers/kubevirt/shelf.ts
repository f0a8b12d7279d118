import type { ObjectKind, ObjectName } from './kubernetes.ts';
import type { ObjectReader, RawObject } from './object-reader.ts';

interface Kept<T> {
  readonly of: ObjectName;
  readonly uid: string;
  readonly version: string;
  /** Undefined where it cannot be read as one of its kind; still known to be there. */
  readonly object: T | undefined;
}

/** The objects that a view holds. */
export class Shelf<T> {
  readonly #kind: ObjectKind<T>;
  readonly #reader: ObjectReader;
  #kept = new Map<string, Kept<T>>();
  /** Whether a list has ever been put on it. */
  isFilled = false;

  constructor(kind: ObjectKind<T>, reader: ObjectReader) {
    this.#kind = kind;
    this.#reader = reader;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(of: ObjectName): T | undefined {
    return this.#kept.get(keyOf(of))?.object;
  }

  all(): T[] {
    return [...this.#kept.values()].map(({ object }) => object).filter((o) => o !== undefined);
  }

  clear(): void {
    this.#kept = new Map();
    this.isFilled = false;
  }

  /** Takes a whole new list; answers what is new, different or gone. */
  replace(items: readonly unknown[]): ObjectName[] {
    const before = this.#kept;
    this.#kept = new Map();
    this.isFilled = true;
    for (const item of items) {
      const raw = this.#reader.raw(this.#kind, item);
      if (raw === undefined) continue;
      const key = keyOf(raw.metadata);
      const known = before.get(key);
      this.#kept.set(key, isSame(known, raw) ? known : this.#read(raw));
    }
    const changed = [...this.#kept].filter(([key, kept]) => before.get(key) !== kept);
    const gone = [...before].filter(([key]) => !this.#kept.has(key));
    return [...changed, ...gone].map(([, { of }]) => of);
  }

  /** Takes one object as an event tells it; answers which, if that makes a difference. */
  put(raw: RawObject, isGone: boolean): ObjectName | undefined {
    const key = keyOf(raw.metadata);
    const known = this.#kept.get(key);
    if (isGone) return this.#kept.delete(key) ? known?.of : undefined;
    if (isSame(known, raw)) return undefined;
    const kept = this.#read(raw);
    this.#kept.set(key, kept);
    return kept.of;
  }

  #read(raw: RawObject): Kept<T> {
    const { namespace, name, uid, resourceVersion } = raw.metadata;
    const object = this.#reader.oneOfMany(this.#kind, raw);
    return { of: { namespace, name }, uid, version: resourceVersion, object };
  }
}

function isSame<T>(known: Kept<T> | undefined, { metadata }: RawObject): known is Kept<T> {
  if (known === undefined || metadata.resourceVersion === '') return false;
  return known.uid === metadata.uid && known.version === metadata.resourceVersion;
}

function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace ?? ''}/${name}`;
}
