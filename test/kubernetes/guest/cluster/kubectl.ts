import { absolute } from '../file-system.ts';
import { durationOf } from '../shell/basic-programs.ts';
import { homeOf, type Call, type Program } from '../shell/scope.ts';
import type { Computer } from '../computer.ts';
import { fillTemplate } from './json-path.ts';
import { asTable, listed, nodeObject, podsOf, type Listed } from './objects.ts';
import {
  apiServerOf,
  authorityIn,
  etcdOf,
  KUBERNETES_VERSION,
  nodesSeenBy,
  writeEtcd,
} from './state.ts';

/** A command line of kubectl. */
interface Line {
  readonly words: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
}

const VALUED = new Set([
  '-o',
  '--output',
  '-n',
  '--namespace',
  '-l',
  '--selector',
  '-f',
  '--filename',
  '--kubeconfig',
  '--timeout',
  '--for',
  '--request-timeout',
  '--context',
  '-p',
  '--patch',
  '--type',
]);

/** `kubectl`, as far as guests are asked by it. */
export const kubectl: Program = (call) => {
  const line = lineOf(call.args);
  const [verb = ''] = line.words;
  if (verb === 'version' && line.flags.has('--client')) {
    call.streams.out(`Client Version: ${KUBERNETES_VERSION}\n`);
    return 0;
  }
  if (verb === 'config' || verb === 'completion' || verb === '') return 0;
  const server = serverFor(call, line);
  return typeof server === 'number' ? server : act(call, line, server);
};

function lineOf(args: readonly string[]): Line {
  const words: string[] = [];
  const flags = new Map<string, string>();
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    const short = /^(-[on])=?(.+)$/.exec(arg);
    if (!arg.startsWith('-')) words.push(arg);
    else if (short !== null) flags.set(short[1] ?? '', short[2] ?? '');
    else if (VALUED.has(arg)) flags.set(arg, args[(at += 1)] ?? '');
    else flags.set(arg.split('=')[0] ?? '', arg.slice(arg.indexOf('=') + 1));
  }
  return { words, flags };
}

function serverFor(call: Call, line: Line): Computer | number {
  const { computer, folder, user, variables } = call.scope;
  const home = variables.get('HOME') ?? homeOf(user);
  const named = line.flags.get('--kubeconfig') ?? variables.get('KUBECONFIG');
  const path = absolute(named ?? `${home}/.kube/config`, folder);
  const text = computer.files.read(path);
  if (text === undefined) {
    if (named !== undefined && line.flags.has('--kubeconfig')) {
      return fail(call, `error: stat ${named}: no such file or directory`);
    }
    return fail(call, refusedAt('localhost:8080'));
  }
  if (!computer.files.mayRead(path, user)) {
    return fail(
      call,
      `error: error loading config file "${path}": open ${path}: permission denied`,
    );
  }
  const server = apiServerOf(computer, authorityIn(text));
  const address = /server: https?:\/\/(\S+)/.exec(text)?.[1] ?? 'localhost:8080';
  return server ?? fail(call, refusedAt(address));
}

const refusedAt = (address: string) =>
  `The connection to the server ${address} was refused - did you specify the right host or port?`;

function fail(call: Call, text: string): number {
  call.streams.err(`${text}\n`);
  return 1;
}

function act(call: Call, line: Line, server: Computer): number | Promise<number> {
  const [verb = ''] = line.words;
  switch (verb) {
    case 'get':
      return get(call, line, server);
    case 'wait':
      return wait(call, line, server);
    case 'delete':
      return remove(call, line, server);
    case 'version':
      call.streams.out(
        `Client Version: ${KUBERNETES_VERSION}\nServer Version: ${KUBERNETES_VERSION}\n`,
      );
      return 0;
    case 'cluster-info':
      call.streams.out(
        `Kubernetes control plane is running at https://${etcdOf(server)?.endpoint}\n`,
      );
      return 0;
    default:
      call.streams.out(`${line.words.slice(1).join('/')} ${verb} done\n`);
      return 0;
  }
}

