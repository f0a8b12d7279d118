import type { Cause } from '../ports.ts';
import { duplicate, invalid, required } from './causes.ts';
import type { Interface, Network, VmiSpec } from './shapes.ts';

const BINDINGS = ['bridge', 'masquerade', 'sriov', 'binding'];

/** What is wrong with a machine's interfaces and networks. */
export function networkCauses({ domain, networks }: VmiSpec, at: string): Cause[] {
  const interfaces = domain.devices.interfaces ?? [];
  const all = networks ?? [];
  const path = `${at}.domain.devices.interfaces`;
  return [
    ...interfaces.flatMap((one, index) =>
      interfaceCauses(one, { interfaces, networks: all, at: `${path}[${index}]`, index }),
    ),
    ...all.flatMap((network, index) => oneNetworkCauses(network, index, interfaces, at)),
    ...podNetworkCauses(all, at),
  ];
}

interface Among {
  readonly interfaces: readonly Interface[];
  readonly networks: readonly Network[];
  readonly at: string;
  readonly index: number;
}

function interfaceCauses(one: Interface, { interfaces, networks, at, index }: Among): Cause[] {
  const field = `${at}.name`;
  const bound = BINDINGS.filter((binding) => one[binding] !== undefined);
  const network = networks.find(({ name }) => name === one.name);
  if (!/^[A-Za-z0-9_-]+$/.test(one.name)) {
    const rule = 'Network interface name can only contain alphabetical characters, numbers,';
    return [invalid(field, `${rule} dashes (-) or underscores (_)`)];
  }
  if (network === undefined) {
    return [invalid(field, `${field} '${one.name}' not found.`)];
  }
  if (interfaces.findIndex(({ name }) => name === one.name) !== index) {
    const message = 'Only one interface can be connected to one specific network';
    return [duplicate(field, message)];
  }
  if (bound.length > 1) return [invalid(at, 'only one binding can be used per interface')];
  if (one['masquerade'] !== undefined && network.pod === undefined) {
    const message = 'Masquerade interface only implemented with pod network';
    return [invalid(field, message)];
  }
  return [];
}

function oneNetworkCauses(
  network: Network,
  index: number,
  interfaces: readonly Interface[],
  at: string,
): Cause[] {
  const field = `${at}.networks[${index}]`;
  if ((network.pod === undefined) === (network.multus === undefined)) {
    return [required(field, 'should have a network type')];
  }
  if (interfaces.some(({ name }) => name === network.name)) return [];
  return [invalid(`${field}.name`, `${field}.name '${network.name}' not found.`)];
}

function podNetworkCauses(networks: readonly Network[], at: string): Cause[] {
  if (networks.filter(({ pod }) => pod !== undefined).length <= 1) return [];
  const message = 'more than one interface is connected to a pod network';
  return [duplicate(`${at}.networks`, message)];
}
