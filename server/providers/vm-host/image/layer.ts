import { type ArchiveEntry, writeCpio } from './cpio.ts';
import { BuildError } from './build-error.ts';

/** Where a layer says what of the layers below it is not to be: paths, each ended by a NUL. */
export const REMOVED_FILE = 'lib/snapyard/removed';

/** What the steps of a recipe changed in a guest. */
export interface Changes {
  readonly entries: readonly ArchiveEntry[];
  /** Paths that were there before the steps and are not any more. */
  readonly removed: readonly string[];
}

/** Nothing was changed. */
export const NO_CHANGES: Changes = { entries: [], removed: [] };

/** A file tree: one entry for each path. */
export type Tree = ReadonlyMap<string, ArchiveEntry>;

/**
 * The layer that turns the tree below it into what was put there and then changed; null when that
 * makes no difference. Its entries are sorted and have no times: equal content, equal bytes.
 */
export function makeLayer(
  below: Tree,
  added: readonly ArchiveEntry[],
  { entries, removed }: Changes = NO_CHANGES,
): Buffer | null {
  const own = new Map(added.map((entry) => [entry.path, entry]));
  for (const entry of entries) own.set(entry.path, entry);
  for (const path of removed) own.delete(path);
  for (const entry of own.values()) {
    if (isSame(below.get(entry.path), entry)) own.delete(entry.path);
  }
  const isOnlyOurs = (path: string) => !below.has(path) && added.some((one) => one.path === path);
  const taken = removed.filter((path) => !isOnlyOurs(path));
  const gone = goneBelow(below, own, taken);
  const note = noteOf(gone);
  if (!isSame(below.get(REMOVED_FILE), note) && (gone.length > 0 || below.has(REMOVED_FILE))) {
    own.set(REMOVED_FILE, note);
  }
  if (own.size === 0) return null;
  refuseReplacedFolders(below, own);
  for (const path of own.keys()) addFolders(below, own, path);
  return writeCpio([...own.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)));
}

/** What is removed at the start of a guest: what the layers below removed, unless it is back. */
function goneBelow(
  below: Tree,
  own: ReadonlyMap<string, ArchiveEntry>,
  removed: readonly string[],
): string[] {
  const known = below.get(REMOVED_FILE);
  const before = known?.kind === 'FILE' ? Buffer.from(known.data).toString().split('\0') : [];
  const all = new Set([...before, ...removed].filter((path) => path !== ''));
  const isBack = (path: string) =>
    own.has(path) || [...own.keys()].some((other) => other.startsWith(`${path}/`));
  return [...all].filter((path) => !isBack(path)).toSorted();
}

function noteOf(paths: readonly string[]): ArchiveEntry {
  const data = Buffer.from(paths.map((path) => `${path}\0`).join(''));
  return { kind: 'FILE', path: REMOVED_FILE, mode: 0o644, data };
}

/** The kernel cannot put a file in the place of a folder that holds something. */
function refuseReplacedFolders(below: Tree, own: Tree): void {
  for (const entry of own.values()) {
    if (below.get(entry.path)?.kind === 'FOLDER' && entry.kind !== 'FOLDER') {
      throw new BuildError(`/${entry.path} was a folder and cannot become anything else`);
    }
  }
}

function addFolders(below: Tree, own: Map<string, ArchiveEntry>, path: string): void {
  for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) {
    const folder = path.slice(0, end);
    if (!below.has(folder) && !own.has(folder)) own.set(folder, { kind: 'FOLDER', path: folder });
  }
}

function isSame(one: ArchiveEntry | undefined, other: ArchiveEntry): boolean {
  if (one === undefined) return false;
  const [a, b] = [writeCpio([one]), writeCpio([other])];
  return a.equals(b);
}
