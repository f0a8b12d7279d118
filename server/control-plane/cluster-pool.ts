import { updatePool, type PoolPatch } from '../../db/cluster-pool.ts';
import { release } from '../../db/hold/release.ts';
import { ensureJob, findCancellableJobs } from '../../db/job.ts';
import { countLive, findLive } from '../../db/session.ts';
import type { Tx } from '../../db/tx.ts';
import type { ControlPlane } from '../../schema/context.ts';
import { assertPoolBounds, type UpdateClusterPoolInput } from '../../schema/inputs.ts';
import type { Why } from '../../schema/model/change.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import type { Job } from '../../schema/model/job.ts';
import { Conflict, WrongState } from '../../schema/model/refusal.ts';
import { addPool, assertTemplateSets, withMicroDefaults } from '../pools.ts';
import { requestCancel } from './job.ts';
import { asked, poolNamed, RESUMED, wakePool, type VerbParts } from './verb.ts';

type PoolVerbs = Pick<
  ControlPlane,
  | 'createClusterPool'
  | 'updateClusterPool'
  | 'deleteClusterPool'
  | 'bootstrapPool'
  | 'warmUpPool'
  | 'releaseAllClusters'
>;

/** What can be done about pools. */
export function clusterPoolVerbs(parts: VerbParts): PoolVerbs {
  const { store, viewer, findTraits, images, microDefaults } = parts;
  const why = asked(viewer, 'ADMIN');
  return {
    createClusterPool: (input) =>
      store.transact((tx) => {
        const wanted = withMicroDefaults(input, microDefaults);
        return addPool(tx, wanted, findTraits, why, images?.catalogue());
      }),
    updateClusterPool: (input) => store.transact((tx) => update(parts, tx, input)),
    deleteClusterPool: (name) => removePool(parts, name),
    bootstrapPool: (name) => store.transact((tx) => bootstrap(parts, tx, name)),
    warmUpPool: (name) => store.transact((tx) => warmUp(parts, tx, name)),
    releaseAllClusters: (name) => releaseAll(parts, name),
  };
}

function update(
  { viewer, findTraits }: VerbParts,
  tx: Tx,
  input: UpdateClusterPoolInput,
): ClusterPool {
  const pool = poolNamed(tx, input.name);
  if (input.ifVersion != null && input.ifVersion !== pool.version) {
    throw new Conflict(`the pool has version ${pool.version}, not ${input.ifVersion}`);
  }
  const patch = { ...patchOf(pool, input), ...RESUMED };
  assertPoolBounds({ ...pool, ...patch });
  if (patch.templateSets !== pool.templateSets) {
    assertTemplateSets({ ...pool, ...patch }, findTraits(pool.provider));
  }
  return updatePool(tx, pool.id, patch, asked(viewer, 'ADMIN'));
}

/** What is left out stays; a pool that grows beyond its most clusters raises them with it. */
function patchOf(pool: ClusterPool, input: UpdateClusterPoolInput) {
  const size = input.size ?? pool.size;
  const limit = input.maxSessionsPerOwner;
  return {
    size,
    maxClusters: input.maxClusters ?? Math.max(pool.maxClusters, size),
    whenEmpty: input.whenEmpty ?? pool.whenEmpty,
    sessionTtlMinutes: input.sessionTtlMinutes ?? pool.sessionTtlMinutes,
    maxTtlMinutes: input.maxTtlMinutes ?? pool.maxTtlMinutes,
    maxWaitSeconds: input.maxWaitSeconds ?? pool.maxWaitSeconds,
    // Here null says something: that there is no limit any more.
    maxSessionsPerOwner: limit === undefined ? pool.maxSessionsPerOwner : limit,
    snapshotMaxAgeSeconds: input.snapshotMaxAgeSeconds ?? pool.snapshotMaxAgeSeconds,
    templateSets: input.templateSets ?? pool.templateSets,
  } satisfies PoolPatch;
}

/** Its clusters are removed by a reconciler, in batches; nothing may claim them from now on. */
async function removePool(parts: VerbParts, name: string): Promise<ClusterPool> {
  const { store, viewer } = parts;
  const pool = await store.transact((tx) => markDeleted(parts, tx, name));
  const why = asked(viewer, 'ADMIN');
  while ((await store.transact((tx) => cancelSome(tx, pool.id, why))) === JOBS_AT_ONCE);
  return pool;
}

const JOBS_AT_ONCE = 100;

function cancelSome(tx: Tx, poolId: string, why: Why): number {
  const jobs = findCancellableJobs(tx.db, poolId, JOBS_AT_ONCE);
  for (const job of jobs) requestCancel(tx, job, why);
  return jobs.length;
}

function markDeleted({ viewer }: VerbParts, tx: Tx, name: string): ClusterPool {
  const pool = poolNamed(tx, name);
  const live = countLive(tx.db, pool.id);
  if (live > 0) {
    throw new WrongState(`the pool has ${live} live session${live === 1 ? '' : 's'}`, 'IN_USE');
  }
  return updatePool(tx, pool.id, { deletedAt: tx.now }, asked(viewer, 'ADMIN'));
}

function bootstrap({ viewer }: VerbParts, tx: Tx, name: string): Job {
  const pool = poolNamed(tx, name);
  updatePool(tx, pool.id, { ...RESUMED, awake: true }, asked(viewer, 'ADMIN'));
  return ensureJob(tx, { kind: 'BOOTSTRAP_POOL', poolId: pool.id, actor: viewer.name });
}

function warmUp({ viewer }: VerbParts, tx: Tx, name: string): Job {
  const pool = wakePool(tx, poolNamed(tx, name), asked(viewer, 'ADMIN'));
  return ensureJob(tx, { kind: 'WARM_UP_POOL', poolId: pool.id, actor: viewer.name });
}

/** Ending one session writes about nine rows, and no transaction writes more than 256. */
const SESSIONS_AT_ONCE = 24;

/** Ends the sessions that were live when it was asked for, the oldest first. */
async function releaseAll(parts: VerbParts, name: string): Promise<ClusterPool> {
  const { store } = parts;
  let left = await store.transact((tx) => countLive(tx.db, poolNamed(tx, name).id));
  while (left > 0) {
    const most = Math.min(left, SESSIONS_AT_ONCE);
    const ended = await store.transact((tx) => releaseSome(parts, tx, name, most));
    if (ended === 0) break;
    left -= ended;
  }
  return store.transact((tx) => poolNamed(tx, name));
}

function releaseSome({ viewer }: VerbParts, tx: Tx, name: string, most: number): number {
  const ending = { to: 'COMPLETED', endReason: 'ADMIN', statusMessage: null } as const;
  const live = findLive(tx.db, poolNamed(tx, name).id, most);
  for (const { id } of live) release(tx, id, ending, asked(viewer, 'ADMIN'));
  return live.length;
}
