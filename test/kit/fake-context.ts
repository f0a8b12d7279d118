import type {
  Context,
  ControlPlane,
  Feed,
  Page,
  PageArgs,
  ProvisioningStats,
  Reads,
} from '../../schema/context.ts';
import { BadCursor } from '../../schema/context.ts';
import type { Change } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import type { Image } from '../../schema/model/image.ts';
import type { Job, Phase } from '../../schema/model/job.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import type { Template } from '../../schema/model/template.ts';
import { seesOwner, type Viewer } from '../../schema/model/viewer.ts';
import type { VmHandle } from '../../schema/model/vm-handle.ts';
import type { Contexts } from '../../server/context.ts';
import { aCluster, aPool, aSession, aTemplate, aVm, MADE_AT } from './rows.ts';

/**
 * The ports that resolvers use, over a few rows in memory. It knows whose sessions are whose and
 * how a page is cut; it does nothing by itself: a test says what its verbs and its feed do.
 */
export interface FakeRows {
  templates: Template[];
  pools: ClusterPool[];
  clusters: Cluster[];
  sessions: Session[];
  vms: VmHandle[];
  snapshots: Snapshot[];
  jobs: Job[];
  images: Image[];
  changes: Change[];
  phases: Phase[];
  stats: ProvisioningStats[];
}

/** Rows of one pool, whose only cluster is alice's. */
export function fakeRows(rows: Partial<FakeRows> = {}): FakeRows {
  return {
    templates: [aTemplate()],
    pools: [aPool()],
    clusters: [aCluster({ status: 'LOCKED', sessionId: 'session1', lockTime: MADE_AT })],
    sessions: [aSession()],
    vms: [aVm({ sessionId: 'session1' }), aVm({ id: 'vm2', role: 'WORKER', name: 'wk-cluster1' })],
    snapshots: [],
    jobs: [],
    images: [],
    changes: [],
    phases: [],
    stats: [],
    ...rows,
  };
}

/** The time at which the fake reads. */
const FAKE_NOW = MADE_AT + 60_000;

/** Reads rows as a viewer may see them. */
function fakeReads(rows: FakeRows, viewer: Viewer): Reads {
  const sessions = () => rows.sessions.filter(({ owner }) => seesOwner(viewer, owner));
  const inPool = (poolId?: string) => (row: { poolId: string }) =>
    poolId === undefined || row.poolId === poolId;
  const inState = (status?: readonly string[]) => (row: { status: string }) =>
    status === undefined || status.includes(row.status);
  return {
    cursor: () => ({ epoch: 'epoch123', seq: 7 }),
    now: () => FAKE_NOW,
    clusterPool: (id) => byId(rows.pools, id),
    clusterPoolByName: (name) => rows.pools.find((pool) => pool.name === name),
    clusterPools: (page) => cut(rows.pools, page),
    poolStats: (poolId) => countStates(rows.clusters.filter(inPool(poolId))),
    template: (id) => byId(rows.templates, id),
    templateSet: (poolId) => rows.snapshots.filter(inPool(poolId)),
    cluster: (id) => byId(rows.clusters, id),
    clusters: (poolId, page) => cut(rows.clusters.filter(inPool(poolId)), page),
    vmHandle: (id) => byId(rows.vms, id),
    vmHandlesOfCluster: (id) => rows.vms.filter((vm) => vm.clusterId === id),
    vmHandlesOfSession: ({ id }) => rows.vms.filter((vm) => vm.sessionId === id),
    vmHandles: ({ poolId }, page) => cut(rows.vms.filter(inPool(poolId)), page),
    session: (id) => byId(sessions(), id),
    sessions: ({ poolId, status }, page) =>
      cut(sessions().filter(inPool(poolId)).filter(inState(status)), page),
    queuePosition: ({ ticket }) => ticket,
    timeline: () => rows.phases,
    snapshot: (id) => byId(rows.snapshots, id),
    snapshotSet: ({ poolId, set }) =>
      rows.snapshots.filter((one) => one.poolId === poolId && one.set === set),
    snapshots: ({ poolId }, page) => cut(rows.snapshots.filter(inPool(poolId)), page),
    job: (id) => byId(rows.jobs, id),
    jobs: ({ poolId, status }, page) =>
      cut(rows.jobs.filter(inPool(poolId)).filter(inState(status)), page),
    image: (id) => byId(rows.images, id),
    images: ({ name }, page) =>
      cut(
        rows.images.filter((image) => name === undefined || image.name === name),
        page,
      ),
    imageUse: ({ id }) => ({
      children: rows.images.filter(({ parentId }) => parentId === id),
      pools: [],
    }),
    changes: ({ subject }, page) =>
      cut(
        rows.changes.filter(({ subjectId }) => subject === undefined || subject.id === subjectId),
        page,
      ),
    provisioningStats: () => rows.stats,
  };
}

