import type { Part, Simulated } from '../ports.ts';
import { claimController } from './claims.ts';
import { cloneController } from './clones.ts';
import { dataVolumeController } from './data-volumes.ts';
import { openDepot, type StorageOptions } from './depot.ts';
import { furnish } from './furnish.ts';
import { storageKinds } from './kinds.ts';
import { machineSnapshotController } from './machine-snapshots.ts';
import { restoreController } from './restores.ts';
import { snapshotContentController } from './snapshot-content.ts';
import { diskReclaimer, volumeSnapshotController } from './volume-snapshots.ts';

/**
 * The storage of the simulated cluster: claims, volume snapshots, snapshots, restores and clones
 * of machines, and CDI. Each rule of it has a test named after it.
 *
 * Mishaps, each for the object it names, or for one that carries the mishap as a label:
 * `claim-pending` (a claim or its owner), `snapshot-fails`, `snapshot-never-ready` and
 * `snapshot-lost` (a volume snapshot, its claim, its machine or machine snapshot),
 * `excluded-disk`, `freeze-fails` and `quiesce-times-out` (a machine or its snapshot),
 * `restore-hangs`, `restore-fails` and `restore-error-reason` (a restore or its target),
 * `clone-hangs`, `host-copy` and `import-fails` (a data volume).
 */
export function storagePart(sim: Simulated, options: StorageOptions = {}): Part {
  const depot = openDepot(sim, options);
  return {
    kinds: storageKinds(depot),
    controllers: [
      claimController(depot),
      volumeSnapshotController(depot),
      diskReclaimer(depot),
      machineSnapshotController(depot),
      snapshotContentController(depot),
      restoreController(depot),
      cloneController(depot),
      dataVolumeController(depot),
    ],
    routes: [],
    begin: () => furnish(depot),
  };
}
