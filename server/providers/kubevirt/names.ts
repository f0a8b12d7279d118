import { createHash } from 'node:crypto';
import type { VmRole } from '../../../schema/model/template.ts';
import type { ClusterRef, SetRef, VmSpec } from '../provider.ts';
import { refused } from './errors.ts';

/**
 * How our objects are called, and the labels by which they are found again. Who holds an object
 * is told by its labels, never by its name: people rename things.
 */

/** The namespace of what no single cluster owns: images, base VMs, the key for guests. */
export const TEMPLATES_NAMESPACE = 'vm-templates';

/** On an anchor: the fence of the step that last wrote there. */
export const FENCE = 'snapyard.io/fence';

/** On a VM: whether its first disk came from a SNAPSHOT or was a COLD_BOOT. */
export const ORIGIN = 'snapyard.io/origin';

/** KubeVirt's own note on a VM that was restored: which restore it was. */
export const LAST_RESTORE = 'restore.kubevirt.io/lastRestoreUID';

/** The keys of our labels. */
export const LABEL = {
  installation: 'snapyard.io/installation',
  cluster: 'snapyard.io/cluster',
  pool: 'snapyard.io/pool',
  set: 'snapyard.io/set',
  setId: 'snapyard.io/set-id',
  clusterName: 'cks.io/cluster-id',
  clusterPool: 'cks.io/cluster-pool',
  role: 'cks.io/vm-role',
  snapshots: 'cks.io/snapshots',
} as const;

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>>;

const LONGEST = 63;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_VALUE = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const ROLE_LABELS: Readonly<Record<VmRole, string>> = {
  CONTROL_PLANE: 'control-plane',
  WORKER: 'worker',
  STANDALONE: 'standalone',
};

/** The labels of whatever belongs to a cluster. */
export function clusterLabels(ref: ClusterRef, installation: string): Labels {
  return checkLabels({
    [LABEL.clusterName]: ref.name,
    [LABEL.installation]: installation,
    [LABEL.cluster]: ref.id,
    [LABEL.pool]: ref.poolId,
  });
}

/** The labels of a cluster's namespace: those of the cluster, and that it is one of a pool. */
export function namespaceLabels(ref: ClusterRef, installation: string): Labels {
  return { ...clusterLabels(ref, installation), [LABEL.clusterPool]: 'true' };
}

/** The labels of whatever belongs to one VM of a cluster, and of what runs for it. */
export function vmLabels(ref: ClusterRef, spec: Pick<VmSpec, 'role'>, installation: string) {
  return { ...clusterLabels(ref, installation), [LABEL.role]: roleLabel(spec.role) };
}

/** The labels of whatever belongs to one role of a set; also of its cluster, if it has one. */
export function setLabels(set: SetRef, role: VmRole, installation: string): Labels {
  const owner = set.cluster === null ? {} : clusterLabels(set.cluster, installation);
  return checkLabels({
    ...owner,
    [LABEL.installation]: installation,
    [LABEL.pool]: set.poolId,
    [LABEL.set]: String(set.number),
    [LABEL.setId]: set.id,
    [LABEL.role]: roleLabel(role),
  });
}

/** A role as labels, host names and services say it. */
export function roleLabel(role: VmRole): string {
  return ROLE_LABELS[role];
}

/**
 * What tells the things of a pool from those of another installation's pool of the same name, in
 * the namespace that all installations share. Short: names have little room.
 */
export function sharedName(pool: string, installation: string): string {
  return `${pool}-${createHash('sha256').update(installation).digest('hex').slice(0, 6)}`;
}

/** The disk a VM is made with; after a restore it may have another. */
export function rootDiskName(vm: string): string {
  return `${vm}-rootdisk`;
}

/** The secret that holds a VM's cloud-init data. */
export function cloudInitName(vm: string): string {
  return `${vm}-cloudinit`;
}

/**
 * Refuses names that would be cut or refused in the middle of the work: a VM's name becomes label
 * values and a host name, which hold 63 characters.
 */
export function checkNames(ref: ClusterRef, installation: string): void {
  checkName(ref.namespace);
  namespaceLabels(ref, installation);
  for (const { name } of ref.vms) checkName(name);
}

/** Refuses a name that is no DNS label of at most 63 characters; answers it. */
export function checkName(name: string): string {
  if (name.length > LONGEST) {
    const reason = `the name ${name} has ${name.length} characters, and ${LONGEST} is the most`;
    throw refused(reason);
  }
  if (DNS_LABEL.test(name)) return name;
  const reason = `the name "${name}" is not made of small letters, digits and dashes`;
  throw refused(reason);
}

function checkLabels(labels: Labels): Labels {
  for (const [key, value] of Object.entries(labels)) {
    if (value.length <= LONGEST && LABEL_VALUE.test(value)) continue;
    const reason = `"${value}" cannot be the label ${key}: it has at most ${LONGEST} characters`;
    throw refused(`${reason}, of letters, digits and - _ .`);
  }
  return labels;
}
