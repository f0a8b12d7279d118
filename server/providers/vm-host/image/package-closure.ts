import { BuildError } from './build-error.ts';

/**
 * What only the scripts of packages need, which never run here: an image is made of the files
 * alone. Leaving these out keeps half a distribution out of it.
 */
const ONLY_FOR_SCRIPTS = new Set([
  'adduser',
  'debconf',
  'debconf-2.0',
  'dpkg',
  'init-system-helpers',
  'install-info',
  'lsb-base',
  'sensible-utils',
  'sysvinit-utils',
  'ucf',
]);

/** For each package what it depends on: of each list of alternatives one is enough. */
export type Dependencies = ReadonlyMap<string, readonly (readonly string[])[]>;

/** Reads what `apt-cache depends --recurse` prints. */
export function readDependencies(printed: string): Dependencies {
  const all = new Map<string, string[][]>();
  let groups: string[][] = [];
  let isOpen = false;
  for (const line of printed.split('\n')) {
    const [, indent = '', bar = '', kind, name = ''] =
      /^( *)(\|?)(?:(\w+): )?(\S+)$/.exec(line) ?? [];
    if (name === '') continue;
    if (indent === '' && bar === '') {
      groups = [];
      isOpen = false;
      all.set(name, groups);
    } else if (kind === undefined) {
      // What provides the virtual package of the line above.
      groups.at(-1)?.push(name);
    } else if (kind === 'Depends' || kind === 'PreDepends') {
      const real = name.startsWith('<') ? [] : [name];
      if (isOpen) groups.at(-1)?.push(...real);
      else groups.push(real);
      isOpen = bar === '|';
    }
  }
  return all;
}

/**
 * The packages and all that they need, in order of their names, without those that are there
 * already. Of alternatives the one that is there or wanted anyway, else the first.
 */
export function packageClosure(
  wanted: readonly string[],
  dependencies: Dependencies,
  there: ReadonlySet<string>,
): string[] {
  const found = new Set<string>();
  const isThere = (name: string) =>
    there.has(name) || found.has(name) || wanted.includes(name) || ONLY_FOR_SCRIPTS.has(name);
  const need = (name: string): void => {
    if (found.has(name) || there.has(name)) return;
    found.add(name);
    for (const group of dependencies.get(name) ?? []) {
      const next = group.some(isThere) ? undefined : group.find((other) => dependencies.has(other));
      if (next !== undefined) need(next);
      else if (group.length > 0 && !group.some(isThere)) throw notFound(name, group);
    }
  };
  for (const name of wanted) {
    if (!dependencies.has(name)) throw new BuildError(`apt knows no package ${name}`);
    need(name);
  }
  return [...found].toSorted();
}

function notFound(name: string, group: readonly string[]): BuildError {
  return new BuildError(`${name} needs ${group.join(' or ')}, of which apt knows none`);
}
