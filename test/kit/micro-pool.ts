import { countByStatus } from '../../db/cluster-count.ts';
import { findCurrentSets } from '../../db/template-set.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { Session } from '../../schema/model/session.ts';
import { claim, clusterOf, MINUTE, poolOf, runningYard, served } from './pool-under-test.ts';
import { untilRows } from './until-rows.ts';
import type { Yard, YardOptions } from './yard.ts';

/** Times as micro-VMs have them. */
export const MICRO = { micro: true, speed: 100 } as const;
type PoolInput = Parameters<Yard['addPool']>[0];

/** A server whose provider makes micro-VMs, with one pool of them, `p`. */
export async function microPool(
  input: Partial<PoolInput> = {},
  options: YardOptions = {},
): Promise<Yard> {
  const yard = runningYard({ ...MICRO, ...options });
  await yard.addPool({ name: 'p', ...input });
  return yard;
}

/** The numbers of the pool's current template sets, the oldest first. */
export function currentSets(yard: Yard): number[] {
  const { id } = poolOf(yard, 'p');
  const sets = yard.store.read((db) => findCurrentSets(db, id));
  return sets.flatMap(([first]) => first?.set ?? []);
}

/** The clusters that a claim could get. */
export function free(yard: Yard): Cluster[] {
  return yard.members('p').filter(({ status }) => status === 'AVAILABLE');
}

/** The sets of the free clusters, in order. */
export function freeSets(yard: Yard): (number | null)[] {
  return free(yard)
    .map(({ madeFromSet }) => madeFromSet)
    .sort((one, other) => (one ?? 0) - (other ?? 0));
}

/** Waits until the pool is at its size, with so many sets, and all of it is made of them. */
export async function fresh(yard: Yard, sets: number): Promise<void> {
  const isFresh = () => {
    const { size } = poolOf(yard, 'p');
    const current = currentSets(yard);
    const made = free(yard);
    const shares = current.map((set) => made.filter((c) => c.madeFromSet === set).length);
    const isSpread = Math.max(...shares) - Math.min(...shares) < 2;
    const members = yard.members('p').length;
    if (current.length !== sets || made.length !== size || members !== size) return false;
    return isSpread && made.every(({ madeFromSet }) => current.includes(madeFromSet ?? -1));
  };
  await untilRows(yard, isFresh, 5 * MINUTE);
}

/** Claims, and answers the session once it runs. */
export async function spawned(yard: Yard, owner: string): Promise<Session> {
  return served(yard, await claim(yard, 'p', owner));
}

/** The set that the session's cluster was made from. */
export function setOf(yard: Yard, session: Session): number | null {
  return clusterOf(yard, session.lastClusterId).madeFromSet;
}

/** Follows every commit from now on, and tells when fewer clusters are free than before. */
export function fewestFree(yard: Yard): () => number {
  const { id } = poolOf(yard, 'p');
  const count = () => yard.store.read((db) => countByStatus(db, id).AVAILABLE);
  let fewest = count();
  yard.store.onCommit(() => {
    fewest = Math.min(fewest, count());
  });
  return () => fewest;
}
