import type { SavedSet } from './saved-sets.ts';

/** What is in the form of a claim; what is empty is left to the server. */
export interface ClaimWish {
  readonly pool: string;
  /** A number once it is one. */
  readonly minutes: number | string;
  readonly owner: string;
  readonly snapshotId: string;
}

/** What is sent of it. */
export interface ClaimInput {
  readonly pool: string;
  readonly ttlMinutes?: number;
  readonly owner?: string;
  readonly snapshotId?: string;
}

/** The claim that the form asks for. */
export function claimInput({ pool, minutes, owner, snapshotId }: ClaimWish): ClaimInput {
  const name = owner.trim();
  return {
    pool,
    ...(typeof minutes === 'number' && { ttlMinutes: minutes }),
    ...(name !== '' && { owner: name }),
    ...(snapshotId !== '' && { snapshotId }),
  };
}

/** What the session could be started from: saved in that pool, by whom it will belong to. */
export function savedFor(
  sets: readonly SavedSet[],
  { pool, owner }: ClaimWish,
  viewerName: string,
): SavedSet[] {
  const whose = owner.trim() === '' ? viewerName : owner.trim();
  return sets.filter(
    (set) => set.pool.name === pool && set.owner === whose && set.status === 'READY',
  );
}
