import type { Computer } from './computer.ts';

/** Where cloud-init writes how the network is reached; read at each boot. */
const NETPLAN = '/etc/netplan/50-cloud-init.yaml';
const MAC = /(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}/g;

/**
 * Writes what a new instance is told of its network. Where it is told nothing, cloud-init finds a
 * device itself, and remembers it by the MAC address that it has at this very boot.
 */
export function setUpNetwork({ files, mac }: Computer, networkData: string | undefined): void {
  const found = { enp1s0: { match: { macaddress: mac }, dhcp4: true, 'set-name': 'enp1s0' } };
  const text = networkData ?? JSON.stringify({ version: 2, ethernets: found });
  files.write(NETPLAN, `${text}\n`);
}

/** Whether there is a device that the disk of this guest speaks of. */
export function hasNetwork({ files, mac }: Pick<Computer, 'files' | 'mac'>): boolean {
  const wanted = (files.read(NETPLAN) ?? '').toLowerCase().match(MAC) ?? [];
  return wanted.length === 0 || wanted.some((each) => each.replaceAll('-', ':') === mac);
}
