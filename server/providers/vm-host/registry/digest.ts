import { type Hash, createHash, webcrypto } from 'node:crypto';
import { type World, nextTurn } from '../../../world.ts';

/** As much as is hashed in one turn of the event loop: some milliseconds on a slow machine. */
const PIECE = 2 ** 20;
const ZEROS = Buffer.alloc(PIECE);

/** The digest of a small text. */
export function digestOfText(text: string | Buffer): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** The digest of many bytes, computed beside the event loop. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = await webcrypto.subtle.digest('SHA-256', bytes);
  return `sha256:${Buffer.from(hash).toString('hex')}`;
}

/** Whether there is nothing but zeros. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += PIECE) {
    const part = bytes.subarray(at, at + PIECE);
    if (ZEROS.compare(part, 0, part.length, 0, part.length) !== 0) return false;
  }
  return true;
}

/** The digest of a file that comes in order, with holes; lets others work in between. */
export class FileDigest {
  readonly #world: Pick<World, 'soon'>;
  readonly #hash: Hash = createHash('sha256');
  #size = 0;

  constructor(world: Pick<World, 'soon'>) {
    this.#world = world;
  }

  /** Takes the next bytes. */
  async add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE) {
      this.#hash.update(bytes.subarray(at, at + PIECE));
      await nextTurn(this.#world);
    }
    this.#size += bytes.length;
  }

  /** Takes zeros up to this size of the file. */
  async skipTo(size: number): Promise<void> {
    while (this.#size < size) await this.add(ZEROS.subarray(0, Math.min(PIECE, size - this.#size)));
  }

  /** The digest of all that came. */
  finish(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }
}
