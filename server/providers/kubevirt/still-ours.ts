import type { ClusterRef, Step } from '../provider.ts';
import { takeOver } from './anchor.ts';
import type { Host } from './host.ts';
import { insist } from './insist.ts';

/**
 * Throws when a later step has taken the cluster over. Asked again after every long wait, before
 * something is destroyed: who was overtaken meanwhile has nothing to do there any more.
 */
export function assertCluster(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  return insist(host, step, `taking over ${ref.name}`, () => takeOver(host, ref, step));
}
