import { KUBERNETES_VERSION, type SeenNode } from './state.ts';

/** Objects of a kind, as kubectl lists them. */
export interface Listed {
  readonly plural: string;
  readonly singular: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** An object and its line. */
export interface Row {
  readonly name: string;
  readonly cells: readonly string[];
  readonly object: object;
}

/** An object before it is known when it is looked at. */
export interface Unlisted {
  readonly name: string;
  readonly since: number;
  readonly cells: readonly string[];
  readonly wide: readonly string[];
  readonly object: object;
}

const NODE_COLUMNS = ['NAME', 'STATUS', 'ROLES', 'AGE', 'VERSION', 'INTERNAL-IP'];
const POD_COLUMNS = ['NAMESPACE', 'NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE'];

/** Makes a list of them. */
export function listed(plural: 'nodes' | 'pods', all: readonly Unlisted[], now: number): Listed {
  return {
    plural,
    singular: plural === 'nodes' ? 'node' : 'pod',
    columns: plural === 'nodes' ? NODE_COLUMNS : POD_COLUMNS,
    rows: all.map(({ name, since, cells, wide, object }) => {
      const age = `${Math.floor((now - since) / 1_000)}s`;
      return { name, object, cells: [...cells.map((c) => (c === 'AGE' ? age : c)), ...wide] };
    }),
  };
}

/** A table with aligned columns. */
export function asTable(all: Listed, isWide: boolean, isBare: boolean): string {
  const width = all.plural === 'nodes' && !isWide ? 5 : all.columns.length;
  const lines = [...(isBare ? [] : [all.columns]), ...all.rows.map(({ cells }) => cells)];
  const cut = lines.map((line) => line.slice(0, width));
  const widths = Array.from({ length: width }, (_, at) =>
    Math.max(...cut.map((line) => (line[at] ?? '').length)),
  );
  return cut
    .map(
      (line) =>
        `${line
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** A node as kubectl shows it. */
export function nodeObject(node: SeenNode): Unlisted {
  const { name, since, ip, isReady } = node;
  const role = node.isControlPlane ? { 'node-role.kubernetes.io/control-plane': '' } : {};
  const status = isReady ? 'True' : 'Unknown';
  return {
    name,
    since,
    cells: [
      name,
      isReady ? 'Ready' : 'NotReady',
      node.isControlPlane ? 'control-plane' : '<none>',
      'AGE',
      KUBERNETES_VERSION,
    ],
    wide: [ip],
    object: {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        creationTimestamp: new Date(since).toISOString(),
        labels: { 'kubernetes.io/hostname': name, ...role },
      },
      spec: {},
      status: {
        addresses: [
          { type: 'InternalIP', address: ip },
          { type: 'Hostname', address: name },
        ],
        conditions: [
          { type: 'Ready', status, reason: isReady ? 'KubeletReady' : 'NodeStatusUnknown' },
        ],
        nodeInfo: { kubeletVersion: KUBERNETES_VERSION, osImage: 'Ubuntu 22.04' },
      },
    },
  };
}

/** The pods that every cluster has. */
export function podsOf(nodes: readonly SeenNode[]): Unlisted[] {
  return nodes.flatMap((node) => {
    const own = node.isControlPlane ? ['etcd', 'kube-apiserver', 'kube-scheduler'] : [];
    return [...own, 'kube-proxy'].map((app) => podObject(`${app}-${node.name}`, node));
  });
}

function podObject(name: string, node: SeenNode): Unlisted {
  return {
    name,
    since: node.since,
    cells: ['kube-system', name, '1/1', 'Running', '0', 'AGE'],
    wide: [],
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'kube-system' },
      spec: { nodeName: node.name },
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    },
  };
}