function get(call: Call, line: Line, server: Computer): number {
  if (line.flags.has('--raw')) {
    call.streams.out('ok');
    return 0;
  }
  const [kind = '', name] = (line.words[1] ?? '').split('/');
  const asked = [...(name === undefined ? [] : [name]), ...line.words.slice(2)];
  const all = objectsOf(kind, server);
  const missing = asked.find((each) => !all?.rows.some((row) => row.name === each));
  if (missing !== undefined) {
    return fail(
      call,
      `Error from server (NotFound): ${all?.plural ?? kind} "${missing}" not found`,
    );
  }
  if (all === undefined || all.rows.length === 0) return nothing(call);
  const rows = all.rows.filter((row) => asked.length === 0 || asked.includes(row.name));
  call.streams.out(shown(line, { ...all, rows }, asked.length === 1));
  return 0;
}

function nothing(call: Call): number {
  call.streams.err('No resources found\n');
  return 0;
}

function objectsOf(kind: string, server: Computer): Listed | undefined {
  const now = server.world.now();
  if (/^(no|nodes?)$/.test(kind)) return listed('nodes', nodesSeenBy(server).map(nodeObject), now);
  if (/^(po|pods?)$/.test(kind)) return listed('pods', podsOf(nodesSeenBy(server)), now);
  return undefined;
}

function shown(line: Line, all: Listed, isOne: boolean): string {
  const how = line.flags.get('-o') ?? line.flags.get('--output') ?? '';
  const items = all.rows.map(({ object }) => object);
  const data = isOne ? items[0] : { apiVersion: 'v1', kind: 'List', items };
  if (how === 'json') return `${JSON.stringify(data, null, 4)}\n`;
  if (how === 'name') return all.rows.map(({ name }) => `${all.singular}/${name}\n`).join('');
  if (how.startsWith('jsonpath')) return fillTemplate(how, data);
  return asTable(all, how === 'wide', line.flags.has('--no-headers'));
}

/** Waits until the nodes named, or all of them, are Ready. */
async function wait(call: Call, line: Line, server: Computer): Promise<number> {
  const [, first = ''] = line.words;
  const [kind = '', single] = first.split('/');
  const names = [...(single === undefined ? [] : [single]), ...line.words.slice(2)];
  const isMet = line.flags.get('--for')?.toLowerCase().startsWith('condition=ready') ?? false;
  if (!/^(no|nodes?)$/.test(kind) || !isMet) return 0;
  const { world } = server;
  const end = world.elapsed() + durationOf(line.flags.get('--timeout') ?? '30s');
  for (;;) {
    const nodes = nodesSeenBy(server).filter(
      ({ name }) => names.length === 0 || names.includes(name),
    );
    const missing = names.find((name) => !nodes.some((node) => node.name === name));
    if (missing !== undefined)
      return fail(call, `Error from server (NotFound): nodes "${missing}" not found`);
    const late = nodes.filter(({ isReady }) => !isReady);
    if (late.length === 0) {
      call.streams.out(nodes.map(({ name }) => `node/${name} condition met\n`).join(''));
      return 0;
    }
    if (world.elapsed() >= end) {
      return fail(call, `error: timed out waiting for the condition on nodes/${late[0]?.name}`);
    }
    await world.sleep(1_000, call.scope.signal);
  }
}

function remove(call: Call, line: Line, server: Computer): number {
  const [, first = ''] = line.words;
  const [kind = '', single] = first.split('/');
  const names = [...(single === undefined ? [] : [single]), ...line.words.slice(2)];
  const etcd = etcdOf(server);
  if (!/^(no|nodes?)$/.test(kind) || etcd === undefined) return nothing(call);
  const isNamed = (name: string) => names.includes(name) || line.flags.has('--all');
  const gone = etcd.nodes.filter(({ name }) => isNamed(name));
  writeEtcd(server, { ...etcd, nodes: etcd.nodes.filter(({ name }) => !isNamed(name)) });
  call.streams.out(gone.map(({ name }) => `node "${name}" deleted\n`).join(''));
  return 0;
}
