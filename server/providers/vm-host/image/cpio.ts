/** One entry of an archive: a folder, a file, a link or a device node. */
export type ArchiveEntry =
  | { readonly kind: 'FOLDER'; readonly path: string }
  | {
      readonly kind: 'FILE';
      readonly path: string;
      readonly data: Uint8Array;
      readonly mode: number;
    }
  | { readonly kind: 'LINK'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'DEVICE';
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    };

const FOLDER = 0o040755;
const FILE = 0o100000;
const LINK = 0o120777;
const CHARACTER_DEVICE = 0o020600;
const NO_DATA = new Uint8Array();

/**
 * Writes an archive in the "newc" format, which the kernel unpacks into its first root folder.
 * All times are zero, so that the same entries give the same bytes. Device nodes are only headers
 * here: that is why no privilege is needed.
 */
export function writeCpio(entries: readonly ArchiveEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) => entryParts(entry, index + 1));
  return Buffer.concat([...parts, ...header('TRAILER!!!', 0, entries.length + 1, NO_DATA)]);
}

function entryParts(entry: ArchiveEntry, inode: number): Uint8Array[] {
  switch (entry.kind) {
    case 'FOLDER':
      return header(entry.path, FOLDER, inode, NO_DATA);
    case 'FILE':
      return header(entry.path, FILE | entry.mode, inode, entry.data);
    case 'LINK':
      return header(entry.path, LINK, inode, Buffer.from(entry.target));
    case 'DEVICE':
      return header(entry.path, CHARACTER_DEVICE, inode, NO_DATA, [entry.major, entry.minor]);
  }
}

function header(
  path: string,
  mode: number,
  inode: number,
  data: Uint8Array,
  [major, minor]: readonly [number, number] = [0, 0],
): Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, time, size, device of the file (two), of the node (two),
  // length of the name, checksum
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  const head = Buffer.from(`070701${hex}`);
  return [head, name, padding(head.length + name.length), data, padding(data.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
