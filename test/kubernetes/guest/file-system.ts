/** Who may do what with a file; kept on the disk, so that copies of it have the same. */
interface Attributes {
  readonly mode: number;
  readonly owner: string;
}

/** The files of a running guest: those of its disk, and those of memory below `/run`. */
export interface FileSystem {
  read(path: string): string | undefined;
  /** Makes the folders above it too. */
  write(path: string, text: string, owner?: string): void;
  /** Removes a file, or a folder with all that is in it; answers whether there was one. */
  remove(path: string): boolean;
  isFolder(path: string): boolean;
  exists(path: string): boolean;
  makeFolder(path: string, owner?: string): void;
  /** Names in a folder, sorted. */
  list(folder: string): string[];
  /** All files and folders below, folders without a final slash. */
  walk(folder: string): string[];
  mode(path: string): number;
  owner(path: string): string;
  setMode(path: string, mode: number): void;
  setOwner(path: string, owner: string): void;
  mayRead(path: string, user: string): boolean;
  mayWrite(path: string, user: string): boolean;
  /** From now on a cut of the power undoes nothing of what was written. */
  sync(): void;
  /** Undoes what was written since the last sync, as a cut of the power may. */
  loseUnsynced(): void;
}

/** No path: it holds the attributes of those that have other than the usual ones. */
const ATTRIBUTES = ':attributes';
const OPEN_FOLDERS = ['/tmp', '/var/tmp', '/dev/shm'];

/** Opens the file system of a disk; what is in memory goes when it is opened anew. */
export function openFileSystem(disk: Map<string, string>): FileSystem {
  const memory = new Map<string, string>([
    ['/run/', ''],
    ['/dev/', ''],
    ['/proc/', ''],
  ]);
  let undo = new Map<string, string | undefined>();
  const mapOf = (path: string) => (/^\/(run|dev|proc)(\/|$)/.test(path) ? memory : disk);
  const keep = (key: string) => {
    if (!undo.has(key)) undo.set(key, disk.get(key));
  };
  const set = (key: string, value: string) => {
    const map = mapOf(key);
    if (map === disk) keep(key);
    map.set(key, value);
  };
  const unset = (key: string) => {
    const map = mapOf(key);
    if (map === disk) keep(key);
    return map.delete(key);
  };
  const keys = () => [...disk.keys(), ...memory.keys()].filter((key) => key.startsWith('/'));
  const tree = treeOver({ get: (key) => mapOf(key).get(key), set, unset, keys });
  return {
    ...tree,
    ...rightsOver(
      tree,
      () => disk.get(ATTRIBUTES),
      (text) => set(ATTRIBUTES, text),
    ),
    sync: () => undo.clear(),
    loseUnsynced: () => {
      for (const [key, before] of undo) restore(disk, key, before);
      undo = new Map();
    },
  };
}

function restore(disk: Map<string, string>, key: string, before: string | undefined): void {
  if (before === undefined) disk.delete(key);
  else disk.set(key, before);
}

interface Entries {
  readonly get: (key: string) => string | undefined;
  readonly set: (key: string, value: string) => void;
  readonly unset: (key: string) => boolean;
  readonly keys: () => string[];
}

type Tree = Pick<
  FileSystem,
  'read' | 'write' | 'remove' | 'isFolder' | 'exists' | 'makeFolder' | 'list' | 'walk'
>;

