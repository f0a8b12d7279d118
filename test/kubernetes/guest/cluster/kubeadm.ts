import { LATENCY, latency, type LatencyKind } from '../../latency.ts';
import { absolute } from '../file-system.ts';
import type { Computer } from '../computer.ts';
import type { Call, Program } from '../shell/scope.ts';
import {
  ADMIN,
  API_SERVER_MANIFEST,
  apiServerOf,
  etcdOf,
  forgetCluster,
  kubeconfig,
  kubeletOf,
  KUBERNETES_VERSION,
  registerNode,
  startKubelet,
  writeEtcd,
  writeKubelet,
  type Etcd,
} from './state.ts';

const INIT_MS = [120_000, 300_000] as const;
const JOIN_MS = [30_000, 90_000] as const;
/** How long until a fresh node is Ready. */
const FRESH_MS = [3_000, 8_000] as const;
/** As long as kubeadm looks for the control plane. */
const DISCOVERY_MS = 300_000;

const WRONG_AUTHORITY =
  'cluster CA found in cluster-info ConfigMap is invalid: none of the public keys';
const WRONG_TOKEN = 'could not find a JWS signature in the cluster-info ConfigMap for token ID';
const PREFLIGHT = 'error execution phase preflight: [preflight] Some fatal errors occurred:';

/** `kubeadm init`, `join`, `token create`, `reset`, `version`. */
export const kubeadm: Program = (call) => {
  const [verb = '', noun] = call.args;
  const { user } = call.scope;
  if (verb === 'version') return put(call, KUBERNETES_VERSION);
  if (user !== 'root') {
    return fail(call, `${PREFLIGHT}\n\t[ERROR IsPrivilegedUser]: user is not running as root`);
  }
  if (verb === 'init' && noun !== 'phase') return init(call);
  if (verb === 'join') return join(call);
  if (verb === 'token') return token(call);
  if (verb === 'reset') forgetCluster(call.scope.computer);
  return 0;
};

/** Lets time pass, and tells how much it was. */
async function lasts(call: Call, kind: LatencyKind, ms: number): Promise<void> {
  const { computer, signal } = call.scope;
  await computer.world.sleep(ms, signal);
  computer.tell(LATENCY, latency(computer.world, kind, ms));
}

function put(call: Call, text: string): number {
  call.streams.out(`${text}\n`);
  return 0;
}

function fail(call: Call, text: string): number {
  call.streams.err(`${text}\n`);
  call.scope.computer.log(text);
  return 1;
}

/** An option by its flag, or by its field in the file that `--config` names. */
function optionOf(call: Call, flag: string, field: string): string | undefined {
  const given = flagOf(call, flag);
  const config = flagOf(call, '--config');
  if (given !== undefined || config === undefined) return given;
  const text = call.scope.computer.files.read(absolute(config, call.scope.folder)) ?? '';
  return new RegExp(`^\\s*-?\\s*${field}:\\s*["']?([^"'\\s]+)`, 'm').exec(text)?.[1];
}

function flagOf({ args }: Call, flag: string): string | undefined {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  if (at < 0) return undefined;
  return args[at] === flag ? args[at + 1] : args[at]?.slice(flag.length + 1);
}

async function init(call: Call): Promise<number> {
  const { computer } = call.scope;
  if (computer.files.exists(API_SERVER_MANIFEST)) return occupied(call, API_SERVER_MANIFEST);
  const isFailing = computer.strikes('kubeadm-fails');
  computer.tell('kubeadm init begins');
  await lasts(call, 'INIT', computer.draw(`kubeadm-init/${computer.machine}`, INIT_MS));
  if (isFailing) {
    computer.tell('kubeadm init fails');
    return fail(
      call,
      "error execution phase wait-control-plane: couldn't initialize a Kubernetes cluster",
    );
  }
  const etcd = newCluster(call);
  const name = nodeName(call);
  writeEtcd(computer, etcd);
  computer.files.write(API_SERVER_MANIFEST, 'kind: Pod\n');
  computer.files.write(ADMIN, kubeconfig(etcd, 'kubernetes-admin'));
  writeKubelet(computer, etcd, name);
  register(computer, computer, name, true);
  computer.services.add('kubelet');
  computer.services.add('kube-apiserver');
  startKubelet(computer, FRESH_MS);
  computer.tell('kubeadm init is done', { node: name });
  return put(
    call,
    `Your Kubernetes control-plane has initialized successfully!\n\n${joinCommand(etcd)}`,
  );
}

