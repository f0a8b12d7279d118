import type { ClusterRef, SetRef } from '../provider.ts';
import { checkName, sharedName, TEMPLATES_NAMESPACE } from './names.ts';

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
