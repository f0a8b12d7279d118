import { findCluster, updateCluster } from '../db/cluster.ts';
import { findImage, moveImage } from '../db/image.ts';
import { findNotes, writeNote } from '../db/note.ts';
import { openPhase } from '../db/phase.ts';
import { findSession, updateSession } from '../db/session.ts';
import { findSet, moveSet } from '../db/snapshot.ts';
import type { Tx } from '../db/tx.ts';
import type { Cluster } from '../schema/model/cluster.ts';
import type { SetKey } from '../schema/model/snapshot.ts';
import {
  ProviderError,
  type ClusterRef,
  type Provider,
  type Sighting,
  type Step,
} from './providers/provider.ts';
import type { Deps, Turn } from './reconcilers/reconciler.ts';

/** What a step works at. */
export interface StepSubject {
  /** The object whose notes these are. */
  readonly id: string;
  readonly fence: number;
  /** The cluster whose timeline tells of it, with the session that waits for it. */
  readonly cluster?: Cluster | undefined;
  /** The image whose timeline tells of it. */
  readonly image?: string | undefined;
  /** The set that tells of it, where no cluster is worked at for its own sake. */
  readonly set?: SetKey | undefined;
}

/** A step of a worker: its limits, its notes, and the timeline it tells its progress to. */
export function makeStep(deps: Deps, subject: StepSubject, turn: Turn): Step {
  const { store } = deps;
  return {
    ...turn,
    fence: subject.fence,
    installation: store.installation.id,
    progress: (name) => tell(deps, subject, name),
    notes: store.read((db) => findNotes(db, subject.id)),
    note: async (key, value) => {
      await store.transact((tx) => {
        assertNotTakenOver(tx, subject);
        writeNote(tx, { subjectId: subject.id, key, value, fence: subject.fence });
      });
      turn.signal.throwIfAborted();
    },
  };
}

/** Says on a set that is being taken what is being done; its job tells it on. */
function tellOfSet(deps: Deps, { set }: StepSubject, name: string): void {
  if (set === undefined) return;
  const told = deps.store.transact((tx) => {
    if (findSet(tx.db, set)[0]?.statusMessage === name) return;
    const why = { cause: 'PROVIDER_EVENT', reason: name } as const;
    const patch = { statusMessage: name };
    moveSet(tx, set, { from: ['CREATING'], to: 'CREATING', patch }, why);
  });
  told.catch((error: unknown) => deps.fault(error, `the progress of set ${set.set} is lost`));
}

/** Opens a phase in the timeline of an image that is being made or published. */
function tellOfImage(deps: Deps, id: string, name: string): void {
  const told = deps.store.transact((tx) => {
    const image = findImage(tx.db, id);
    if (image === undefined || image.status === 'FAILED' || !openPhase(tx, id, name)) return;
    const { status } = image;
    const why = { cause: 'PROVIDER_EVENT', reason: name } as const;
    moveImage(tx, id, { from: [status], to: status, patch: { statusMessage: name } }, why);
  });
  told.catch((error: unknown) => deps.fault(error, 'the progress of an image is lost'));
}

/**
 * What is announced is made next, and nothing may be made for a cluster that another worker has:
 * what is removed before it is made has no fence outside that could refuse it.
 */
function assertNotTakenOver(tx: Tx, { cluster, fence }: StepSubject): void {
  if (cluster === undefined || findCluster(tx.db, cluster.id)?.fence === fence) return;
  throw new ProviderError(`${cluster.name} has been taken over`, { retryable: false });
}

/** Opens a phase in the timelines of a cluster and of the session that waits for it. */
function tell(deps: Deps, subject: StepSubject, name: string): void {
  const { cluster, fence, image } = subject;
  if (image !== undefined) return tellOfImage(deps, image, name);
  if (cluster === undefined) return tellOfSet(deps, subject, name);
  const told = deps.store.transact((tx) => {
    // A pass that was given up, or whose cluster was taken over, has nothing to tell any more.
    if (findCluster(tx.db, cluster.id)?.fence !== fence) return;
    if (!openPhase(tx, cluster.id, name)) return;
    const why = { cause: 'PROVIDER_EVENT', reason: name } as const;
    const row = updateCluster(tx, cluster.id, { statusMessage: name }, why, fence);
    const session = row?.sessionId == null ? undefined : findSession(tx.db, row.sessionId);
    if (session?.status !== 'PROVISIONING') return;
    openPhase(tx, session.id, name);
    updateSession(tx, session.id, { statusMessage: name }, why);
  });
  told.catch((error: unknown) => deps.fault(error, `the progress of ${cluster.name} is lost`));
}

/** The mark that a worker leaves in the guests at the end of its turn. */
function turnMark(fence: number): string {
  return `turn-${fence}`;
}

/**
 * Proves that a cluster may be handed out: every guest answers, and no mark but this turn's is in
 * any of them. Then leaves this turn's mark, which the next reset has to make disappear.
 */
export async function prove(provider: Provider, ref: ClusterRef, step: Step): Promise<Sighting> {
  step.progress('probe');
  const sighting = await provider.look(ref, step.signal);
  const silent = sighting.vms.find((vm) => !vm.answers);
  if (silent !== undefined || sighting.vms.length < ref.vms.length) {
    const who = silent === undefined ? 'a VM is missing' : `${silent.name} does not answer`;
    const detail = silent?.message == null ? '' : `: ${silent.message}`;
    throw new ProviderError(`${who}${detail}`, { retryable: true });
  }
  const mark = turnMark(step.fence);
  if (sighting.marks?.some((found) => found !== mark)) {
    throw new ProviderError('traces of an earlier session are still there', { retryable: true });
  }
  await provider.mark(ref, mark, step);
  // A pass that was given up may come to itself just here, while the next one is at work.
  step.signal.throwIfAborted();
  return sighting;
}
