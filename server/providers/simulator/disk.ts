import { posix } from 'node:path';

/**
 * What of a disk differs from the image: contents by absolute path. Never changed in place, so
 * that a hundred thousand disks restored from one set share its files.
 */
export type Files = Readonly<Record<string, string>>;

/** A disk as the image has it. */
export const UNTOUCHED: Files = Object.freeze({});

/** The folder in which a guest holds its turn marks; no set has anything in it. */
const MARKS_FOLDER = '/var/lib/snapyard/turns';

/** Where a user's home holds the keys that are let in. */
const KEYS_FILE = '/.ssh/authorized_keys';

/** What a disk has room for, in characters. */
export const DISK_CHARACTERS = 1_048_576;

const IMAGE_FILES: Files = { '/etc/os-release': 'PRETTY_NAME="Snapyard simulated guest"\n' };
const IMAGE_FOLDERS = ['/', '/etc', '/home', '/root', '/tmp', '/var', '/var/lib', MARKS_FOLDER];
const HOME = '/root';

/** The absolute form of a path as a command in the guest means it. */
function absolute(path: string): string {
  return posix.resolve(HOME, path);
}

/** The content of a file; undefined when there is none. */
export function readFile(files: Files, path: string): string | undefined {
  return files[absolute(path)] ?? IMAGE_FILES[absolute(path)];
}

/** The disk with a file written. */
export function withFile(files: Files, path: string, content: string): Files {
  return { ...files, [absolute(path)]: content };
}

/** The disk without a file. */
export function withoutFile(files: Files, path: string): Files {
  const { [absolute(path)]: _, ...rest } = files;
  return rest;
}

/** The disk with a folder; a folder is kept as a path that ends in a slash. */
export function withFolder(files: Files, path: string): Files {
  return { ...files, [`${absolute(path)}/`]: '' };
}

/** Whether there is a folder of this name. */
export function isFolder(files: Files, path: string): boolean {
  const folder = absolute(path);
  if (IMAGE_FOLDERS.includes(folder)) return true;
  return Object.keys(files).some((name) => name.startsWith(`${folder}/`));
}

/** Whether a file of this name could be written: its folder is there. */
export function mayHold(files: Files, path: string): boolean {
  return !isFolder(files, path) && isFolder(files, posix.dirname(absolute(path)));
}

/** The names in a folder, sorted. */
export function namesIn(files: Files, path: string): string[] {
  const prefix = absolute(path) === '/' ? '/' : `${absolute(path)}/`;
  const all = [...Object.keys(files), ...Object.keys(IMAGE_FILES), ...IMAGE_FOLDERS];
  const inside = all.filter((name) => name.startsWith(prefix) && name !== prefix);
  return [...new Set(inside.map((name) => name.slice(prefix.length).split('/')[0] ?? ''))].sort();
}

/** The turn marks on a disk. */
export function marksOn(files: Files): string[] {
  return namesIn(files, MARKS_FOLDER);
}

/** The disk with a turn mark. */
export function withMark(files: Files, mark: string): Files {
  return withFile(files, `${MARKS_FOLDER}/${mark}`, '');
}

/** The disk with the key that lets a session in, in the place of the one before it. */
export function withSessionKey(files: Files, user: string, publicKey: string): Files {
  return withFile(files, `/home/${user}${KEYS_FILE}`, `${publicKey}\n`);
}

/** What a set takes of a disk: all but the turn marks and the keys of sessions. */
export function captured(files: Files): Files {
  const isLeftOut = (path: string) =>
    path.startsWith(`${MARKS_FOLDER}/`) || path.endsWith(KEYS_FILE);
  const kept = Object.entries(files).filter(([path]) => !isLeftOut(path));
  return kept.length === 0 ? UNTOUCHED : Object.freeze(Object.fromEntries(kept));
}

/** Whether two disks hold the same. */
export function sameFiles(one: Files, other: Files): boolean {
  if (one === other) return true;
  const paths = Object.keys(one);
  return (
    paths.length === Object.keys(other).length && paths.every((path) => one[path] === other[path])
  );
}

/** Whether the disk holds more than it has room for. */
export function isOverfull(files: Files): boolean {
  let characters = 0;
  for (const [path, content] of Object.entries(files)) characters += path.length + content.length;
  return characters > DISK_CHARACTERS;
}
