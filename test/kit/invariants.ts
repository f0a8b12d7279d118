import { changesAfter } from '../../db/change.ts';
import type { Db } from '../../db/connection.ts';
import type { Store } from '../../db/store.ts';
import type { Change, SubjectType } from '../../schema/model/change.ts';
import { CLUSTER_STATUSES, CLUSTER_TRANSITIONS, type Cluster } from '../../schema/model/cluster.ts';
import { IMAGE_TRANSITIONS } from '../../schema/model/image.ts';
import { JOB_TRANSITIONS } from '../../schema/model/job.ts';
import { isLive, SESSION_TRANSITIONS, type Session } from '../../schema/model/session.ts';
import { isMadeOfImage, SNAPSHOT_TRANSITIONS, type Snapshot } from '../../schema/model/snapshot.ts';
import { setId } from '../../server/outside.ts';
import type { Provider } from '../../server/providers/provider.ts';
import { readAllRows, type AllRows } from './all-rows.ts';

/** Each row of the log tells of at least one more that was written: together they are 256. */
const MOST_LOGGED_AT_ONCE = 128;

/** Where each state may lead, and under `new` those in which a thing may begin. */
const LEGAL: Readonly<Partial<Record<SubjectType, Readonly<Record<string, readonly string[]>>>>> = {
  SESSION: { ...SESSION_TRANSITIONS, new: ['PENDING', 'PROVISIONING', 'RUNNING'] },
  CLUSTER: { ...CLUSTER_TRANSITIONS, new: ['CREATING'] },
  SNAPSHOT: { ...SNAPSHOT_TRANSITIONS, new: ['CREATING'] },
  JOB: { ...JOB_TRANSITIONS, new: ['QUEUED'] },
  IMAGE: { ...IMAGE_TRANSITIONS, new: ['CREATING'] },
};

/** What a watcher remembers of a cluster. */
interface Held {
  readonly fence: number;
  readonly sessionId: string | null;
}

/**
 * What must hold after every commit, whatever has happened. One watcher follows one database,
 * through crashes too; it remembers what it saw last of versions, states, fences and queues.
 */
export class Invariants {
  #seq = 0;
  readonly #versions = new Map<string, number>();
  readonly #states = new Map<string, string | null>();
  readonly #queues = new Map<string, string[]>();
  readonly #held = new Map<string, Held>();
  readonly #clusterOf = new Map<string, string>();
  readonly #mostSets = new Map<string, number>();

  /** The position up to which the log was followed: what lies behind it is not asked for again. */
  get followed(): number {
    return this.#seq;
  }

  /** What does not hold now, a line each. */
  broken(store: Store): string[] {
    return store.read((db) => {
      const rows = readAllRows(db);
      return [
        ...brokenHolds(rows),
        ...brokenTimes(rows),
        ...brokenCounts(rows),
        ...brokenQueues(rows),
        ...this.#brokenSets(rows),
        ...brokenSecrets(rows),
        ...brokenSaved(rows),
        ...brokenMaking(rows),
        ...this.#brokenVersions(rows),
        ...this.#brokenFences(rows),
        ...this.#brokenStays(rows),
        ...this.#brokenLog(db),
      ];
    });
  }

  /** Throws when something does not hold. */
  assert(store: Store): void {
    const lines = this.broken(store);
    if (lines.length > 0) throw new Error(`invariants broken:\n  ${lines.join('\n  ')}`);
  }

