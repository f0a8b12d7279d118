import { BuildError } from './build-error.ts';

/** One entry of an archive: a folder, a file, a link or a device node. */
export type ArchiveEntry =
  | (EntryOwner & { readonly kind: 'FOLDER'; readonly path: string; readonly mode?: number })
  | (EntryOwner & {
      readonly kind: 'FILE';
      readonly path: string;
      readonly data: Uint8Array;
      readonly mode: number;
    })
  | (EntryOwner & { readonly kind: 'LINK'; readonly path: string; readonly target: string })
  | (EntryOwner & {
      readonly kind: 'DEVICE';
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    });

/** Whose an entry is; root's, where nothing is said. */
interface EntryOwner {
  readonly uid?: number;
  readonly gid?: number;
}

const FOLDER = 0o040000;
const FILE = 0o100000;
const LINK = 0o120000;
const CHARACTER_DEVICE = 0o020000;
const KIND = 0o170000;
const PERMISSIONS = 0o7777;
const HEADER = 110;
const MAGIC = '070701';
const END = 'TRAILER!!!';
const NO_DATA = new Uint8Array();

/**
 * Writes an archive in the "newc" format, which the kernel unpacks into its first root folder.
 * All times are zero, so that the same entries give the same bytes. Device nodes are only headers
 * here: that is why no privilege is needed.
 */
export function writeCpio(entries: readonly ArchiveEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) => entryParts(entry, index + 1));
  return Buffer.concat([...parts, ...header(END, 0, entries.length + 1, NO_DATA)]);
}

function entryParts(entry: ArchiveEntry, inode: number): Uint8Array[] {
  switch (entry.kind) {
    case 'FOLDER':
      return header(entry.path, FOLDER | (entry.mode ?? 0o755), inode, NO_DATA, entry);
    case 'FILE':
      return header(entry.path, FILE | entry.mode, inode, entry.data, entry);
    case 'LINK':
      return header(entry.path, LINK | 0o777, inode, Buffer.from(entry.target), entry);
    case 'DEVICE':
      return header(entry.path, CHARACTER_DEVICE | 0o600, inode, NO_DATA, entry);
  }
}

function header(
  path: string,
  mode: number,
  inode: number,
  data: Uint8Array,
  more: EntryOwner & { readonly major?: number; readonly minor?: number } = {},
): Uint8Array[] {
  const { uid = 0, gid = 0, major = 0, minor = 0 } = more;
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, time, size, device of the file (two), of the node (two),
  // length of the name, checksum
  const fields = [inode, mode, uid, gid, 1, 0, data.length, 0, 0, major, minor, name.length, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  const head = Buffer.from(`${MAGIC}${hex}`);
  return [head, name, padding(head.length + name.length), data, padding(data.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array(padded(length) - length);
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

/**
 * Reads archives that stand one after the other, as a later one would change what an earlier one
 * says: one entry for each path. Sockets and pipes are left out, and names of one file become
 * files with equal content.
 */
export function readCpio(archive: Buffer): Map<string, ArchiveEntry> {
  const found = new Map<string, ArchiveEntry>();
  let names = new Map<number, string[]>();
  for (let at = skipZeros(archive, 0); at < archive.length;) {
    const raw = readHeader(archive, at);
    at = skipZeros(archive, raw.end);
    if (raw.path === END) {
      names = new Map();
      continue;
    }
    const entry = entryOf(raw);
    if (entry === null) continue;
    found.set(entry.path, entry);
    if (entry.kind === 'FILE' && raw.links > 1) shareData(found, names, raw, entry);
  }
  return found;
}

/** Only one of the names of a file carries its content. */
function shareData(
  found: Map<string, ArchiveEntry>,
  names: Map<number, string[]>,
  { inode }: RawEntry,
  entry: ArchiveEntry & { kind: 'FILE' },
): void {
  const known = names.get(inode) ?? [];
  names.set(inode, [...known, entry.path]);
  const files = [...known, entry.path].map((path) => found.get(path));
  const whole = files.find((file) => file?.kind === 'FILE' && file.data.length > 0);
  if (whole?.kind !== 'FILE') return;
  for (const file of files) {
    if (file?.kind === 'FILE') found.set(file.path, { ...file, data: whole.data });
  }
}

interface RawEntry {
  readonly path: string;
  readonly mode: number;
  readonly inode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly major: number;
  readonly minor: number;
  readonly data: Buffer;
  readonly end: number;
}

function readHeader(archive: Buffer, at: number): RawEntry {
  const field = (index: number) => {
    const start = at + MAGIC.length + index * 8;
    return Number.parseInt(archive.toString('latin1', start, start + 8), 16);
  };
  const [size, nameLength] = [field(6), field(11)];
  const dataAt = at + padded(HEADER + nameLength);
  const isWhole = archive.toString('latin1', at, at + MAGIC.length) === MAGIC;
  if (!isWhole || !(dataAt + size <= archive.length)) throw new BuildError('an archive is damaged');
  const name = archive.toString('utf8', at + HEADER, at + HEADER + nameLength - 1);
  return {
    path: name.replace(/^(\.?\/)+/, ''),
    inode: field(0),
    mode: field(1),
    uid: field(2),
    gid: field(3),
    links: field(4),
    major: field(9),
    minor: field(10),
    data: archive.subarray(dataAt, dataAt + size),
    end: Math.min(dataAt + padded(size), archive.length),
  };
}

function entryOf({ path, mode, uid, gid, major, minor, data }: RawEntry): ArchiveEntry | null {
  if (path === '' || path === '.') return null;
  const owner = { path, uid, gid };
  switch (mode & KIND) {
    case FOLDER:
      return { ...owner, kind: 'FOLDER', mode: mode & PERMISSIONS };
    case FILE:
      return { ...owner, kind: 'FILE', mode: mode & PERMISSIONS, data };
    case LINK:
      return { ...owner, kind: 'LINK', target: data.toString('utf8') };
    case CHARACTER_DEVICE:
      return { ...owner, kind: 'DEVICE', major, minor };
    default:
      return null;
  }
}

function skipZeros(archive: Buffer, from: number): number {
  let at = from;
  while (at < archive.length && archive[at] === 0) at += 1;
  return at;
}
