import type { Kind, KubeObject, Route } from '../ports.ts';
import { authorize, reviewAccess, reviewRules } from './access.ts';
import type { Api, Call, Reply } from './api.ts';
import { remove, removeAll } from './deletions.ts';
import { discover, REVIEW_GROUP } from './discovery.ts';
import type { RequestSeen } from './faults.ts';
import { without } from './fields.ts';
import { apiVersionOf, isCustom } from './kinds.ts';
import { listPage } from './lists.ts';
import { openApi } from './openapi.ts';
import { badRequest } from './refusals.ts';
import { matcher } from './selector.ts';
import { tableOf, wantsTable } from './tables.ts';
import { apiPath, noSuchPath, type Target, targetOf } from './target.ts';
import { create, existing, methodNotAllowed, patch, replace, type Written } from './writes.ts';

/** A request that was understood: what it is about, and how it is answered. */
export interface Understood {
  readonly seen: RequestSeen;
  readonly target?: Target;
  readonly answer: (call: Call) => Reply;
}

/** A route that a path leads to, with what stands in its place holders. */
export interface FoundRoute {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds out what a request wants; refuses what nobody serves. */
export function understand(api: Api, method: string, url: URL): Understood {
  const path = apiPath(url.pathname);
  const open = path === undefined || path.rest.length === 0;
  if (open) return plain(method, url, () => answerOpen(api, url));
  if (path.group === REVIEW_GROUP) {
    return plain(method, url, ({ body }) => answerReview(api, path.rest, body));
  }
  const found = findRoute(api, method, url);
  if (found !== undefined) return routed(api, found);
  const target = targetOf(api.kinds, path);
  const verb = verbOf(method, url, target);
  const seen = seenOf(verb, target);
  return { seen, target, answer: (call) => answerObject(api, seen, target, call) };
}

/** The route for a path; those with another method are not found. */
export function findRoute(api: Api, method: string, url: URL): FoundRoute | undefined {
  const path = apiPath(url.pathname);
  if (path === undefined) return undefined;
  for (const route of api.routes) {
    if (route.group !== path.group || route.version !== path.version) continue;
    const params = route.method === method ? fit(route.path, path.rest) : undefined;
    if (params !== undefined) return { route, params };
  }
  return undefined;
}

/** What a call of a route is, for rights and faults. */
export function seenRoute({ route, params }: FoundRoute): RequestSeen {
  const { resource, verb } = route;
  return { verb, kind: '', resource, namespace: params['namespace'], name: params['name'] };
}

/** Refuses what the user may not do. */
export function authorizeSeen(api: Api, user: string, seen: RequestSeen, group: string): void {
  const { verb, resource, name } = seen;
  const namespace = seen.kind === 'Namespace' ? name : seen.namespace;
  authorize(api.access, user, { group, resource, verb, namespace, name });
}

function fit(path: string, rest: readonly string[]): Record<string, string> | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length !== rest.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const given = rest[index] ?? '';
    const [, holder] = /^\{(\w+)\}$/.exec(part) ?? [];
    if (holder !== undefined) params[holder] = given;
    else if (part !== given) return undefined;
  }
  return params;
}

function plain(method: string, url: URL, answer: Understood['answer']): Understood {
  const none = { kind: '', namespace: undefined, name: undefined };
  return { seen: { ...none, verb: method.toLowerCase(), resource: url.pathname }, answer };
}

function answerOpen(api: Api, url: URL): Reply {
  if (/^\/(healthz|readyz|livez)(\/|$)/.test(url.pathname)) return { status: 200, text: 'ok' };
  const described = openApi(url.pathname, api.kinds, api.routes);
  if (described !== undefined) return { status: 200, body: described };
  const body = discover(url.pathname, api.kinds, api.routes, api.address());
  if (body === undefined) throw noSuchPath();
  return { status: 200, body };
}

function answerReview(api: Api, [resource]: readonly string[], body: unknown): Reply {
  if (resource === 'selfsubjectaccessreviews') {
    return { status: 201, body: reviewAccess(api.access, body) };
  }
  if (resource === 'selfsubjectrulesreviews') {
    return { status: 201, body: reviewRules(api.access, body) };
  }
  throw noSuchPath();
}

