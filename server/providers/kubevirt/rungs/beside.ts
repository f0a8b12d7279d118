import { switchOff } from './switch-off.ts';
import { whyNotOntoThem, type Rung } from './rung.ts';

/**
 * Each VM gets a new disk beside the old one, which stays until the new one is there. Every
 * release does it; it needs room for two disks for a while, and somebody to sweep the old one.
 */
export const RESTORE_BESIDE: Rung = {
  name: 'restore beside',
  limitMs: 420_000,
  volumes: undefined,
  obstacle: whyNotOntoThem,
  clear: switchOff,
};
