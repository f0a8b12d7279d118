import type { Change, SubjectType } from './model/change.ts';
import type { Cluster } from './model/cluster.ts';
import type { ClusterPool, ClusterPoolStats } from './model/cluster-pool.ts';
import type { ConsoleKind, ConsoleTicket } from './model/console.ts';
import type { Cursor } from './model/cursor.ts';
import type { CatalogueEntry, Image } from './model/image.ts';
import type { Job, JobStatus, Phase } from './model/job.ts';
import type { ProviderKind } from './model/provider-kind.ts';
import type { ServedFrom, Session, SessionStatus } from './model/session.ts';
import type { SetKey, Snapshot } from './model/snapshot.ts';
import type { Template } from './model/template.ts';
import type { Viewer } from './model/viewer.ts';
import type { VmHandle } from './model/vm-handle.ts';
import type {
  BuildImageInput,
  PublishImageInput,
  PullImageInput,
  RollbackImageInput,
} from './image-input.ts';
import type {
  CreateClusterPoolInput,
  CreateSessionInput,
  CreateSnapshotsInput,
  ExtendSessionInput,
  SaveSessionInput,
  SpawnVmInput,
  UpdateClusterPoolInput,
} from './inputs.ts';

/**
 * What a resolver may use: who is asking, what is stored, what can be done and what can be
 * watched. All four are bound to one viewer, so no resolver can forget whose rights count.
 */
export interface Context {
  readonly viewer: Viewer;
  readonly reads: Reads;
  readonly verbs: ControlPlane;
  readonly feed: Feed;
}

/**
 * What is stored, as the viewer may see it, read in one transaction per request, message or
 * answer of a verb. Something invisible is undefined like something unknown. Ids are database
 * ids, not Relay ids.
 */
export interface Reads {
  /** The position of the log that this transaction sees. */
  cursor(): Cursor;
  /** The time of this transaction, in epoch milliseconds; ages are counted from it. */
  now(): number;
  clusterPool(id: string): ClusterPool | undefined;
  clusterPoolByName(name: string): ClusterPool | undefined;
  clusterPools(page: PageArgs): Page<ClusterPool>;
  poolStats(poolId: string): ClusterPoolStats;
  template(id: string): Template | undefined;
  /** The snapshots a new cluster would be made from now: the current set of the pool. */
  templateSet(poolId: string): Snapshot[];
  cluster(id: string): Cluster | undefined;
  clusters(poolId: string, page: PageArgs): Page<Cluster>;
  vmHandle(id: string): VmHandle | undefined;
  vmHandlesOfCluster(clusterId: string): VmHandle[];
  /** Those it has, or had when it ended with its VMs. */
  vmHandlesOfSession(session: Session): VmHandle[];
  vmHandles(filter: { poolId?: string | undefined }, page: PageArgs): Page<VmHandle>;
  session(id: string): Session | undefined;
  sessions(
    filter: { poolId?: string | undefined; status?: readonly SessionStatus[] | undefined },
    page: PageArgs,
  ): Page<Session>;
  /** 1 for the first in the queue; null for one that does not queue. */
  queuePosition(session: Session): number | null;
  /** The timed steps of a session, cluster, job or image, in order. */
  timeline(subjectId: string): Phase[];
  snapshot(id: string): Snapshot | undefined;
  /** The snapshots of one set; empty when the viewer may not see them. */
  snapshotSet(key: SetKey): Snapshot[];
  snapshots(
    filter: { poolId?: string | undefined; mine?: boolean | undefined },
    page: PageArgs,
  ): Page<Snapshot>;
  job(id: string): Job | undefined;
  jobs(
    filter: { poolId?: string | undefined; status?: readonly JobStatus[] | undefined },
    page: PageArgs,
  ): Page<Job>;
  image(id: string): Image | undefined;
  images(filter: { name?: string | undefined }, page: PageArgs): Page<Image>;
  /** What would be lost with an image. */
  imageUse(image: Image): ImageUse;
  changes(
    filter: {
      poolId?: string | undefined;
      subject?: { type: SubjectType; id: string } | undefined;
      types?: readonly SubjectType[] | undefined;
    },
    page: PageArgs,
  ): Page<Change>;
  provisioningStats(args: {
    poolId: string;
    since?: number | undefined;
    bucketMinutes?: number | undefined;
    /** Leaves out clusters that were made for the pool. */
    claimsOnly?: boolean | undefined;
  }): ProvisioningStats[];
}

/** Which part of a list: at most `first` rows behind the row whose position is `after`. */
export interface PageArgs {
  /** 1 to 100. */
  readonly first: number;
  /** A position that an earlier page gave; a text that is not one throws `BadCursor`. */
  readonly after?: string | null | undefined;
}

