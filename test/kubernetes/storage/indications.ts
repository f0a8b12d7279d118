import { defined, type Depot } from './depot.ts';
import type { SnapshotSource } from './snapshot-source.ts';
import { isClaimBacked, volumesOf } from './snapshot-source.ts';
import type { MachineSnapshotContent, MachineSnapshotStatus } from './shapes.ts';

/** What an agent says that could not hold the freeze long enough. */
export const FREEZE_LIMIT = 'fsfreeze is limited';

const MESSAGES: Readonly<Record<string, string>> = {
  Online: 'The machine ran while the snapshot was taken; the agent decides how consistent it is.',
  GuestAgent: 'The guest agent was there and was asked to quiesce the file systems.',
  NoGuestAgent: 'There was no guest agent: the snapshot is only crash consistent.',
  QuiesceTimeout: 'The freeze ran out of time: the snapshot is only crash consistent.',
  QuiesceFailed: 'The freeze failed: the snapshot is only crash consistent.',
  Paused: 'The machine was paused: the snapshot is only crash consistent.',
  PartialSnapshot: 'Not all volumes that could be in the snapshot are in it.',
};

/** How a snapshot was taken, as far as it is known while it is under way. */
export function indicationsOf(
  depot: Depot,
  { indications, error }: MachineSnapshotStatus,
  { instance, isPaused, hasAgent }: SnapshotSource,
): MachineSnapshotStatus {
  if (instance === undefined) return told(depot, []);
  const all = new Set([...(indications ?? []), 'Online']);
  if (isPaused) all.add('Paused');
  else if (!hasAgent) all.add('NoGuestAgent');
  else {
    all.add('GuestAgent');
    const timedOut = depot.sim.kubevirt.minor >= 8 ? 'QuiesceTimeout' : 'QuiesceFailed';
    if (error?.message.includes(FREEZE_LIMIT) === true) all.add(timedOut);
  }
  return told(depot, [...all].sort());
}

/** Which volumes of the machine are in a snapshot, and which are not. */
export function volumeLists(
  depot: Depot,
  { indications }: MachineSnapshotStatus,
  content: MachineSnapshotContent | undefined,
): MachineSnapshotStatus {
  if (content === undefined) return {};
  const volumes = volumesOf(content.spec.source.virtualMachine);
  const kept = new Set(content.spec.volumeBackups?.map(({ volumeName }) => volumeName));
  const included = volumes.filter(({ name }) => kept.has(name));
  const excluded = volumes.filter(({ name }) => !kept.has(name));
  const names = (of: typeof volumes) => (of.length === 0 ? undefined : of.map(({ name }) => name));
  const snapshotVolumes = defined({
    includedVolumes: names(included),
    excludedVolumes: names(excluded),
  });
  const isPartial = depot.sim.kubevirt.minor >= 9 && excluded.some(isClaimBacked);
  if (!isPartial) return { snapshotVolumes };
  return {
    snapshotVolumes,
    ...told(depot, [...new Set([...(indications ?? []), 'PartialSnapshot'])]),
  };
}

function told(depot: Depot, indications: readonly string[]): MachineSnapshotStatus {
  if (indications.length === 0) return {};
  const sourceIndications = indications.map((indication) => ({
    indication,
    message: MESSAGES[indication] ?? 'Unknown indication',
  }));
  return depot.sim.kubevirt.minor >= 7 ? { indications, sourceIndications } : { indications };
}
