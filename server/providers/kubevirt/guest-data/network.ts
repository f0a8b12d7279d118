import type { VmRole } from '../../../../schema/model/template.ts';

/**
 * The network between the guests of a cluster. The address of a VM's pod changes at each start,
 * and certificates, etcd and join commands hold addresses for ever, so guests speak over a tunnel
 * of their own, whose addresses are the same in every cluster and every copy of one.
 */

/** The UDP port of the tunnel. */
export const TUNNEL_PORT = 8473;

/** The tunnel's device in guests. */
export const TUNNEL_DEVICE = 'snapyard0';

/** What a node of a cluster is called, and where it is, on its tunnel. */
export interface NodePlace {
  readonly host: string;
  readonly address: string;
  /** The addresses of the pods on it. */
  readonly pods: string;
}

/** The node of a role; a VM on its own has none. */
export const NODES: Readonly<Partial<Record<VmRole, NodePlace>>> = {
  CONTROL_PLANE: { host: 'control-plane', address: '192.168.231.1', pods: '10.231.0.0/24' },
  WORKER: { host: 'worker', address: '192.168.231.2', pods: '10.231.1.0/24' },
};

/**
 * How guests reach the network of their pod. By themselves they would remember the MAC address of
 * their first start, which is another at each later one, and then have no network at all.
 */
export const POD_NETWORK = JSON.stringify({
  version: 2,
  ethernets: { enp1s0: { match: { name: 'e*' }, dhcp4: true } },
});

/** All pods of a cluster, and its services: ranges that clusters we live in seldom use. */
export const POD_SUBNET = '10.231.0.0/16';
/** See `POD_SUBNET`. */
export const SERVICE_SUBNET = '10.232.0.0/16';