function byId<Row extends { id: string }>(rows: readonly Row[], id: string): Row | undefined {
  return rows.find((row) => row.id === id);
}

function cut<Row>(rows: readonly Row[], { first, after }: PageArgs): Page<Row> {
  if (after != null && !/^at\d+$/.test(after)) throw new BadCursor('not a position');
  const start = after == null ? 0 : Number(after.slice(2)) + 1;
  return {
    rows: rows.slice(start, start + first).map((row, i) => ({ row, position: `at${start + i}` })),
    hasNextPage: rows.length > start + first,
    hasPreviousPage: start > 0,
    totalCount: () => rows.length,
  };
}

function countStates(clusters: readonly Cluster[]) {
  const count = (status: string) => clusters.filter((one) => one.status === status).length;
  return {
    totalClusters: clusters.length,
    availableClusters: count('AVAILABLE'),
    lockedClusters: count('LOCKED'),
    resettingClusters: count('RESETTING'),
    errorClusters: count('ERROR'),
    creatingClusters: count('CREATING'),
    queuedSessions: 0,
    maxClusters: clusters.length,
    activeVms: count('LOCKED'),
    setsReadyAt: [],
  };
}

/** What a test lets the fake do. */
export interface FakePorts {
  rows?: FakeRows;
  verbs?: Partial<ControlPlane>;
  feed?: Partial<Feed>;
  /** Which moment it is; another each time when left out, for fakes change at any time. */
  moment?: () => number;
}

/** A context over the ports. */
export function fakeContext(viewer: Viewer, ports: FakePorts = {}): Context {
  return {
    viewer,
    reads: fakeReads(ports.rows ?? fakeRows(), viewer),
    verbs: orUnexpected<ControlPlane>({ readStreams: () => [], ...ports.verbs }),
    feed: orUnexpected<Feed>(ports.feed ?? {}),
  };
}

/** A port that fails a test which uses what it did not provide. */
function orUnexpected<Port extends object>(given: Partial<Port>): Port {
  return new Proxy<Port>(given as Port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      const refuse = () => {
        throw new Error(`the test does not expect ${String(name)}`);
      };
      return member ?? refuse;
    },
  });
}

/** Contexts over the ports, which count what is lent and not yet given back. */
export interface FakeContexts extends Contexts {
  lent(): number;
  /** How often a context was lent. */
  opened(): number;
  /** Messages of subscriptions that were executed. */
  executed(): number;
}

/** Lends contexts as the server does. */
export function fakeContexts(ports: FakePorts = {}): FakeContexts {
  const shared = { ...ports, rows: ports.rows ?? fakeRows() };
  let lent = 0;
  let opened = 0;
  let moments = 0;
  let executed = 0;
  const lend = (viewer: Viewer) => {
    lent += 1;
    opened += 1;
    return { context: fakeContext(viewer, shared), close: () => void (lent -= 1) };
  };
  return {
    lent: () => lent,
    opened: () => opened,
    moment: ports.moment ?? (() => (moments += 1)),
    executed: () => executed,
    open: (viewer) => Promise.resolve(lend(viewer)),
    openForSubscription: (viewer) =>
      Promise.resolve({ ...lend(viewer), executed: () => void (executed += 1) }),
  };
}
