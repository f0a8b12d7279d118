import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';

/**
 * What a server last knew of its database, in a small file beside it: the epoch, and how far the
 * log had come at least. A database of another epoch, or whose log ends before that, is an older
 * file that somebody has put there. The file also tells the number that the file system gave it:
 * when a whole folder is put back, its stamp is a copy and counts for nothing.
 */
export interface Stamp {
  readonly epoch: string;
  readonly head: number;
}

/** The stamp of the database at this path; undefined when there is none that counts. */
export function readStamp(path: string): Stamp | undefined {
  try {
    const [, epoch = '', head, inode] = FORM.exec(readFileSync(stampOf(path), 'utf8')) ?? [];
    const isTheFile = String(statSync(stampOf(path), { bigint: true }).ino) === inode;
    return isTheFile ? { epoch, head: Number(head) } : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Puts a stamp beside the database, whole or not at all. */
export function writeStamp(path: string, { epoch, head }: Stamp): void {
  const partial = `${stampOf(path)}.new`;
  const fd = openSync(partial, 'w');
  try {
    writeSync(fd, `${epoch} ${head} ${fstatSync(fd, { bigint: true }).ino}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(partial, stampOf(path));
}

const FORM = /^(\w+) (\d+) (\d+)\n$/;

function stampOf(path: string): string {
  return `${path}.stamp`;
}

/** What the keeper of a stamp needs. */
export interface Stamping {
  readonly path: string;
  readonly epoch: string;
  /** The end of the log as committed. */
  head(): number;
  now(): number;
}

/** How often the stamp follows the log: a copy made later than that is known for what it is. */
const STAMP_EVERY_MS = 60_000;

/**
 * Keeps the stamp of an open database near the end of its log. It has no timer of its own: a
 * server commits every now and then even when nothing happens.
 */
export class Stamper {
  readonly #stamping: Stamping;
  #at: number;
  /** Whether the log may have grown since. */
  #isBehind = false;

  constructor(stamping: Stamping) {
    this.#stamping = stamping;
    this.#at = stamping.now();
  }

  /** There was a commit, and perhaps the log has grown. */
  note(logged: boolean): void {
    this.#isBehind ||= logged;
    if (this.#isBehind && Math.abs(this.#stamping.now() - this.#at) >= STAMP_EVERY_MS) this.stamp();
  }

  /**
   * Stamps the log as it is. A stamp that cannot be written is no reason to end a server: the one
   * before it still holds, it only tells less.
   */
  stamp(): void {
    if (!this.#isBehind) return;
    const { path, epoch } = this.#stamping;
    this.#at = this.#stamping.now();
    try {
      writeStamp(path, { epoch, head: this.#stamping.head() });
      this.#isBehind = false;
    } catch {
      // It stays behind, and is tried again.
    }
  }
}
