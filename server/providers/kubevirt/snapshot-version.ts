import type { Kubernetes, ObjectKind } from './kubernetes.ts';
import { VM_SNAPSHOTS } from './objects.ts';

/**
 * The same API, asked for snapshots in the version that the settings name: the versions of
 * snapshots share a schema, and not every release serves the newest.
 */
export function inSnapshotVersion(kubernetes: Kubernetes, version: string): Kubernetes {
  const { group, version: usual } = VM_SNAPSHOTS;
  if (version === usual) return kubernetes;
  const known = new Map<string, ObjectKind<unknown>>();
  const asked = <T>(kind: ObjectKind<T>): ObjectKind<T> => {
    if (kind.group !== group) return kind;
    const other = known.get(kind.plural) ?? { ...kind, version };
    known.set(kind.plural, other);
    // Filed by its name, so it reads what that kind reads.
    return other as ObjectKind<T>;
  };
  return {
    get: (kind, of, signal) => kubernetes.get(asked(kind), of, signal),
    list: (kind, where, signal) => kubernetes.list(asked(kind), where, signal),
    create: (kind, body, signal) => kubernetes.create(asked(kind), body, signal),
    patch: (kind, of, patch, signal) => kubernetes.patch(asked(kind), of, patch, signal),
    remove: (kind, of, options) => kubernetes.remove(asked(kind), of, options),
    call: (method, path, options) => kubernetes.call(method, path, options),
    stream: (path, signal) => kubernetes.stream(path, signal),
    view: (kind, where) => kubernetes.view(asked(kind), where),
    close: () => kubernetes.close(),
  };
}
