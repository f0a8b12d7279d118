import { refused } from '../errors.ts';
import { disksOfSnapshots } from '../snapshot-sources.ts';
import { stopAll } from './stop.ts';
import { whyNotOntoThem, type Rung } from './rung.ts';

/**
 * Each VM gets its disk anew under the old name: the old one is gone before the new one is there,
 * so it fits where there is no room for two. Releases before 1.6 do not know it, and would refuse
 * the field, or overlook it.
 */
export const RESTORE_IN_PLACE: Rung = {
  name: 'restore in place',
  limitMs: 420_000,
  volumes: 'InPlace',
  obstacle: (climb, machines) => {
    const { major, minor } = climb.host.version;
    if (major === 1 && minor < 6) return `KubeVirt ${major}.${minor} cannot restore in place`;
    return whyNotOntoThem(climb, machines);
  },
  clear: async (attempt, machines) => {
    const { host, ref, step } = attempt;
    const [disk] = await disksOfSnapshots(host, ref.namespace, step);
    if (disk !== undefined) throw refused(`the snapshot of ${disk} would be lost with that disk`);
    await stopAll(attempt, machines);
  },
};