/** A part of a list. */
export interface Page<Row> {
  readonly rows: readonly { readonly row: Row; readonly position: string }[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** Counted only when asked for. */
  readonly totalCount: () => number;
}

export { BadCursor } from './model/cursor.ts';

/** What depends on an image. */
export interface ImageUse {
  /** The versions built on it, the oldest first. */
  readonly children: readonly Image[];
  /** The names of the pools that are made from it, or have golden states of it. */
  readonly pools: readonly string[];
}

/** Provisioning times of one way of serving, in one period. */
export interface ProvisioningStats {
  readonly servedFrom: ServedFrom;
  readonly from: number;
  readonly count: number;
  readonly failed: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/**
 * The verbs. Each is one transaction and never awaits a provider; its promise resolves after the
 * durable commit, and `reads` then sees it. Each throws the refusals its contract's union lists:
 * the rights of the viewer's role were checked before, ownership is checked here.
 */
export interface ControlPlane {
  createSession(input: CreateSessionInput): Promise<Session>;
  extendSession(input: ExtendSessionInput): Promise<Session>;
  releaseSession(sessionId: string): Promise<Session>;
  createClusterPool(input: CreateClusterPoolInput): Promise<ClusterPool>;
  updateClusterPool(input: UpdateClusterPoolInput): Promise<ClusterPool>;
  deleteClusterPool(name: string): Promise<ClusterPool>;
  bootstrapPool(poolName: string): Promise<Job>;
  warmUpPool(poolName: string): Promise<Job>;
  releaseAllClusters(poolName: string): Promise<ClusterPool>;
  resetCluster(clusterId: string): Promise<Job>;
  repairCluster(clusterId: string): Promise<Job>;
  createSnapshots(input: CreateSnapshotsInput): Promise<Job>;
  recreateSnapshots(input: CreateSnapshotsInput): Promise<Job>;
  deleteSnapshots(poolName: string): Promise<Job>;
  saveSession(input: SaveSessionInput): Promise<Snapshot>;
  deleteSavedSnapshot(snapshotId: string): Promise<Snapshot>;
  cancelJob(jobId: string): Promise<Job>;
  spawnVm(input: SpawnVmInput): Promise<VmHandle>;
  destroyVm(vmId: string): Promise<VmHandle>;
  buildImage(input: BuildImageInput): Promise<Image>;
  pullImage(input: PullImageInput): Promise<Image>;
  publishImage(input: PublishImageInput): Promise<Image>;
  rollbackImage(input: RollbackImageInput): Promise<Image>;
  deleteImage(imageId: string): Promise<Image>;
  /** What can be built by name alone. */
  readImageCatalogue(): readonly CatalogueEntry[];
  /** The tags of the registry; asked for outside, and kept for some seconds. */
  readImageTags(): Promise<ImageTags>;
  /** How to get into a session's VMs; the read is audited before it is answered. */
  readAccess(session: Session): Promise<SessionAccess>;
  /** A ticket for one stream of one VM; asking for it is audited before it is answered. */
  openConsole(input: OpenConsoleInput): Promise<ConsoleTicket>;
  /** The kinds of streams that a provider has; none where it is not on this server. */
  readStreams(provider: ProviderKind): readonly ConsoleKind[];
}

/** Which stream of which VM. */
export interface OpenConsoleInput {
  readonly vmId: string;
  readonly kind: ConsoleKind;
}

/** What a registry has. */
export interface ImageTags {
  readonly tags: readonly string[];
  /** Why nothing can be told of it; null when it answered. */
  readonly problem: string | null;
}

/** How to get into a session's VMs. */
export interface SessionAccess {
  readonly kubeconfig: string | null;
  readonly sshUser: string | null;
  readonly sshPrivateKey: string | null;
  readonly endpoints: readonly {
    readonly vmId: string;
    readonly name: string;
    readonly url: string;
  }[];
}

/** What can be watched; see the feed's guarantee in the README. */
export interface Feed {
  changes(args: {
    after?: Cursor | undefined;
    filter: ChangeFilter;
  }): AsyncIterableIterator<FeedMessage>;
  /**
   * The present state of one thing, then again after every change; coalesced. Throws NotFound
   * at once for what the viewer cannot see. Completes after a final state.
   */
  updates(subject: Subject): Promise<AsyncIterableIterator<Subject>>;
  /** Every present object of one type in a pool, then each again after every change of it. */
  updatesInPool(type: SubjectType, poolName: string): Promise<AsyncIterableIterator<Subject>>;
  /** Every version of an image, then each again after every change of it. */
  updatesOfImage(name: string): Promise<AsyncIterableIterator<Subject>>;
}

/** Which changes a reader wants. */
export interface ChangeFilter {
  readonly poolId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly types?: readonly SubjectType[] | undefined;
}

/** A thing that changes are about. */
export interface Subject {
  readonly type: SubjectType;
  readonly id: string;
}

/** One message of the feed. */
export type FeedMessage = {
  readonly cursor: Cursor;
  readonly prev: Cursor | null;
} & (
  | { readonly kind: 'STATE'; readonly subjects: readonly Subject[]; readonly more: boolean }
  | { readonly kind: 'CHANGES'; readonly changes: readonly Change[] }
  | { readonly kind: 'BOOKMARK' }
  | { readonly kind: 'RESYNC'; readonly reason: ResyncReason }
);

/** Why a cursor could not be resumed. */
export const RESYNC_REASONS = ['TRIMMED', 'FOREIGN_EPOCH', 'FUTURE', 'LAGGING'] as const;
/** TRIMMED from the log, of another database, of the future, or of a reader too slow. */
export type ResyncReason = (typeof RESYNC_REASONS)[number];