function routed(api: Api, found: FoundRoute): Understood {
  const { route, params } = found;
  const seen = seenRoute(found);
  const answer = ({ url, body, user }: Call): Reply => {
    // What is in no namespace, as the version, may be read by all who have a token.
    if (seen.namespace !== undefined) authorizeSeen(api, user, seen, route.group);
    const given = route.answer({ params, query: url.searchParams, body, user });
    if ('stream' in given) {
      given.stream.destroy();
      throw badRequest('this is spoken over a WebSocket only');
    }
    if (given.body !== undefined) return { status: given.status, body: given.body };
    return { status: given.status, text: given.text ?? '' };
  };
  return { seen, answer };
}

function verbOf(method: string, url: URL, { name }: Target): string {
  const watches = ['true', '1'].includes(url.searchParams.get('watch') ?? '');
  const onAll: Readonly<Record<string, string>> = {
    GET: watches ? 'watch' : 'list',
    POST: 'create',
    DELETE: 'deletecollection',
  };
  const onOne: Readonly<Record<string, string>> = {
    GET: watches ? 'watch' : 'get',
    PUT: 'update',
    PATCH: 'patch',
    DELETE: 'delete',
  };
  const verb = (name === undefined ? onAll : onOne)[method];
  if (verb === undefined) throw methodNotAllowed();
  return verb;
}

function seenOf(verb: string, { kind, subresource, namespace, name }: Target): RequestSeen {
  const resource = subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`;
  return { verb, kind: kind.kind, resource, namespace, name };
}

function answerObject(api: Api, seen: RequestSeen, target: Target, call: Call): Reply {
  authorizeSeen(api, call.user, seen, target.kind.group);
  const query = call.url.searchParams;
  const write = { ...call, target, query };
  switch (seen.verb) {
    case 'list':
      return { status: 200, body: shownList(api, target, call) };
    case 'watch':
      return { watch: watchOf(api, target, call) };
    case 'get':
      return { status: 200, body: shown(api, target, call, existing(api.objects, target)) };
    case 'create':
      return wrote(api, target, call, create(api.objects, write));
    case 'update':
      return wrote(api, target, call, replace(api.objects, write));
    case 'patch':
      return wrote(api, target, call, patch(api.objects, write));
    case 'delete':
      return { status: 200, body: remove(api, write) };
    default:
      return { status: 200, body: listBody(target, removeAll(api, write), {}) };
  }
}

function wrote(api: Api, target: Target, call: Call, written: Written): Reply {
  const { status, object, warnings } = written;
  return { status, body: shown(api, target, call, object), warnings };
}

/** An object in the version that was asked for, or as a row of a table. */
function shown(api: Api, { kind, version }: Target, call: Call, object: KubeObject): unknown {
  const body = { ...object, apiVersion: apiVersionOf(kind, version) };
  if (!wantsTable(call.accept)) return body;
  const include = call.url.searchParams.get('includeObject');
  const { resourceVersion } = object.metadata;
  return tableOf(kind.kind, [body], { resourceVersion }, { world: api.world, include });
}

function shownList(api: Api, target: Target, call: Call): unknown {
  const query = named(target, call.url.searchParams);
  const { objects, metadata } = listPage(api.store, target, query);
  if (!wantsTable(call.accept)) return listBody(target, objects, metadata);
  const include = query.get('includeObject');
  return tableOf(target.kind.kind, objects, metadata, { world: api.world, include });
}

function listBody(
  { kind, version }: Target,
  objects: readonly KubeObject[],
  metadata: unknown,
): unknown {
  const apiVersion = apiVersionOf(kind, version);
  return {
    kind: `${kind.kind}List`,
    apiVersion,
    metadata,
    items: objects.map((object) => listed(kind, { ...object, apiVersion })),
  };
}

/** As in the real server: what is built in does not say in a list what it is. */
function listed(kind: Kind, object: KubeObject): unknown {
  return isCustom(kind) ? object : without(object, 'apiVersion', 'kind');
}

function watchOf(api: Api, target: Target, call: Call) {
  const { kind, version, namespace } = target;
  const query = named(target, call.url.searchParams);
  const show = (object: KubeObject) => shown(api, target, call, object);
  return { kind, version, query, matches: matcher(query, namespace), show };
}

/** A watch of one object by its path is a watch by its name. */
function named({ name }: Target, query: URLSearchParams): URLSearchParams {
  if (name === undefined) return query;
  const both = new URLSearchParams(query);
  const given = query.get('fieldSelector');
  both.set('fieldSelector', [`metadata.name=${name}`, ...(given ? [given] : [])].join(','));
  return both;
}
