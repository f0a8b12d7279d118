import { ApiError, type Kind } from '../ports.ts';
import type { Kinds } from './kinds.ts';

/** What a path speaks of: a collection or an object of a kind, or a part of one. */
export interface Target {
  readonly kind: Kind;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** A path taken apart: its group, its version, and what comes below. */
export interface ApiPath {
  readonly group: string;
  readonly version: string;
  readonly rest: readonly string[];
}

/** Takes a path below /api/v1 or /apis apart; undefined for any other. */
export function apiPath(pathname: string): ApiPath | undefined {
  const parts = pathname.split('/').slice(1).map(decodeURIComponent);
  if (parts.at(-1) === '') parts.pop();
  const [root, first, second] = parts;
  if (root === 'api' && first !== undefined) {
    return { group: '', version: first, rest: parts.slice(2) };
  }
  if (root !== 'apis' || first === undefined || second === undefined) return undefined;
  return { group: first, version: second, rest: parts.slice(3) };
}

/** What of the kinds the path means; refuses what nobody serves. */
export function targetOf(kinds: Kinds, { group, version, rest }: ApiPath): Target {
  const isBelow = rest[0] === 'namespaces' && rest.length > 2;
  const isOwnPart = rest.length === 3 && ['status', 'finalize'].includes(rest[2] ?? '');
  const namespace = isBelow && !isOwnPart ? rest[1] : undefined;
  const [plural, name, subresource, ...more] = namespace === undefined ? rest : rest.slice(2);
  const kind = kinds.served(group, version, plural ?? '');
  const isWrongPlace = namespace !== undefined && kind?.namespaced === false;
  const isWrongPart = subresource !== undefined && !isServedPart(kind, subresource);
  if (kind === undefined || isWrongPlace || isWrongPart || more.length > 0) throw noSuchPath();
  if (kind.namespaced && namespace === undefined && name !== undefined) throw noSuchPath();
  return { kind, version, namespace, name, subresource };
}

/** What the server says of a path that nobody serves. */
export function noSuchPath(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource');
}

function isServedPart(kind: Kind | undefined, part: string): boolean {
  if (part === 'status') return kind?.hasStatus === true;
  return part === 'finalize' && kind?.kind === 'Namespace';
}