function treeOver(entries: Entries): Tree {
  const below = (folder: string) => {
    const prefix = folder === '/' ? '/' : `${folder}/`;
    return entries.keys().filter((key) => key.startsWith(prefix));
  };
  const isFolder = (path: string) => path === '/' || below(path).length > 0;
  const walk = (folder: string) => {
    const start = folder === '/' ? 1 : folder.length + 1;
    const found = below(folder).flatMap((key) => pathsOf(key, start));
    return [...new Set(found)].toSorted();
  };
  const makeFolder = (path: string) => {
    if (path !== '/') entries.set(`${path}/`, '');
  };
  return {
    read: (path) => entries.get(path),
    write(path, text) {
      const above = folderOf(path);
      if (!isFolder(above)) makeFolder(above);
      entries.set(path, text);
    },
    remove(path) {
      const gone = [path, `${path}/`, ...below(path)].filter((key) => entries.unset(key));
      // The folder stays when the last thing in it goes.
      if (gone.length > 0) makeFolder(folderOf(path));
      return gone.length > 0;
    },
    isFolder,
    exists: (path) => entries.get(path) !== undefined || isFolder(path),
    makeFolder,
    list: (folder) => {
      const start = folder === '/' ? 1 : folder.length + 1;
      const names = walk(folder).map((path) => path.slice(start).split('/')[0] ?? '');
      return [...new Set(names)].toSorted();
    },
    walk,
  };
}

/** A key and the folders above it, down from where the folder's own name ends. */
function pathsOf(key: string, start: number): string[] {
  const names = key.slice(start).split('/').filter(Boolean);
  return names.map((_, index) => key.slice(0, start) + names.slice(0, index + 1).join('/'));
}

type Rights = Pick<
  FileSystem,
  'write' | 'makeFolder' | 'mode' | 'owner' | 'setMode' | 'setOwner' | 'mayRead' | 'mayWrite'
>;

function rightsOver(
  tree: Tree,
  load: () => string | undefined,
  save: (text: string) => void,
): Rights {
  const all = () => JSON.parse(load() ?? '{}') as Record<string, Attributes>;
  const of = (path: string): Attributes => all()[path] ?? usual(path, tree.isFolder(path));
  const put = (path: string, attributes: Attributes) =>
    save(JSON.stringify({ ...all(), [path]: attributes }));
  const own = (path: string, owner: string) => {
    if (of(path).owner !== owner) put(path, { ...of(path), owner });
  };
  const isClosed = (path: string, user: string) => user !== 'root' && /^\/root(\/|$)/.test(path);
  const mayWriteIn = (folder: string, user: string) =>
    of(folder).owner === user || OPEN_FOLDERS.includes(folder);
  return {
    write(path, text, owner = 'root') {
      const isNew = !tree.exists(path);
      tree.write(path, text);
      if (isNew) own(path, owner);
    },
    makeFolder(path, owner = 'root') {
      tree.makeFolder(path);
      own(path, owner);
    },
    mode: (path) => of(path).mode,
    owner: (path) => of(path).owner,
    setMode: (path, mode) => put(path, { ...of(path), mode }),
    setOwner: (path, owner) => put(path, { ...of(path), owner }),
    mayRead: (path, user) =>
      user === 'root' ||
      (!isClosed(path, user) && (of(path).owner === user || (of(path).mode & 0o4) > 0)),
    mayWrite: (path, user) =>
      user === 'root' ||
      (!isClosed(path, user) &&
        (tree.exists(path)
          ? of(path).owner === user || (of(path).mode & 0o2) > 0
          : mayWriteIn(folderOf(path), user))),
  };
}

/** What a path has when nobody changed it. */
function usual(path: string, isFolder: boolean): Attributes {
  const home = /^\/home\/([^/]+)/.exec(path)?.[1];
  const owner = home ?? 'root';
  if (isFolder) return { mode: OPEN_FOLDERS.includes(path) ? 0o1777 : 0o755, owner };
  const isSecret = /^\/etc\/kubernetes\/(admin|kubelet)\.conf$|\/ssh_host_\w+_key$|\/etcd\//;
  return { mode: isSecret.test(path) ? 0o600 : 0o644, owner };
}

/** The folder a path is in. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1));
}

/** An absolute path without `.`, `..` and doubled or final slashes. */
export function absolute(path: string, from: string): string {
  const whole = path.startsWith('/') ? path : `${from}/${path}`;
  const names: string[] = [];
  for (const name of whole.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}
