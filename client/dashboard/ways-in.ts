/** How to get into the VMs of a session, as it was read once, by who may. */
export interface WaysIn {
  readonly vms: readonly {
    readonly id: string;
    readonly name: string;
    readonly ipAddress: string | null;
  }[];
  readonly access: {
    readonly kubeconfig: string | null;
    readonly sshUser: string | null;
    readonly sshPrivateKey: string | null;
    readonly endpoints: readonly {
      readonly name: string;
      readonly url: string;
      readonly vm: { readonly id: string; readonly name: string };
    }[];
  };
}

/** What the files are called that are saved of them. */
export function fileNames(clusterName: string): { kubeconfig: string; key: string } {
  return { kubeconfig: `kubeconfig-${clusterName}.yaml`, key: `key-${clusterName}` };
}

/** One line for a terminal, by the VM that it leads to. */
export interface SshLine {
  readonly vmName: string;
  readonly line: string;
}

/** The lines that log in to each VM with the key that was saved; none where there is no SSH. */
export function sshLines({ vms, access }: WaysIn, keyFile: string): SshLine[] {
  const { sshUser, endpoints } = access;
  if (sshUser === null) return [];
  return vms.flatMap(({ id, name, ipAddress }) => {
    const urls = endpoints.filter(({ vm }) => vm.id === id).map(({ url }) => url);
    const told = urls.map(sshPlace).find((place) => place !== null);
    const place = told ?? (ipAddress === null ? null : { host: ipAddress, port: '22' });
    if (place === null) return [];
    const port = place.port === '22' ? '' : ` -p ${place.port}`;
    return [{ vmName: name, line: `ssh -i ${keyFile}${port} ${sshUser}@${place.host}` }];
  });
}

/** Where an SSH server listens; browsers do not agree how addresses of this kind are read. */
function sshPlace(url: string): { host: string; port: string } | null {
  const found = /^ssh:\/\/(?:[^@/]+@)?(?:\[([\d.:a-f]+)\]|([\w.-]+))(?::(\d+))?\/?$/i.exec(url);
  const host = found?.[1] ?? found?.[2];
  return host === undefined ? null : { host, port: found?.[3] ?? '22' };
}

/** Whether a browser can open it. */
export function isWebAddress(url: string): boolean {
  return /^https?:\/\//i.test(url);
}
