import type { VmRole } from '../../../schema/model/template.ts';
import type { ClusterRef, SetRef, Step } from '../provider.ts';
import { refuseIntruder } from './anchor.ts';
import type { Host } from './host.ts';
import { ROOT_DISK } from './manifests.ts';
import { checkName, sharedName, TEMPLATES_NAMESPACE } from './names.ts';
import { shotsOf } from './shots.ts';
import { findSnapshots, flawOf, type SnapshotsByRole } from './snapshots.ts';
import { takeSnapshots } from './take.ts';

/** The VMs in `vm-templates` whose disks hold the set of a pool. */

const STEMS = { CONTROL_PLANE: 'cp', WORKER: 'wk', STANDALONE: 'vm' } as const;

/**
 * The base VMs of a set as a cluster of their own. Its id is the set's, so that whoever removes
 * the set by its labels removes them.
 */
export function baseRef(set: SetRef, installation: string): ClusterRef {
  const name = `${sharedName(set.poolName, installation)}-${set.number}`;
  return {
    id: set.id,
    name: `${name}-base`,
    namespace: TEMPLATES_NAMESPACE,
    poolId: set.poolId,
    poolName: set.poolName,
    identity: 'SHARED_IDENTITY',
    readiness: set.readiness,
    vms: set.roles.map((spec) => ({
      ...spec,
      name: checkName(`${name}-${STEMS[spec.role]}-base`),
    })),
  };
}

/** The snapshots of a set, if each of them is there and has nothing wrong with it. */
export async function findComplete(
  host: Host,
  set: SetRef,
  step: Step,
): Promise<SnapshotsByRole | undefined> {
  const found = await findSnapshots(host, set, step);
  for (const snapshot of found.values()) refuseIntruder(snapshot, step);
  const isGood = ({ role }: { readonly role: VmRole }) => {
    const snapshot = found.get(role);
    return snapshot !== undefined && flawOf(snapshot, [ROOT_DISK]) === undefined;
  };
  return set.roles.every(isGood) ? found : undefined;
}

/** Takes the snapshots of base VMs, which are off: these are the set of a pool. */
export function captureBases(
  host: Host,
  set: SetRef,
  versions: ReadonlyMap<VmRole, string>,
  step: Step,
  assertOurs: (step: Step) => Promise<void>,
): Promise<SnapshotsByRole> {
  const ref = baseRef(set, step.installation);
  const shots = shotsOf(set, ref, TEMPLATES_NAMESPACE, step);
  const off = { mode: 'OFFLINE', runs: false, inUse: false } as const;
  return takeSnapshots({ host, ref, step, shots, versions, assertOurs, ...off });
}
