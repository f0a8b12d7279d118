import type { Kind, Route } from '../ports.ts';
import type { Fields } from './fields.ts';
import type { Kinds } from './kinds.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
/** The kinds that `kubectl get all` means. */
const ALL = /^(Pod$|Service$|VirtualMachine|DataVolume)/;
const REVIEWS = ['SelfSubjectAccessReview', 'SelfSubjectRulesReview'];
/** The group of access reviews, which are answers and no objects. */
export const REVIEW_GROUP = 'authorization.k8s.io';

/** What the server tells of itself: its version, its groups, and the resources in them. */
export function discover(
  path: string,
  kinds: Kinds,
  routes: readonly Route[],
  address: string,
): Fields | undefined {
  const [root, group, version, ...more] = path.split('/').filter((part) => part !== '');
  if (more.length > 0) return undefined;
  if (root === 'version' && group === undefined) return VERSION;
  if (root === 'api' && version === undefined) {
    if (group === 'v1') return resourceList('', 'v1', kinds, routes);
    return group === undefined ? coreVersions(address) : undefined;
  }
  if (root !== 'apis') return undefined;
  const groups = listGroups(kinds, routes);
  if (group === undefined) return { kind: 'APIGroupList', apiVersion: 'v1', groups };
  const found = groups.find(({ name }) => name === group);
  if (found === undefined) return undefined;
  if (version === undefined) return { kind: 'APIGroup', apiVersion: 'v1', ...found };
  const isServed = found.versions.some((one) => one.version === version);
  return isServed ? resourceList(group, version, kinds, routes) : undefined;
}

/** The groups that are served and their versions, as `group/version`. */
export function groupVersions(kinds: Kinds, routes: readonly Route[]): string[] {
  return listGroups(kinds, routes).flatMap(({ versions }) =>
    versions.map(({ groupVersion }) => groupVersion),
  );
}

const VERSION: Fields = {
  major: '1',
  minor: '33',
  gitVersion: 'v1.33.1',
  gitCommit: 'simulator',
  gitTreeState: 'clean',
  buildDate: '2025-05-15T00:00:00Z',
  goVersion: 'go1.24.2',
  compiler: 'gc',
  platform: 'linux/amd64',
};

function coreVersions(address: string): Fields {
  const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress: address }];
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs };
}

function listGroups(kinds: Kinds, routes: readonly Route[]) {
  const versions = new Map<string, Set<string>>([[REVIEW_GROUP, new Set(['v1'])]]);
  const add = (group: string, version: string) => {
    versions.set(group, (versions.get(group) ?? new Set()).add(version));
  };
  for (const kind of kinds.all) for (const version of kind.versions) add(kind.group, version);
  for (const { group, version } of routes) add(group, version);
  versions.delete('');
  return [...versions].map(([name, of]) => {
    const list = [...of].map((version) => ({ groupVersion: `${name}/${version}`, version }));
    return { name, versions: list, preferredVersion: list[0] };
  });
}

function resourceList(
  group: string,
  version: string,
  kinds: Kinds,
  routes: readonly Route[],
): Fields {
  const served = kinds.all.filter(
    (kind) => kind.group === group && kind.versions.includes(version),
  );
  const parts = routes.filter((route) => route.group === group && route.version === version);
  const byName = Map.groupBy(parts, ({ resource }) => resource);
  const subresources = [...byName].map(([name, [route]]) => ({
    name,
    singularName: '',
    namespaced: route?.path.includes('{namespace}') === true,
    kind: 'Subresource',
    verbs: [...new Set(byName.get(name)?.map(({ verb }) => verb))],
  }));
  const resources = [
    ...served.flatMap(resourcesOf),
    ...subresources,
    ...(group === REVIEW_GROUP ? REVIEWS.map(review) : []),
  ];
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function review(kind: string): Fields {
  const name = `${kind.toLowerCase()}s`;
  return { name, singularName: kind.toLowerCase(), namespaced: false, kind, verbs: ['create'] };
}

function resourcesOf(kind: Kind): Fields[] {
  const { plural, singular, namespaced, shortNames } = kind;
  const names = shortNames.length > 0 ? { shortNames } : {};
  const all = ALL.test(kind.kind) ? { categories: ['all'] } : {};
  const common = { namespaced, kind: kind.kind };
  const whole = { name: plural, singularName: singular, ...common, verbs: VERBS, ...names, ...all };
  const part = (name: string, verbs: readonly string[]) => ({
    name: `${plural}/${name}`,
    singularName: '',
    ...common,
    verbs,
  });
  return [
    whole,
    ...(kind.hasStatus ? [part('status', ['get', 'patch', 'update'])] : []),
    ...(kind.kind === 'Namespace' ? [part('finalize', ['update'])] : []),
  ];
}
