import type { Kind, Route } from '../ports.ts';
import { groupVersions } from './discovery.ts';
import type { Fields } from './fields.ts';
import type { Kinds } from './kinds.ts';
import { apiPath } from './target.ts';

const INFO = { title: 'Kubernetes', version: 'v1.33.1' };
/** By this, kubectl sees that the server itself looks for unknown fields. */
const VALIDATION = { name: 'fieldValidation', in: 'query', schema: { type: 'string' } };

/** The description of the API, as little of it as kubectl asks for. */
export function openApi(path: string, kinds: Kinds, routes: readonly Route[]): Fields | undefined {
  if (path === '/openapi/v2') return { swagger: '2.0', info: INFO, paths: {}, definitions: {} };
  if (path === '/openapi/v3') {
    const all = ['api/v1', ...groupVersions(kinds, routes).map((one) => `apis/${one}`)];
    const link = (one: string) => [one, { serverRelativeURL: `/openapi/v3/${one}?hash=1` }];
    return { paths: Object.fromEntries(all.map(link)) };
  }
  if (!path.startsWith('/openapi/v3/')) return undefined;
  const found = apiPath(path.slice('/openapi/v3'.length));
  if (found === undefined || found.rest.length > 0) return undefined;
  const { group, version } = found;
  const served = kinds.all.filter(
    (kind) => kind.group === group && kind.versions.includes(version),
  );
  const paths = served.map((kind) => describe(path.slice('/openapi/v3'.length), kind, version));
  return {
    openapi: '3.0.0',
    info: INFO,
    paths: Object.fromEntries(paths),
    components: { schemas: {} },
  };
}

function describe(root: string, { group, kind, plural, namespaced }: Kind, version: string) {
  const where = namespaced ? '/namespaces/{namespace}' : '';
  const responses = { 200: { description: 'OK' } };
  const operation = (action: string) => ({
    operationId: `${action}${kind}`,
    parameters: [VALIDATION],
    responses,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, kind, version },
  });
  const operations = { patch: operation('patch'), put: operation('put') };
  return [`${root}${where}/${plural}/{name}`, operations] as const;
}
