import type { ObjectKind, ObjectName, Where } from './kubernetes.ts';

/** What goes after the question mark; undefined values are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** The path of one object. */
export function pathOfObject(kind: ObjectKind<unknown>, of: ObjectName, query: Query = {}): string {
  return withQuery(`${folder(kind, of.namespace)}/${encodeURIComponent(of.name)}`, query);
}

/** The path of the objects of a kind, in a namespace or everywhere. */
export function pathOfKind(kind: ObjectKind<unknown>, where: Where, query: Query = {}): string {
  return withQuery(folder(kind, where.namespace), {
    labelSelector: selector(where.labels),
    fieldSelector: selector(where.fields),
    ...query,
  });
}

/** A path with its query, which may have one already. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  if (given.length === 0) return path;
  return `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams(given).toString()}`;
}

/** What kind and which objects, as people read it: `VirtualMachines of a-1`. */
export function nameOfView(kind: ObjectKind<unknown>, where: Where): string {
  const labels = selector(where.labels);
  const place = where.namespace === undefined ? '' : ` of ${where.namespace}`;
  return `${kind.plural}${place}${labels === undefined ? '' : ` (${labels})`}`;
}

function folder(kind: ObjectKind<unknown>, namespace: string | undefined): string {
  const group = kind.group === '' ? '/api' : `/apis/${kind.group}`;
  const place =
    kind.namespaced && namespace !== undefined
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  return `${group}/${kind.version}${place}/${kind.plural}`;
}

function selector(of: Readonly<Record<string, string>> | undefined): string | undefined {
  const parts = Object.entries(of ?? {}).map(([name, value]) => `${name}=${value}`);
  return parts.length === 0 ? undefined : parts.toSorted().join(',');
}
