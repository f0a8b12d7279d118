import { markBound, retryAfter } from './claims.ts';
import { percent, type Phase } from './data-volume-phase.ts';
import type { Depot } from './depot.ts';
import type { Claim, DataVolume } from './shapes.ts';

const MINUTE_MS = 60_000;

/** Imports an image, or makes an empty disk: minutes by the network, seconds without it. */
export function importPhase(depot: Depot, volume: DataVolume, claim: Claim): Phase {
  const image = imageOf(volume);
  const scheduling = depot.left(volume, 'schedule import', [1000, 5000]);
  if (scheduling > 0) return { phase: 'ImportScheduled', again: scheduling };
  if (image !== undefined && depot.struck('import-fails', volume)) return crash(depot, volume);
  const span =
    image === undefined ? ([1000, 3000] as const) : ([2 * MINUTE_MS, 6 * MINUTE_MS] as const);
  const left = depot.left(volume, 'import', span);
  if (left > 0) {
    const again = Math.min(left, 5000);
    const spent = depot.since(volume, 'import');
    return { phase: 'ImportInProgress', progress: percent(spent / (spent + left)), again };
  }
  const from =
    image === undefined ? ({ kind: 'EMPTY' } as const) : ({ kind: 'IMAGE', name: image } as const);
  depot.sim.disks.write(claim.metadata.uid, from);
  markBound(depot, claim);
  return { phase: 'Succeeded', progress: '100.0%' };
}

function imageOf({ spec }: DataVolume): string | undefined {
  const { http, registry } = spec.source ?? {};
  return http?.url ?? registry?.url ?? registry?.imageStream;
}

/** An importer that fails is started again and again: the DataVolume is never Failed. */
function crash(depot: Depot, volume: DataVolume): Phase {
  const restarts = Math.floor(depot.since(volume, 'import crashes') / 20_000);
  const trouble = 'Unable to process data: the source does not answer';
  depot.sim.objects.event(volume, 'Warning', 'Error', trouble);
  const again = Math.max(20_000, retryAfter(1));
  return { phase: 'ImportInProgress', trouble, restartCount: restarts, again };
}
