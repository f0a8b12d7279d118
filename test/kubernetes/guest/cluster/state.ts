import { LATENCY, latency } from '../../latency.ts';
import type { Computer } from '../computer.ts';

/** What the control plane's etcd holds; it lies on its disk, and goes where that goes. */
export interface Etcd {
  /** The hash of its certificate authority. */
  readonly authority: string;
  readonly tokens: readonly string[];
  readonly endpoint: string;
  readonly nodes: readonly NodeRow[];
}

/** A node that is registered. */
export interface NodeRow {
  readonly name: string;
  readonly isControlPlane: boolean;
  readonly since: number;
  readonly ip: string;
}

/** A node with what is seen of it now. */
export interface SeenNode extends NodeRow {
  readonly isReady: boolean;
}

/** The version that golden images hold. */
export const KUBERNETES_VERSION = 'v1.33.0';

const ETCD = '/var/lib/etcd/member/snap/db';
const KUBELET = '/etc/kubernetes/kubelet.conf';
/** What admins of the cluster use; kubeadm writes it on the control plane. */
export const ADMIN = '/etc/kubernetes/admin.conf';
/** The kubelet starts the API server where this file is. */
export const API_SERVER_MANIFEST = '/etc/kubernetes/manifests/kube-apiserver.yaml';

/** What the etcd of this guest holds, if it has one. */
export function etcdOf(computer: Computer): Etcd | undefined {
  const text = computer.files.read(ETCD);
  return text === undefined ? undefined : (JSON.parse(text) as Etcd);
}

/** Replaces what etcd holds. */
export function writeEtcd(computer: Computer, etcd: Etcd): void {
  computer.files.write(ETCD, JSON.stringify(etcd));
  computer.changed();
}

/** Registers a node, or renews what is known of it. */
export function registerNode(computer: Computer, node: NodeRow): void {
  const etcd = etcdOf(computer);
  if (etcd === undefined) return;
  const others = etcd.nodes.filter(({ name }) => name !== node.name);
  writeEtcd(computer, { ...etcd, nodes: [...others, node] });
}

/** Which node of which cluster this guest is, by its kubelet's configuration. */
export function kubeletOf(computer: Computer): { authority: string; node: string } | undefined {
  const text = computer.files.read(KUBELET);
  if (text === undefined) return undefined;
  return { authority: authorityIn(text) ?? '', node: /system:node:(\S+)/.exec(text)?.[1] ?? '' };
}

/** The cluster that a kubeconfig is for. */
export function authorityIn(text: string): string | undefined {
  const encoded = /certificate-authority-data: (\S+)/.exec(text)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString();
}

/** Writes the kubelet's configuration: this guest is now a node. */
export function writeKubelet(computer: Computer, etcd: Etcd, node: string): void {
  computer.files.write(KUBELET, kubeconfig(etcd, `system:node:${node}`));
}

/** A kubeconfig of the cluster for a user. */
export function kubeconfig(etcd: Etcd, user: string): string {
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    '- name: kubernetes',
    '  cluster:',
    `    certificate-authority-data: ${encoded(etcd.authority)}`,
    `    server: https://${etcd.endpoint}`,
    'users:',
    `- name: ${user}`,
    '  user:',
    `    client-certificate-data: ${encoded(`the certificate of ${user}`)}`,
    `    client-key-data: ${encoded(`the key of ${user}`)}`,
    'contexts:',
    '- name: default',
    `  context: {cluster: kubernetes, user: "${user}"}`,
    'current-context: default',
    '',
  ].join('\n');
}

/** Forgets all of kubeadm's work, as `kubeadm reset` does. */
export function forgetCluster(computer: Computer): void {
  computer.files.remove('/etc/kubernetes');
  computer.files.remove('/var/lib/etcd');
  computer.services.delete('kubelet');
  computer.services.delete('kube-apiserver');
  computer.changed();
}

/** The guest near this one whose API server runs for this cluster. */
export function apiServerOf(computer: Computer, authority?: string): Computer | undefined {
  return computer.neighbours().find((near) => {
    const etcd = near.services.has('kube-apiserver') ? etcdOf(near) : undefined;
    return etcd !== undefined && (authority === undefined || etcd.authority === authority);
  });
}

/** The registered nodes; Ready are those whose guest runs near, with a kubelet that is up. */
export function nodesSeenBy(server: Computer): SeenNode[] {
  const etcd = etcdOf(server);
  if (etcd === undefined) return [];
  const kubelets = server.neighbours().filter((near) => near.services.has('kubelet-ready'));
  const ready = kubelets.map(kubeletOf).filter((own) => own?.authority === etcd.authority);
  return etcd.nodes
    .map((node) => ({ ...node, isReady: ready.some((own) => own?.node === node.name) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Starts the kubelet, as systemd does at boot and kubeadm at its end. */
export function startKubelet(computer: Computer, between: readonly [number, number]): void {
  const own = kubeletOf(computer);
  if (own === undefined) return;
  const isSick = computer.strikes('node-not-ready');
  const wait = computer.draw(`kubelet/${computer.machine}`, between);
  const start = async () => {
    await computer.world.sleep(wait, computer.power);
    computer.tell(LATENCY, latency(computer.world, 'KUBELET', wait));
    computer.services.add('kubelet');
    if (computer.files.exists(API_SERVER_MANIFEST)) computer.services.add('kube-apiserver');
    computer.tell(isSick ? 'kubelet runs, but is never ready' : 'kubelet is ready', {
      node: own.node,
    });
    if (!isSick) computer.services.add('kubelet-ready');
    computer.changed();
  };
  start().catch(() => undefined);
}
