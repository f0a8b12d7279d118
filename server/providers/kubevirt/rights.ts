/**
 * What the account of this provider must be allowed to do, and why. The only source of it: the
 * manifest that admins apply says the same, the preflight asks for just these, and a test compares
 * them with the requests that the provider really sends.
 */

/** One thing that may be done to one kind of resources. */
export interface Right {
  /** Empty for the core group. */
  readonly group: string;
  /** With its subresource, as in `virtualmachines/start`. */
  readonly resource: string;
  readonly verbs: readonly Verb[];
  readonly why: string;
  /** What is lost without it: nothing works, or only this command does not know all. */
  readonly need: 'POOL' | 'PREFLIGHT';
}

/** What can be done, as Kubernetes says it. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

const READ = ['get', 'list', 'watch'] as const;

const SUBRESOURCES = 'subresources.kubevirt.io';
const SNAPSHOTS = 'snapshot.kubevirt.io';

/** All of them, in the order in which people read them. */
export const RIGHTS: readonly Right[] = [
  pool('', 'namespaces', [...READ, 'create', 'patch', 'delete'], 'each cluster is a namespace'),
  pool('', 'resourcequotas', ['get', 'create', 'patch'], 'a quota for each of them'),
  pool(
    '',
    'services',
    [...READ, 'create', 'patch', 'delete'],
    'by which the guests of a cluster find each other',
  ),
  pool('', 'secrets', ['get', 'create', 'delete'], 'cloud-init data, and the key for guests'),
  pool('', 'persistentvolumeclaims', [...READ, 'delete'], 'disks, and what resets leave of them'),
  pool('', 'events', ['list'], 'why something outside failed'),
  pool('kubevirt.io', 'virtualmachines', [...READ, 'create', 'patch', 'delete'], 'the VMs'),
  pool('kubevirt.io', 'virtualmachineinstances', READ, 'the VMs that run'),
  pool(SUBRESOURCES, 'virtualmachines/start', ['update'], 'starts a VM'),
  pool(SUBRESOURCES, 'virtualmachines/stop', ['update'], 'stops a VM'),
  pool(SUBRESOURCES, 'virtualmachineinstances/portforward', ['get'], 'SSH to the guests'),
  pool(SUBRESOURCES, 'virtualmachineinstances/console', ['get'], 'the serial console of a VM'),
  pool(SUBRESOURCES, 'virtualmachineinstances/vnc', ['get'], 'the screen of a VM'),
  pool(SNAPSHOTS, 'virtualmachinesnapshots', [...READ, 'create', 'delete'], 'golden snapshots'),
  pool(SNAPSHOTS, 'virtualmachinesnapshotcontents', ['get'], 'which disks a snapshot has'),
  pool(SNAPSHOTS, 'virtualmachinerestores', [...READ, 'create', 'delete'], 'resets'),
  pool('snapshot.storage.k8s.io', 'volumesnapshots', ['get'], 'the size of a snapshot'),
  pool('cdi.kubevirt.io', 'datavolumes', [...READ, 'create', 'delete'], 'new disks'),
  pool('cdi.kubevirt.io', 'datavolumes/source', ['create'], 'disks from another namespace'),
  preflight('storage.k8s.io', 'storageclasses', 'what disks are made of'),
  preflight('cdi.kubevirt.io', 'storageprofiles', 'how disks are cloned'),
  preflight('snapshot.storage.k8s.io', 'volumesnapshotclasses', 'whether disks can be captured'),
];

function pool(group: string, resource: string, verbs: readonly Verb[], why: string): Right {
  return { group, resource, verbs, why, need: 'POOL' };
}

function preflight(group: string, resource: string, why: string): Right {
  return { group, resource, verbs: ['list'], why, need: 'PREFLIGHT' };
}
