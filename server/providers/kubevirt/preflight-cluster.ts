import { z } from 'zod';
import { isRefusal } from './errors.ts';
import { KubernetesError, type Kubernetes } from './kubernetes.ts';
import { TEMPLATES_NAMESPACE } from './names.ts';
import { VM_SNAPSHOTS } from './objects.ts';
import { fine, info, missing, warning, type Finding } from './preflight-report.ts';
import type { KubevirtSettings } from './settings.ts';

/** What the cluster is: its versions, the groups it serves, and what is switched on. */
export interface ClusterFacts {
  readonly findings: readonly Finding[];
  readonly kubevirt: { readonly major: number; readonly minor: number } | undefined;
  /** The groups that are served, each with its versions. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** Whether snapshots may be made: their group is served and their feature gate is on. */
  readonly snapshots: boolean;
}

/** The oldest release whose snapshot and restore work as this provider needs them. */
const OLDEST_MINOR = 3;

const versionSchema = z.object({ gitVersion: z.string() });
const groupsSchema = z.object({
  groups: z.array(
    z.object({ name: z.string(), versions: z.array(z.object({ version: z.string() })) }),
  ),
});

/** Groups without which nothing works, with the version we speak and who brings them. */
const NEEDED_GROUPS = [
  ['kubevirt.io', 'v1', 'install KubeVirt'],
  ['subresources.kubevirt.io', 'v1', 'virt-api is not ready: kubectl -n kubevirt get pods'],
  ['cdi.kubevirt.io', 'v1beta1', 'install CDI (containerized-data-importer)'],
  [
    'snapshot.storage.k8s.io',
    'v1',
    'install the CRDs and the controller of external-snapshotter, and a CSI driver that uses them',
  ],
] as const;

/** Asks the API server what it is; throws when it cannot be asked at all. */
export async function lookAtCluster(
  kubernetes: Kubernetes,
  settings: Pick<KubevirtSettings, 'snapshotApi'>,
  signal: AbortSignal,
): Promise<ClusterFacts> {
  const server = versionSchema.parse(await kubernetes.call('GET', '/version', { signal }));
  const listed = groupsSchema.parse(await kubernetes.call('GET', '/apis', { signal }));
  const groups = new Map(
    listed.groups.map(({ name, versions }) => [name, versions.map(({ version }) => version)]),
  );
  const release = await kubevirtVersion(kubernetes, signal);
  const needed = [
    ...NEEDED_GROUPS,
    ['snapshot.kubevirt.io', settings.snapshotApi, 'install KubeVirt'] as const,
  ];
  const served = needed.map(([group, version, fix]) => groupFinding(groups, group, version, fix));
  const isServed = groups.get('snapshot.kubevirt.io')?.includes(settings.snapshotApi) ?? false;
  const gate = isServed ? await snapshotGate(kubernetes, settings.snapshotApi, signal) : undefined;
  return {
    findings: [
      fine('Kubernetes API', server.gitVersion),
      versionFinding(release),
      ...served,
      ...cloneFindings(groups),
      ...(gate === undefined ? [] : [gate]),
    ],
    kubevirt: parsedVersion(release),
    groups,
    snapshots: gate !== undefined && gate.verdict !== 'FAIL',
  };
}

/** Open to every account; undefined where virt-api does not answer. */
async function kubevirtVersion(
  kubernetes: Kubernetes,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const path = '/apis/subresources.kubevirt.io/v1/version';
    return versionSchema.parse(await kubernetes.call('GET', path, { signal })).gitVersion;
  } catch (error) {
    // Without KubeVirt the path is unknown; while virt-api is down it is unavailable.
    if (error instanceof KubernetesError && error.status >= 400) return undefined;
    throw error;
  }
}

function parsedVersion(text: string | undefined): ClusterFacts['kubevirt'] {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(text ?? '') ?? [];
  if (major === undefined) return undefined;
  return { major: Number(major), minor: Number(minor) };
}

function versionFinding(text: string | undefined): Finding {
  const check = 'KubeVirt';
  const version = parsedVersion(text);
  if (text === undefined || version === undefined) {
    return missing(check, text ?? 'does not answer', 'install KubeVirt, or wait for virt-api');
  }
  const { major, minor } = version;
  if (major < 1 || (major === 1 && minor < OLDEST_MINOR)) {
    return missing(check, text, `upgrade to 1.${OLDEST_MINOR} or newer`);
  }
  if (major === 1 && minor < 6) {
    return warning(check, text, 'from 1.6 on a reset needs no second disk: upgrade when you can');
  }
  return fine(check, text);
}

function groupFinding(
  groups: ClusterFacts['groups'],
  group: string,
  version: string,
  fix: string,
): Finding {
  const versions = groups.get(group);
  if (versions === undefined) return missing(group, 'not served', fix);
  const found = versions.join(', ');
  return versions.includes(version)
    ? fine(group, found)
    : missing(group, found, `it must serve ${version}: ${otherVersion(group)}`);
}

/** Of snapshots we speak two versions; of everything else the one that has been stable longest. */
function otherVersion(group: string): string {
  const isOurs = group === 'snapshot.kubevirt.io';
  return isOurs ? 'set SNAPYARD_KUBE_SNAPSHOT_API to one that is served' : 'upgrade it';
}

/** Nothing here uses clones, but admins ask. */
function cloneFindings(groups: ClusterFacts['groups']): Finding[] {
  const versions = groups.get('clone.kubevirt.io');
  return versions === undefined
    ? []
    : [info('clone.kubevirt.io', `${versions.join(', ')}, unused`)];
}

/**
 * Whether snapshots are switched on, by a creation that is only tried: the gate is asked before
 * anything else is, so any other refusal means that it is on.
 */
async function snapshotGate(
  kubernetes: Kubernetes,
  version: string,
  signal: AbortSignal,
): Promise<Finding> {
  const check = 'feature gate Snapshot';
  const { group, kind, plural } = VM_SNAPSHOTS;
  const path = `/apis/${group}/${version}/namespaces/${await someNamespace(kubernetes, signal)}/`;
  const source = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: 'snapyard-preflight' };
  const body = {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: 'snapyard-preflight' },
    spec: { source },
  };
  try {
    await kubernetes.call('POST', path + plural, { query: { dryRun: 'All' }, body, signal });
    return fine(check, 'on');
  } catch (error) {
    if (isRefusal(error, 400)) return missing(check, shortly(error.message), SWITCH_ON);
    if (isRefusal(error, 403)) return warning(check, 'may not be tried', MAY_NOT_TRY);
    if (error instanceof KubernetesError && error.status === 422) return fine(check, 'on');
    if (error instanceof KubernetesError && error.status > 0) {
      return warning(
        check,
        shortly(error.message),
        'see why the server cannot say, then ask again',
      );
    }
    throw error;
  }
}

const SWITCH_ON =
  'add Snapshot to spec.configuration.developerConfiguration.featureGates of the KubeVirt object';
const MAY_NOT_TRY = 'kubectl apply -f docs/kubevirt-role.yaml';

/** Ours, if it is there already; the one that every cluster has, if not. */
async function someNamespace(kubernetes: Kubernetes, signal: AbortSignal): Promise<string> {
  try {
    const path = `/api/v1/namespaces/${TEMPLATES_NAMESPACE}`;
    await kubernetes.call('GET', path, { signal });
    return TEMPLATES_NAMESPACE;
  } catch (error) {
    if (error instanceof KubernetesError && error.status > 0) return 'default';
    throw error;
  }
}

function shortly(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
