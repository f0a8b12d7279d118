import { changesAfter } from '../../db/change.ts';
import type { Db } from '../../db/connection.ts';
import type { Store } from '../../db/store.ts';
import { clusterCounts, clusters, jobs, pools, sessions, snapshots } from '../../db/tables.ts';
import type { Change } from '../../schema/model/change.ts';
import { CLUSTER_STATUSES, type Cluster } from '../../schema/model/cluster.ts';
import { isLive, type Session } from '../../schema/model/session.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import { setId } from '../../server/outside.ts';
import type { Provider } from '../../server/providers/provider.ts';

/** Each row of the log tells of at least one more that was written: together they are 256. */
const MOST_LOGGED_AT_ONCE = 128;

/**
 * What must hold after every commit, whatever has happened. One watcher follows one database,
 * through crashes too; it remembers what it saw last of versions, states and queues.
 */
export class Invariants {
  #seq = 0;
  readonly #versions = new Map<string, number>();
  readonly #states = new Map<string, string | null>();
  readonly #queues = new Map<string, string[]>();

  /** What does not hold now, a line each. */
  broken(store: Store): string[] {
    return store.read((db) => [
      ...brokenHolds(db),
      ...brokenCounts(db),
      ...brokenQueues(db),
      ...brokenSets(db),
      ...this.#brokenVersions(db),
      ...this.#brokenLog(db),
    ]);
  }

  /** Throws when something does not hold. */
  assert(store: Store): void {
    const lines = this.broken(store);
    if (lines.length > 0) throw new Error(`invariants broken:\n  ${lines.join('\n  ')}`);
  }

  #brokenVersions(db: Db): string[] {
    return [clusters, sessions, pools, snapshots, jobs].flatMap((table) =>
      db
        .select({ id: table.id, version: table.version })
        .from(table)
        .all()
        .flatMap(({ id, version }) => {
          const before = this.#versions.get(id) ?? 0;
          this.#versions.set(id, version);
          return version < before ? [`version of ${id} fell from ${before} to ${version}`] : [];
        }),
    );
  }

  /** Follows the log to its end: positions rise, states chain, queues are served in order. */
  #brokenLog(db: Db): string[] {
    const found: string[] = [];
    for (;;) {
      const rows = changesAfter(db, this.#seq, 1_000);
      if (rows.length === 0) return found;
      for (const { length } of Map.groupBy(rows, ({ tx }) => tx).values()) {
        if (length > MOST_LOGGED_AT_ONCE) found.push(`one verb logged ${length} rows`);
      }
      for (const row of rows) found.push(...this.#follow(row));
    }
  }

  #follow(row: Change): string[] {
    if (row.seq <= this.#seq) return [`position ${row.seq} after ${this.#seq}`];
    this.#seq = row.seq;
    if (row.to === null && row.from === null) return [];
    const before = this.#states.get(row.subjectId) ?? null;
    this.#states.set(row.subjectId, row.to);
    const chain = `${row.type} ${row.subjectId}: ${row.from} -> ${row.to} after ${before}`;
    const torn = row.from === before ? [] : [chain];
    return row.type === 'SESSION' ? [...torn, ...this.#followQueue(row)] : torn;
  }

  #followQueue({ poolId, subjectId, from, to }: Change): string[] {
    const queue = this.#queues.get(poolId) ?? [];
    const others = queue.filter((id) => id !== subjectId);
    this.#queues.set(poolId, to === 'PENDING' ? [...queue, subjectId] : others);
    const served = from === 'PENDING' && (to === 'PROVISIONING' || to === 'RUNNING');
    if (!served || queue[0] === subjectId) return [];
    return [`session ${subjectId} was served before ${queue[0]}, who came first`];
  }
}

function brokenHolds(db: Db): string[] {
  const all = db.select().from(sessions).all();
  const byId = new Map(all.map((session) => [session.id, session]));
  const byCluster = new Map(
    db
      .select()
      .from(clusters)
      .all()
      .map((cluster) => [cluster.id, cluster]),
  );
  return [
    ...all.flatMap((session) => brokenSession(session, byCluster)),
    ...[...byCluster.values()].flatMap((cluster) => brokenCluster(cluster, byId)),
  ];
}

