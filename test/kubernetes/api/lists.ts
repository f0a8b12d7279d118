import { ApiError, type KubeObject } from '../ports.ts';
import { type Fields, fieldsOf, textOf } from './fields.ts';
import { badRequest, expired } from './refusals.ts';
import { matcher } from './selector.ts';
import { keyOf, type Store } from './store.ts';
import type { Target } from './target.ts';

/** A page of a list, and where the next one begins. */
export interface Page {
  readonly objects: readonly KubeObject[];
  /** The metadata of the list. */
  readonly metadata: Fields;
}

/** Lists the objects of a kind: those of a version, so that all pages fit together. */
export function listPage(store: Store, target: Target, query: URLSearchParams): Page {
  const from = continuation(query);
  const version = from?.version ?? versionAsked(store, query);
  const all = objectsAt(store, target.kind.kind, version, from !== undefined);
  const matching = all.filter(matcher(query, target.namespace));
  const rest = matching.filter((object) => from === undefined || keyOfObject(object) > from.after);
  const limit = Number(query.get('limit') ?? 0) || rest.length;
  const objects = rest.slice(0, limit);
  const last = objects.at(-1);
  const left = rest.length - objects.length;
  const more = last !== undefined &&
    left > 0 && { continue: token(version, keyOfObject(last)), remainingItemCount: left };
  return { objects, metadata: { resourceVersion: `${version}`, ...more } };
}

function keyOfObject({ metadata: { namespace, name } }: KubeObject): string {
  return keyOf(namespace, name);
}

function objectsAt(store: Store, kind: string, version: number, isNextPage: boolean): KubeObject[] {
  if (version === store.version) return store.list(kind);
  try {
    return store.listAt(kind, version);
  } catch (error) {
    if (!isNextPage || !(error instanceof ApiError)) throw error;
    const why = 'The provided continue parameter is too old to display a consistent list result';
    throw expired(`${why}. You can start a new list without the continue parameter.`);
  }
}

/** The version the list is to show: the latest, but for who asks for exactly one. */
function versionAsked(store: Store, query: URLSearchParams): number {
  const asked = Number(query.get('resourceVersion') ?? 0);
  if (Number.isNaN(asked)) throw badRequest('invalid resource version');
  if (asked > store.version) {
    const message = `Timeout: Too large resource version: ${asked}, current: ${store.version}`;
    const cause = { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' };
    throw new ApiError(504, 'Timeout', message, { causes: [cause], retryAfterSeconds: 1 });
  }
  return query.get('resourceVersionMatch') === 'Exact' ? asked : store.version;
}

function token(version: number, after: string): string {
  return Buffer.from(JSON.stringify({ version, after })).toString('base64url');
}

function continuation(query: URLSearchParams): { version: number; after: string } | undefined {
  const given = query.get('continue');
  if (!given) return undefined;
  try {
    const { version, after } = fieldsOf(JSON.parse(Buffer.from(given, 'base64url').toString()));
    return { version: Number(version), after: textOf(after) ?? '' };
  } catch {
    throw badRequest('continue key is not valid');
  }
}