  #brokenVersions({ clusters, sessions, pools, snapshots, jobs }: AllRows): string[] {
    return [clusters, sessions, pools, snapshots, jobs].flat().flatMap(({ id, version }) => {
      const before = this.#versions.get(id) ?? 0;
      this.#versions.set(id, version);
      return version < before ? [`version of ${id} fell from ${before} to ${version}`] : [];
    });
  }

  /** A fence never falls, and rises whenever a cluster goes to another. */
  #brokenFences({ clusters }: AllRows): string[] {
    return clusters.flatMap(({ id, name, fence, status, sessionId }) => {
      const before = this.#held.get(id);
      const holder = status === 'LOCKED' ? sessionId : null;
      this.#held.set(id, { fence, sessionId: holder });
      if (before === undefined) return [];
      if (fence < before.fence) return [`fence of ${name} fell from ${before.fence} to ${fence}`];
      const isTaken = holder !== before.sessionId && fence === before.fence;
      return isTaken ? [`cluster ${name} went to ${holder} without a new fence`] : [];
    });
  }

  /** Whoever runs on a cluster stays on it to the end. */
  #brokenStays({ sessions }: AllRows): string[] {
    return sessions.flatMap(({ id, status, clusterId, lastClusterId }) => {
      const before = this.#clusterOf.get(id);
      const now = status === 'RUNNING' ? clusterId : lastClusterId;
      if (status === 'RUNNING' && clusterId !== null) this.#clusterOf.set(id, clusterId);
      if (before === undefined || before === now) return [];
      return [`session ${id} ran on ${before} and is now on ${now}`];
    });
  }

  /** A current set is READY as a whole; a cluster has one, a pool as many as it ever might. */
  #brokenSets({ snapshots, pools }: AllRows): string[] {
    for (const { id, templateSets } of pools) {
      this.#mostSets.set(id, Math.max(templateSets, this.#mostSets.get(id) ?? 1));
    }
    const current = snapshots.filter((row) => row.current);
    const holder = (row: Snapshot) => row.clusterId ?? row.poolId;
    return [...Map.groupBy(current, holder)].flatMap(([id, rows]) =>
      brokenCurrent(id, rows, this.#mostSets.get(id) ?? 1),
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
    const move = `${row.type} ${row.subjectId}: ${row.from} -> ${row.to}`;
    const torn = row.from === before ? [] : [`${move} after ${before}`];
    const legal = isLegal(row) ? [] : [`${move} is no legal move`];
    const served = row.type === 'SESSION' ? this.#followQueue(row) : [];
    return [...torn, ...legal, ...served];
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

/** Whether the table of its noun lets it go so; what is deleted has no state any more. */
function isLegal({ type, kind, from, to }: Change): boolean {
  const table = LEGAL[type];
  if (table === undefined || (kind === 'DELETED' && to === null)) return true;
  return to !== null && (table[from ?? 'new'] ?? []).includes(to);
}

function brokenHolds({ sessions, clusters }: AllRows): string[] {
  const byId = new Map(sessions.map((session) => [session.id, session]));
  const byCluster = new Map(clusters.map((cluster) => [cluster.id, cluster]));
  return [
    ...sessions.flatMap((session) => brokenSession(session, byCluster)),
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

/** Time ends no session before its time. */
function brokenTimes({ sessions }: AllRows): string[] {
  return sessions
    .filter(({ endReason }) => endReason === 'EXPIRED')
    .filter(({ endedAt, expiresAt }) => (endedAt ?? 0) < (expiresAt ?? Infinity))
    .map(({ id, endedAt, expiresAt }) => `session ${id} expired at ${endedAt}, not ${expiresAt}`);
}

function brokenCounts({ clusters, counts }: AllRows): string[] {
  return counts.flatMap(({ poolId, ...kept }) => {
    const mine = clusters.filter((c) => c.poolId === poolId && c.removedAt === null);
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
function brokenQueues({ clusters, sessions }: AllRows): string[] {
  const queued = sessions.filter(({ status }) => status === 'PENDING');
  const waiting = new Set(queued.map(({ poolId }) => poolId));
  return clusters
    .filter((c) => c.status === 'AVAILABLE' && c.removingAt === null && waiting.has(c.poolId))
    .map(({ name }) => `cluster ${name} is free while somebody waits`);
}

function brokenCurrent(id: string, rows: readonly Snapshot[], most: number): string[] {
  const sets = new Set(rows.map(({ set }) => set)).size;
  const fromSession = new Set(rows.map((row) => isMadeOfImage(row))).size;
  return [
    ...(sets > most ? [`${id} has ${sets} current sets, not ${most}`] : []),
    ...(fromSession > 1 ? [`${id} has current sets of an image and of a session`] : []),
    ...rows
      .filter(({ status, owner }) => status !== 'READY' || owner !== null)
      .map((row) => `current snapshot ${row.name} of ${id} is ${row.status}, of ${row.owner}`),
  ];
}

/** What was made of a saved set is nobody's but its session's. */
function brokenMaking({ clusters, snapshots }: AllRows): string[] {
  const saved = new Set(snapshots.filter(({ owner }) => owner !== null).map(setId));
  return clusters
    .filter((c) => c.status === 'AVAILABLE' && c.removingAt === null)
    .filter(({ poolId, madeFromSet: set }) => set !== null && saved.has(setId({ poolId, set })))
    .map(({ name }) => `cluster ${name} is free with what somebody saved`);
}

/** What somebody saved is never current, and on no cluster but one of a session of its owner. */
function brokenSaved({ snapshots, clusters, sessions }: AllRows): string[] {
  const saved = snapshots.filter(({ owner }) => owner !== null);
  const current = saved.filter((row) => row.current);
  const live = new Map(sessions.filter(isLive).map((session) => [session.id, session]));
  const strange = clusters.filter(({ poolId, wantedSet, removingAt, sessionId }) => {
    if (wantedSet === null || removingAt !== null) return false;
    const holder = live.get(sessionId ?? '');
    const rows = saved.filter((row) => row.poolId === poolId && row.set === wantedSet);
    const isOwners = rows.every(({ owner }) => owner === holder?.owner);
    return holder?.wantedSet !== wantedSet || !isOwners;
  });
  return [
    ...current.map(({ name }) => `saved snapshot ${name} is current`),
    ...strange.map(({ name }) => `cluster ${name} was made from what somebody saved`),
  ];
}

/** Secrets are of sessions that run, and what is said to be readable is there. */
function brokenSecrets({ sessions, secrets }: AllRows): string[] {
  const running = sessions.filter(({ status }) => status === 'RUNNING');
  const ids = new Set(running.map(({ id }) => id));
  const kept = new Set(secrets.map(({ subjectId, name }) => `${subjectId} ${name}`));
  return [
    ...secrets
      .filter(({ subjectId }) => !ids.has(subjectId))
      .map(({ subjectId, name }) => `secret ${name} of ${subjectId}, which does not run`),
    ...running
      .filter(({ id, accessReadyAt }) => accessReadyAt !== null && !kept.has(`${id} access`))
      .map(({ id }) => `the access of session ${id} is told and not there`),
    ...sessions
      .filter(({ status, accessReadyAt }) => status !== 'RUNNING' && accessReadyAt !== null)
      .map(({ id, status }) => `${status} session ${id} has access`),
  ];
}

/**
 * What is outside without a row, and what a row says is outside and is not. A set that could not
 * be taken may have left something outside or not.
 */
export async function differences(store: Store, provider: Provider): Promise<string[]> {
  const outside = await provider.list(new AbortController().signal);
  const there = new Set(outside.map(({ kind, id }) => `${kind} ${id}`));
  const { clusters, snapshots: sets } = store.read(readAllRows);
  const staying = clusters.filter(({ removedAt }) => removedAt === null);
  const present = staying.map(({ id }) => `CLUSTER ${id}`);
  const known = new Set([...present, ...sets.map((set) => `SET ${setId(set)}`)]);
  const taken = sets.filter(({ status }) => status !== 'FAILED');
  const wanted = new Set([...present, ...taken.map((set) => `SET ${setId(set)}`)]);
  return [
    ...[...there].filter((key) => !known.has(key)).map((key) => `${key} has no row`),
    ...[...wanted].filter((key) => !there.has(key)).map((key) => `${key} is not outside`),
  ];
}
