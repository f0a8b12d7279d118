import { createHash, timingSafeEqual } from 'node:crypto';
import type { Viewer } from '../schema/model/viewer.ts';
import { looksLikeToken, type TokenEntry, type TokenFile } from './token-file.ts';

/** Who a caller has shown itself to be. */
export interface Identity {
  readonly viewer: Viewer;
  /** The token it showed; null for the one user of a server without tokens. */
  readonly tokenId: string | null;
}

/** Tells who is calling. */
export interface Auth {
  /** Whether only callers on this machine are let in, because there are no tokens. */
  readonly loopbackOnly: boolean;
  /** Who sends this `Authorization`; undefined for nobody we know. */
  authenticate(authorization: string | undefined): Identity | undefined;
  /** Whether somebody who was let in may stay: its token may have been revoked since. */
  isValid(identity: Identity): boolean;
}

/** Without tokens everybody who reaches the server is its one user. */
export function loopbackAuth(): Auth {
  const local: Identity = { viewer: { name: 'local', role: 'ADMIN' }, tokenId: null };
  return { loopbackOnly: true, authenticate: () => local, isValid: () => true };
}

/** Callers show a token whose hash stands in a file; what is struck out there counts at once. */
export function tokenAuth(file: TokenFile): Auth {
  return {
    loopbackOnly: false,
    authenticate(authorization) {
      const token = bearerOf(authorization);
      const entry = token === undefined ? undefined : entryOf(token, file.entries());
      if (entry === undefined) return undefined;
      const { id: tokenId, name, role } = entry;
      return { viewer: { name, role, tokenId }, tokenId };
    },
    isValid: ({ tokenId, viewer }) =>
      file.entries().some(({ id, role }) => id === tokenId && role === viewer.role),
  };
}

function bearerOf(authorization: string | undefined): string | undefined {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  return token !== undefined && looksLikeToken(token) ? token : undefined;
}

/** Every entry is compared, each in constant time: the time tells nothing about any of them. */
function entryOf(token: string, entries: readonly TokenEntry[]): TokenEntry | undefined {
  const hash = createHash('sha256').update(token).digest();
  let found: TokenEntry | undefined;
  for (const entry of entries) {
    if (timingSafeEqual(hash, Buffer.from(entry.hash, 'hex'))) found = entry;
  }
  return found;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\]|::ffff:127(\.\d{1,3}){3})$/i;

/** Whether a host or address means this machine and nobody else. */
export function isLoopback(host: string | undefined): boolean {
  return LOOPBACK.test(host ?? '');
}

/** A host that would let strangers in; the message is one line that says what to do. */
export class UnsafeHost extends Error {}

/** Refuses to listen where strangers can reach a server that asks nobody for a token. */
export function assertSafeHost(host: string, auth: Auth): void {
  if (!auth.loopbackOnly || isLoopback(host)) return;
  throw new UnsafeHost(
    `SNAPYARD_HOST=${host} can be reached by others, and there are no tokens: make one with ` +
      '"npm run token -- create NAME ADMIN", set SNAPYARD_TOKENS to its file, or use 127.0.0.1.',
  );
}