function occupied(call: Call, path: string): number {
  const id = path.replace(/^\//, '').replaceAll('/', '-');
  return fail(call, `${PREFLIGHT}\n\t[ERROR FileAvailable--${id}]: ${path} already exists`);
}

function newCluster(call: Call): Etcd {
  const { computer } = call.scope;
  const port = '6443';
  const advertised =
    optionOf(call, '--control-plane-endpoint', 'controlPlaneEndpoint') ??
    optionOf(call, '--apiserver-advertise-address', 'advertiseAddress') ??
    computer.ip;
  const given = optionOf(call, '--token', 'token');
  return {
    authority: computer.world.secret(32),
    tokens: [given ?? newToken(call)],
    endpoint: advertised.includes(':') ? advertised : `${advertised}:${port}`,
    nodes: [],
  };
}

function newToken(call: Call): string {
  const secret = call.scope.computer.world.secret(11);
  return `${secret.slice(0, 6)}.${secret.slice(6)}`;
}

function nodeName(call: Call): string {
  const { computer } = call.scope;
  const inConfig = optionOf(call, '--node-name', 'nodeRegistration:\\s*\\n\\s*name');
  return inConfig ?? flagOf(call, '--node-name') ?? computer.hostname();
}

function register(server: Computer, computer: Computer, name: string, isControlPlane: boolean) {
  const since = computer.world.now();
  registerNode(server, { name, isControlPlane, since, ip: computer.ip });
}

function joinCommand({ endpoint, tokens, authority }: Etcd): string {
  const proof = `--discovery-token-ca-cert-hash sha256:${authority}`;
  return `kubeadm join ${endpoint} --token ${tokens.at(-1) ?? ''} ${proof} `;
}

function token(call: Call): number {
  const { computer } = call.scope;
  const etcd = etcdOf(computer);
  if (etcd === undefined || !computer.services.has('kube-apiserver')) {
    return fail(call, `failed to load admin kubeconfig: open ${ADMIN}: no such file or directory`);
  }
  if (call.args[1] !== 'create') return put(call, etcd.tokens.join('\n'));
  const given = call.args.slice(2).find((arg) => /^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(arg));
  const added = given ?? newToken(call);
  const next = { ...etcd, tokens: [...etcd.tokens, added] };
  writeEtcd(computer, next);
  return put(call, call.args.includes('--print-join-command') ? joinCommand(next) : added);
}

async function join(call: Call): Promise<number> {
  const { computer } = call.scope;
  if (kubeletOf(computer) !== undefined) return occupied(call, '/etc/kubernetes/kubelet.conf');
  const isFailing = computer.strikes('join-fails');
  computer.tell('kubeadm join begins');
  const server = await discover(call);
  if (typeof server === 'string') return refused(call, server);
  await lasts(call, 'JOIN', computer.draw(`kubeadm-join/${computer.machine}`, JOIN_MS));
  const etcd = etcdOf(server);
  if (isFailing || etcd === undefined || server.power.aborted) {
    return refused(
      call,
      'error execution phase kubelet-start: timed out waiting for the condition',
    );
  }
  const name = nodeName(call);
  writeKubelet(computer, etcd, name);
  register(server, computer, name, false);
  computer.services.add('kubelet');
  startKubelet(computer, FRESH_MS);
  computer.tell('kubeadm join is done', { node: name });
  return put(call, 'This node has joined the cluster:');
}

function refused(call: Call, reason: string): number {
  call.scope.computer.tell('kubeadm join fails', { reason });
  return fail(call, reason);
}

/** Looks for the control plane that knows the token, as long as kubeadm does. */
async function discover(call: Call): Promise<Computer | string> {
  const { computer, signal } = call.scope;
  const given = optionOf(call, '--token', '(?:token|tlsBootstrapToken)') ?? '';
  const hash = flagOf(call, '--discovery-token-ca-cert-hash') ?? hashIn(call);
  const phase =
    "error execution phase preflight: couldn't validate the identity of the API Server:";
  if (given === '') return 'discovery: Invalid value: "": bootstrapToken or file must be set';
  const end = computer.world.elapsed() + DISCOVERY_MS;
  for (;;) {
    const server = apiServerOf(computer);
    const etcd = server === undefined ? undefined : etcdOf(server);
    if (server !== undefined && etcd?.tokens.includes(given) === true) {
      if (hash === undefined || hash.endsWith(etcd.authority)) return server;
      return `${phase} ${WRONG_AUTHORITY} "sha256:${etcd.authority}" are pinned`;
    }
    if (computer.world.elapsed() >= end) {
      return server === undefined
        ? `${phase} failed to request the cluster-info ConfigMap: context deadline exceeded`
        : `${phase} ${WRONG_TOKEN} "${given.split('.')[0]}"`;
    }
    await computer.world.sleep(1_000, signal);
  }
}

function hashIn(call: Call): string | undefined {
  const config = flagOf(call, '--config');
  if (config === undefined) return undefined;
  const text = call.scope.computer.files.read(absolute(config, call.scope.folder)) ?? '';
  return /sha256:([0-9a-f]+)/.exec(text)?.[0];
}
