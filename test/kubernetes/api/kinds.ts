import type { Kind } from '../ports.ts';

/** Groups that are built in: they take strategic merge patches, custom resources do not. */
const BUILT_IN = new Set(['', 'apiextensions.k8s.io', 'apps', 'storage.k8s.io']);

/** The kinds that are served, found by what a request or a controller calls them. */
export class Kinds {
  readonly #byKind = new Map<string, Kind>();
  readonly #byPath = new Map<string, Kind>();

  constructor(kinds: readonly Kind[]) {
    this.add(kinds);
  }

  get all(): readonly Kind[] {
    return [...this.#byKind.values()];
  }

  /** Serves more kinds. */
  add(kinds: readonly Kind[]): void {
    for (const kind of kinds) {
      this.#byKind.set(kind.kind, kind);
      for (const version of kind.versions) {
        this.#byPath.set(`${kind.group}/${version}/${kind.plural}`, kind);
      }
    }
  }

  /** The kind of an object's `kind`; a mistake of our own where there is none. */
  named(name: string): Kind {
    const kind = this.#byKind.get(name);
    if (kind === undefined) throw new Error(`no part of the simulator serves a kind ${name}`);
    return kind;
  }

  /** The kind that lies at a path. */
  served(group: string, version: string, plural: string): Kind | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }
}

/** The version in which a kind is kept. */
function keptVersion(kind: Kind): string {
  return kind.versions[0] ?? 'v1';
}

/** An object's `apiVersion`. */
export function apiVersionOf(kind: Kind, version: string = keptVersion(kind)): string {
  return kind.group === '' ? version : `${kind.group}/${version}`;
}

/** As refusals call the resource: `virtualmachines.kubevirt.io`. */
export function resourceOf(kind: Kind): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

/** Whether it is a custom resource, which differs in small ways. */
export function isCustom(kind: Kind): boolean {
  return !BUILT_IN.has(kind.group);
}