function brokenSession(session: Session, byCluster: Map<string, Cluster>): string[] {
  const { id, status, clusterId, ticket, endedAt } = session;
  const cluster = clusterId === null ? undefined : byCluster.get(clusterId);
  const holds = status === 'PROVISIONING' || status === 'RUNNING';
  const wrong = [
    [holds !== (cluster !== undefined), `has cluster ${clusterId}`],
    [holds && cluster?.sessionId !== id, `is not the one its cluster names`],
    [status === 'RUNNING' && cluster?.status !== 'LOCKED', `has a ${cluster?.status} cluster`],
    [(status === 'PENDING') !== (ticket !== null), `has ticket ${ticket}`],
    [isLive(session) !== (endedAt === null), `has endedAt ${endedAt}`],
    [status === 'RUNNING' && session.servedFrom === null, 'was served from nothing'],
    [status === 'FAILED' && !session.statusMessage, 'failed without a reason'],
  ] as const;
  return wrong.filter(([is]) => is).map(([, what]) => `${status} session ${id} ${what}`);
}

function brokenCluster(cluster: Cluster, byId: Map<string, Session>): string[] {
  const { name, status, sessionId, removingAt, work } = cluster;
  const session = sessionId === null ? undefined : byId.get(sessionId);
  const held = session !== undefined && isLive(session) && session.clusterId === cluster.id;
  const wrong = [
    [sessionId !== null && !held, `names session ${sessionId}, which is ${session?.status}`],
    [status === 'LOCKED' && !held, 'is held by nobody'],
    [sessionId !== null && !['LOCKED', 'CREATING'].includes(status), 'still names a session'],
    [sessionId !== null && removingAt !== null, 'is removed under its session'],
    [status === 'RESETTING' && removingAt === null && work === null, 'is put through nothing'],
    [status === 'ERROR' && removingAt === null && !cluster.statusMessage, 'gives no reason'],
  ] as const;
  return wrong.filter(([is]) => is).map(([, what]) => `${status} cluster ${name} ${what}`);
}

function brokenCounts(db: Db): string[] {
  const present = db.select().from(clusters).all();
  return db
    .select()
    .from(clusterCounts)
    .all()
    .flatMap(({ poolId, ...kept }) => {
      const mine = present.filter((c) => c.poolId === poolId && c.removedAt === null);
      const staying = mine.filter(({ removingAt }) => removingAt === null);
      const counted: Record<string, number> = { removing: mine.length - staying.length };
      for (const status of CLUSTER_STATUSES) {
        counted[status.toLowerCase()] = staying.filter((c) => c.status === status).length;
      }
      const wrong = Object.entries(kept).filter(([name, count]) => counted[name] !== count);
      return wrong.map(([name, count]) => `pool ${poolId} counts ${count} ${name}`);
    });
}

/** Nobody waits while a cluster is free. */
function brokenQueues(db: Db): string[] {
  const waiting = new Set(
    db
      .select()
      .from(sessions)
      .all()
      .filter(({ status }) => status === 'PENDING')
      .map(({ poolId }) => poolId),
  );
  return db
    .select()
    .from(clusters)
    .all()
    .filter((c) => c.status === 'AVAILABLE' && c.removingAt === null && waiting.has(c.poolId))
    .map(({ name }) => `cluster ${name} is free while somebody waits`);
}

/** A current set is READY as a whole, and its owner has one only. */
function brokenSets(db: Db): string[] {
  const current = db
    .select()
    .from(snapshots)
    .all()
    .filter((row) => row.current);
  const owner = (row: Snapshot) => row.clusterId ?? row.poolId;
  return [...Map.groupBy(current, owner)].flatMap(([id, rows]) => [
    ...(new Set(rows.map(({ set }) => set)).size > 1 ? [`${id} has two current sets`] : []),
    ...rows
      .filter(({ status }) => status !== 'READY')
      .map(({ name, status }) => `current snapshot ${name} of ${id} is ${status}`),
  ]);
}

/**
 * What is outside without a row, and what a row says is outside and is not. A set that could not
 * be taken may have left something outside or not.
 */
export async function differences(store: Store, provider: Provider): Promise<string[]> {
  const outside = await provider.list(new AbortController().signal);
  const there = new Set(outside.map(({ kind, id }) => `${kind} ${id}`));
  const { present, sets } = store.read((db) => ({
    present: db
      .select()
      .from(clusters)
      .all()
      .filter(({ removedAt }) => removedAt === null)
      .map(({ id }) => `CLUSTER ${id}`),
    sets: db.select().from(snapshots).all(),
  }));
  const known = new Set([...present, ...sets.map((set) => `SET ${setId(set)}`)]);
  const taken = sets.filter(({ status }) => status !== 'FAILED');
  const wanted = new Set([...present, ...taken.map((set) => `SET ${setId(set)}`)]);
  return [
    ...[...there].filter((key) => !known.has(key)).map((key) => `${key} has no row`),
    ...[...wanted].filter((key) => !there.has(key)).map((key) => `${key} is not outside`),
  ];
}
