import type { Store } from '../db/store.ts';
import type { Context, ControlPlane, Feed } from '../schema/context.ts';
import type { Viewer } from '../schema/model/viewer.ts';
import type { ControlPlaneFor } from './control-plane.ts';
import { Place } from './feed/place.ts';
import { ReadSlot } from './read-slot.ts';
import { readsFor } from './reads.ts';
import type { World } from './world.ts';

/** Makes the feed of one viewer, whose messages are read through the slot; see `Place`. */
export type FeedFor = (viewer: Viewer, slot: ReadSlot, place: Place) => Feed;

/** What contexts are made of. */
export interface ContextParts {
  readonly store: Store;
  readonly world: World;
  readonly verbsFor: ControlPlaneFor;
  readonly feedFor: FeedFor;
}

/** What one operation's resolvers may use, until it is closed. */
export interface OpenContext {
  readonly context: Context;
  /** Lets go of what the operation holds; harmless when done twice. */
  close(): void;
}

/** What a subscription's resolvers may use, until it is closed. */
export interface OpenSubscription extends OpenContext {
  /** A message has been executed: nothing reads for it any more. */
  executed(): void;
}

/** Makes the contexts of operations. */
export interface Contexts {
  /** For a query or mutation: reads are one transaction, renewed by each verb. */
  open(viewer: Viewer): Promise<OpenContext>;
  /** For a subscription: each message is read in a transaction of its own. */
  openForSubscription(viewer: Viewer, place?: Place): Promise<OpenSubscription>;
  /** A number that is another after each commit that anybody can see. */
  moment(): number;
}

/** Makes the contexts of operations, each for one viewer. */
export function createContexts(parts: ContextParts): Contexts {
  let moment = 0;
  parts.store.onCommit(() => void (moment += 1));
  return {
    moment: () => moment,
    open: (viewer) => openContext(parts, viewer),
    openForSubscription: async (viewer, place) => openSubscription(parts, viewer, place),
  };
}

/** Whether anybody still waits for the operation's answer. */
interface Operation {
  isOpen: boolean;
}

async function openContext(parts: ContextParts, viewer: Viewer): Promise<OpenContext> {
  const { store, world, verbsFor, feedFor } = parts;
  const slot = new ReadSlot(store, world, 'REQUEST');
  const operation: Operation = { isOpen: true };
  const reads = readsFor(viewer, slot);
  const verbs = renewing(verbsFor(viewer), slot, operation);
  const context = { viewer, reads, verbs, feed: feedFor(viewer, slot, new Place()) };
  const close = () => {
    operation.isOpen = false;
    slot.close();
  };
  await slot.open();
  return { context, close };
}

function openSubscription(
  parts: ContextParts,
  viewer: Viewer,
  place = new Place(),
): OpenSubscription {
  const { store, world, verbsFor, feedFor } = parts;
  const slot = new ReadSlot(store, world, 'FEED');
  const context = {
    viewer,
    reads: readsFor(viewer, slot),
    verbs: verbsFor(viewer),
    feed: feedFor(viewer, slot, place),
  };
  return { context, executed: () => slot.closeMessage(), close: () => slot.close() };
}

/**
 * The verbs of an operation that also reads: a verb gives the connection back while it waits for
 * its commit, and what is read after it sees what it did. Reading access changes nothing, and
 * other fields are read at the same time, so it leaves the transaction as it is.
 */
function renewing(verbs: ControlPlane, slot: ReadSlot, operation: Operation): ControlPlane {
  const renew = <T>(verb: () => Promise<T>) => renewAfter(slot, operation, verb);
  return {
    createSession: (input) => renew(() => verbs.createSession(input)),
    extendSession: (input) => renew(() => verbs.extendSession(input)),
    releaseSession: (id) => renew(() => verbs.releaseSession(id)),
    createClusterPool: (input) => renew(() => verbs.createClusterPool(input)),
    updateClusterPool: (input) => renew(() => verbs.updateClusterPool(input)),
    deleteClusterPool: (name) => renew(() => verbs.deleteClusterPool(name)),
    bootstrapPool: (name) => renew(() => verbs.bootstrapPool(name)),
    warmUpPool: (name) => renew(() => verbs.warmUpPool(name)),
    releaseAllClusters: (name) => renew(() => verbs.releaseAllClusters(name)),
    resetCluster: (id) => renew(() => verbs.resetCluster(id)),
    repairCluster: (id) => renew(() => verbs.repairCluster(id)),
    createSnapshots: (input) => renew(() => verbs.createSnapshots(input)),
    recreateSnapshots: (input) => renew(() => verbs.recreateSnapshots(input)),
    deleteSnapshots: (name) => renew(() => verbs.deleteSnapshots(name)),
    saveSession: (input) => renew(() => verbs.saveSession(input)),
    deleteSavedSnapshot: (id) => renew(() => verbs.deleteSavedSnapshot(id)),
    cancelJob: (id) => renew(() => verbs.cancelJob(id)),
    spawnVm: (input) => renew(() => verbs.spawnVm(input)),
    destroyVm: (id) => renew(() => verbs.destroyVm(id)),
    buildImage: (input) => renew(() => verbs.buildImage(input)),
    pullImage: (input) => renew(() => verbs.pullImage(input)),
    publishImage: (input) => renew(() => verbs.publishImage(input)),
    rollbackImage: (input) => renew(() => verbs.rollbackImage(input)),
    deleteImage: (id) => renew(() => verbs.deleteImage(id)),
    readImageCatalogue: () => verbs.readImageCatalogue(),
    readImageTags: () => verbs.readImageTags(),
    readAccess: (session) => verbs.readAccess(session),
    openConsole: (input) => renew(() => verbs.openConsole(input)),
    readStreams: (provider) => verbs.readStreams(provider),
  };
}

async function renewAfter<T>(
  slot: ReadSlot,
  operation: Operation,
  verb: () => Promise<T>,
): Promise<T> {
  slot.close();
  try {
    return await verb();
  } finally {
    await slot.open();
    // Whoever asked may have gone while the verb was at work.
    if (!operation.isOpen) slot.close();
  }
}
