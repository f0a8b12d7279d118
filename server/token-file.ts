import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { ROLES, type Role } from '../schema/model/viewer.ts';
import type { World } from './world.ts';

const entryForm = z.strictObject({
  id: z.string().min(1).max(64),
  name: z.string().min(1).max(128),
  role: z.enum(ROLES),
  /** SHA-256 of the token, hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.iso.datetime(),
});

/** One line of the file: everything about a token but the token. */
export type TokenEntry = Readonly<z.infer<typeof entryForm>>;

/** The tokens of a file, as it is now. */
export interface TokenFile {
  entries(): readonly TokenEntry[];
}

const SECRET_BYTES = 32;
const FORM = /^snap_([0-9a-f]{64})([0-9a-f]{8})$/;

/** A new token, which nobody will see again, and what is kept of it. */
export function newToken(
  world: World,
  name: string,
  role: Role,
): { token: string; entry: TokenEntry } {
  const secret = world.secret(SECRET_BYTES);
  const token = `snap_${secret}${checksum(secret)}`;
  const hash = createHash('sha256').update(token).digest('hex');
  const createdAt = new Date(world.now()).toISOString();
  return { token, entry: { id: world.secret(4), name, role, hash, createdAt } };
}

/** Whether a text is of the form of our tokens: prefix and checksum are for secret scanners. */
export function looksLikeToken(text: string): boolean {
  const [, secret, sum] = FORM.exec(text) ?? [];
  return secret !== undefined && checksum(secret) === sum;
}

function checksum(secret: string): string {
  return crc32(secret).toString(16).padStart(8, '0');
}

/** Reads all entries; a line that is not one is named. */
export function readTokens(path: string): TokenEntry[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line, index) =>
    line.trim() === '' ? [] : [parseEntry(line, `${path}:${index + 1}`)],
  );
}

function parseEntry(line: string, place: string): TokenEntry {
  try {
    return entryForm.parse(JSON.parse(line));
  } catch {
    throw new Error(`${place}: not a token entry; "npm run token -- create" writes them`);
  }
}

/** Writes all entries at once: a reader sees the file before or after, never in between. */
export function writeTokens(path: string, entries: readonly TokenEntry[]): void {
  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  const scratch = `${path}.new`;
  const file = openSync(scratch, 'w', 0o600);
  writeSync(file, text);
  fsyncSync(file);
  closeSync(file);
  renameSync(scratch, path);
}

/**
 * The file as it is now: read again whenever it has changed. One that cannot be read at the start
 * is an error; one that becomes unreadable later lets nobody in, and is told to `failed` once.
 */
export function watchTokens(path: string, failed: (error: unknown) => void): TokenFile {
  let entries: readonly TokenEntry[] = readTokens(path);
  let seen = stampOf(path);
  return {
    entries() {
      const stamp = stampOf(path);
      if (stamp === seen) return entries;
      seen = stamp;
      try {
        entries = readTokens(path);
      } catch (error) {
        entries = [];
        failed(error);
      }
      return entries;
    },
  };
}

/** Differs whenever the file was replaced or written. */
function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
}
