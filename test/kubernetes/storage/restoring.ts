import type { Machine, MachineSnapshotContent, Restore } from './shapes.ts';

/** Something that a restore cannot get past now; it tries again for ever. */
export class RestoreError extends Error {
  override readonly name = 'RestoreError';
}

/** What a restore works on: itself, its target where there is one, and what it restores from. */
export interface Restoring {
  readonly restore: Restore;
  readonly target: Machine | undefined;
  readonly content: MachineSnapshotContent;
}
