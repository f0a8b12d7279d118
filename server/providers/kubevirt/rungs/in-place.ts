import { disksOfSnapshots } from '../snapshot-sources.ts';
import { switchOff } from './switch-off.ts';
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
  obstacle: async (climb, machines, step) => {
    const { major, minor } = climb.host.version;
    if (major === 1 && minor < 6) return `KubeVirt ${major}.${minor} cannot restore in place`;
    const whyNot = whyNotOntoThem(climb, machines);
    if (whyNot !== undefined) return whyNot;
    const [disk] = await disksOfSnapshots(climb.host, climb.ref.namespace, step);
    return disk === undefined ? undefined : `the snapshot of ${disk} would be lost with that disk`;
  },
  clear: switchOff,
};
