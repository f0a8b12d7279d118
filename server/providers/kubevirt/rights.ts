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

/** All of them, in the order in which people read them. */
export const RIGHTS: readonly Right[] = [
  pool('', 'namespaces', [...READ, 'create', 'patch', 'delete'], 'each cluster is a namespace'),
  pool('', 'resourcequotas', ['get', 'create'], 'a quota for each of them'),
  pool('', 'services', ['get', 'create'], 'by which the guests of a cluster find each other'),
  pool('', 'secrets', ['get', 'create', 'delete'], 'cloud-init data, and the key for guests'),
  pool('', 'persistentvolumeclaims', [...READ, 'delete'], 'disks, and what resets leave of them'),
  pool('', 'events', ['list'], 'why something outside failed'),
  pool('kubevirt.io', 'virtualmachines', [...READ, 'create', 'patch', 'delete'], 'the VMs'),
  pool('kubevirt.io', 'virtualmachineinstances', READ, 'the VMs that run'),
  pool('subresources.kubevirt.io', 'virtualmachines/start', ['update'], 'starts a VM'),
  pool('subresources.kubevirt.io', 'virtualmachines/stop', ['update'], 'stops a VM at once'),
  pool(
    'subresources.kubevirt.io',
    'virtualmachineinstances/portforward',
    ['get'],
    'SSH to the guests',
  ),
  pool(
    'snapshot.kubevirt.io',
    'virtualmachinesnapshots',
    [...READ, 'create', 'patch', 'delete'],
    'golden snapshots',
  ),
  pool(
    'snapshot.kubevirt.io',
    'virtualmachinesnapshotcontents',
    READ,
    'whether a snapshot is complete',
  ),
  pool('snapshot.kubevirt.io', 'virtualmachinerestores', [...READ, 'create', 'delete'], 'resets'),
  pool('snapshot.storage.k8s.io', 'volumesnapshots', READ, 'from which new disks are made'),
  pool('cdi.kubevirt.io', 'datavolumes', [...READ, 'create', 'delete'], 'new disks'),
  pool('cdi.kubevirt.io', 'datavolumes/source', ['create'], 'disks from another namespace'),
  preflight('storage.k8s.io', 'storageclasses', ['get', 'list'], 'what disks are made of'),
  preflight('cdi.kubevirt.io', 'storageprofiles', ['get', 'list'], 'how disks are cloned'),
  preflight(
    'snapshot.storage.k8s.io',
    'volumesnapshotclasses',
    ['get', 'list'],
    'whether disks can be snapshotted',
  ),
];

function pool(group: string, resource: string, verbs: readonly Verb[], why: string): Right {
  return { group, resource, verbs, why, need: 'POOL' };
}

function preflight(group: string, resource: string, verbs: readonly Verb[], why: string): Right {
  return { group, resource, verbs, why, need: 'PREFLIGHT' };
}
