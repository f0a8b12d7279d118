import { acceptSet } from '../db/accept-set.ts';
import { findCluster } from '../db/cluster.ts';
import { findNotes } from '../db/note.ts';
import { findSet } from '../db/snapshot.ts';
import type { Tx } from '../db/tx.ts';
import type { Why } from '../schema/model/change.ts';
import type { SetKey, Snapshot } from '../schema/model/snapshot.ts';
import { clusterRef, setId, setRef } from './outside.ts';
import {
  ProviderError,
  TAKEN,
  type Provider,
  type SetSource,
  type Step,
} from './providers/provider.ts';
import type { Deps } from './reconcilers/reconciler.ts';

/** Which set is captured, and whether people use its source meanwhile. */
export interface Capture extends SetKey {
  readonly inUse: boolean;
}

/**
 * Captures a set whose rows are CREATING, and makes it current when the provider has proven it
 * complete. The rows say what it is captured from: a cluster, or the image.
 */
export async function captureSet(
  deps: Deps,
  provider: Provider,
  capture: Capture,
  step: Step,
  why: Why,
): Promise<void> {
  const { store } = deps;
  const rows = store.read((db) => findSet(db, capture));
  const [first] = rows;
  if (first?.status !== 'CREATING') return;
  const source = sourceOf(deps, first, capture.inUse, step);
  const ref = store.read((db) => {
    const owner = first.clusterId === null ? undefined : findCluster(db, first.clusterId);
    return setRef(db, rows, owner);
  });
  const captured = await provider.ensureSet(source, ref, first.mode, takingStep(deps, first, step));
  const missing = rows.find((row) => !captured.some(({ role }) => role === row.role));
  if (missing !== undefined) {
    throw new ProviderError(`no snapshot of ${missing.role} was taken`, { retryable: false });
  }
  await store.transact((tx) => {
    const wasTaken = findNotes(tx.db, setId(first)).has(TAKEN);
    if (first.sourceSessionId !== null && !wasTaken) assertStillHeld(tx, first, step);
    acceptSet(tx, capture, captured, why);
  });
}

/**
 * The step as the provider is given it: what it has taken of a session is that session's only if
 * the session still has the cluster when all of it is taken. What it makes of it then is safe from
 * whatever becomes of the cluster. Of a cluster in nobody's use nothing need be known.
 */
function takingStep({ store }: Deps, first: Snapshot, step: Step): Step {
  const note = async (key: string, value: string) => {
    if (key === TAKEN) {
      if (first.sourceSessionId === null) return;
      await store.transact((tx) => assertStillHeld(tx, first, step));
    }
    await step.note(key, value);
  };
  return { ...step, note };
}

/** The session to capture has ended, and with it the right to what is on its cluster. */
export function sessionEnded(): ProviderError {
  return new ProviderError('the session ended before its cluster was captured', {
    retryable: false,
  });
}

/** What was captured while the cluster changed hands may be of the next session, or of none. */
function assertStillHeld(tx: Tx, { sourceClusterId }: Snapshot, { fence }: Step): void {
  const source = sourceClusterId === null ? undefined : findCluster(tx.db, sourceClusterId);
  if (source?.fence !== fence) throw sessionEnded();
}

function sourceOf(deps: Deps, first: Snapshot, inUse: boolean, { notes }: Step): SetSource {
  if (first.sourceClusterId === null) return { kind: 'IMAGE' };
  const id = first.sourceClusterId;
  const cluster = deps.store.read((db) => {
    const row = findCluster(db, id);
    const isThere = row?.removedAt === null || notes.has(TAKEN);
    return row !== undefined && isThere ? clusterRef(db, row) : undefined;
  });
  if (cluster === undefined) {
    throw new ProviderError('the cluster to capture is gone', { retryable: false });
  }
  return { kind: 'CLUSTER', cluster, inUse };
}
