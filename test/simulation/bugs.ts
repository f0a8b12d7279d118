import { release } from '../../db/hold/release.ts';
import { findExpired } from '../../db/session-time.ts';
import type { Store } from '../../db/store.ts';
import type { Synchronous, Tx } from '../../db/tx.ts';
import { LONGEST_RETRY_MS } from '../../schema/model/cluster-pool.ts';
import { isLive, type Session } from '../../schema/model/session.ts';
import { withTransact } from '../kit/with-transact.ts';
import type { WrapStore } from './scene.ts';

/** A bug of the control plane as somebody could write it: it stands in the store's place. */
export interface Bug {
  readonly name: string;
  /** What it breaks. */
  readonly guarantee: string;
  readonly wrapStore: WrapStore;
}

/** What a bug makes of a verb's work, in the same transaction. */
type Twist = (tx: Tx, result: unknown) => void;

/** The bugs that simulations have to find. */
export const BUGS: readonly Bug[] = [
  {
    name: 'double owner',
    guarantee: 'a cluster has at most one live session',
    wrapStore: (store) => twisted(withoutGuard(store), everySecond(shareCluster)),
  },
  {
    name: 'lost release',
    guarantee: 'what was acknowledged is kept',
    wrapStore: forgetReleases,
  },
  {
    name: 'queue overtaking',
    guarantee: 'who waits is served in the order of arrival',
    wrapStore: (store) => twisted(store, overtake),
  },
  {
    name: 'cluster stuck in RESETTING',
    guarantee: 'work ends within its deadlines and retries',
    wrapStore: (store) => twisted(store, putOffResets),
  },
  {
    name: 'expiry of a live session',
    guarantee: 'no session ends by time before its time',
    wrapStore: (store) => twisted(store, expireEarly),
  },
];

const TOO_EARLY_MS = 60_000;
/** Shorter than the longest wait there is, so that it looks like one. */
const PUT_OFF_MS = LONGEST_RETRY_MS - 60_000;

function twisted(store: Store, twist: Twist): Store {
  const bodyOf =
    <T>(body: (tx: Tx) => Synchronous<T>) =>
    (tx: Tx) => {
      const result = body(tx);
      twist(tx, result);
      return result;
    };
  return withTransact(store, (body) => store.transact(bodyOf(body)));
}

/** Lifts the index that refuses a second owner whatever code says. */
function withoutGuard(store: Store): Store {
  const lifted = store.transact((tx) => {
    tx.db.$client.exec('DROP INDEX IF EXISTS sessions_one_live_per_cluster');
  });
  lifted.catch(() => undefined);
  return store;
}

/** Twists every second session that comes along. */
function everySecond(twist: (tx: Tx, session: Session) => boolean): Twist {
  let met = 0;
  return (tx, result) => {
    if (!isSession(result)) return;
    if (met % 2 === 1 || twist(tx, result)) met += 1;
  };
}

function isSession(result: unknown): result is Session {
  return result instanceof Object && 'ttlMinutes' in result && 'owner' in result;
}

/** A claim is given the cluster that another session runs on. */
function shareCluster({ db }: Tx, session: Session): boolean {
  if (session.status !== 'RUNNING') return false;
  const other = db.$client
    .prepare<[string, string], { id: string }>(
      `SELECT cluster_id AS id FROM sessions
        WHERE pool_id = ? AND status = 'RUNNING' AND id <> ? LIMIT 1`,
    )
    .get(session.poolId, session.id);
  if (other === undefined) return false;
  db.$client
    .prepare('UPDATE sessions SET cluster_id = ?, last_cluster_id = ? WHERE id = ?')
    .run(other.id, other.id, session.id);
  Object.assign(session, { clusterId: other.id, lastClusterId: other.id });
  return true;
}

/** Whoever joins a queue is put before all others. */
function overtake({ db }: Tx, result: unknown): void {
  if (!isSession(result) || result.status !== 'PENDING') return;
  db.$client
    .prepare('UPDATE sessions SET ticket = -ticket WHERE id = ? AND ticket > 0')
    .run(result.id);
}

/** Every second cluster's reset is put off, and put off again when its time has nearly come. */
function putOffResets({ db, now }: Tx): void {
  db.$client
    .prepare(
      `UPDATE clusters SET next_attempt_at = ? WHERE status = 'RESETTING' AND removing_at IS NULL
        AND number % 2 = 0 AND coalesce(next_attempt_at, 0) < ?`,
    )
    .run(now + PUT_OFF_MS, now + TOO_EARLY_MS);
}

/** Sessions are taken for over a minute too early. */
function expireEarly(tx: Tx): void {
  for (const session of findExpired(tx.db, tx.now + TOO_EARLY_MS, 1)) {
    const ending = { to: 'COMPLETED', endReason: 'EXPIRED', statusMessage: null } as const;
    release(tx, session.id, ending, { cause: 'EXPIRY' });
  }
}

/** Undoes a verb that has its answer already. */
class Forgotten extends Error {}

/** Every second release is answered and not kept. */
function forgetReleases(store: Store): Store {
  let met = 0;
  return withTransact(store, async (body) => {
    const answers: ReturnType<typeof body>[] = [];
    try {
      return await store.transact((tx) => {
        const answer = body(tx);
        if (!isSession(answer) || isLive(answer)) return answer;
        met += 1;
        if (met % 2 === 0) return answer;
        answers.push(answer);
        throw new Forgotten();
      });
    } catch (error) {
      const [answer] = answers;
      if (!(error instanceof Forgotten) || answer === undefined) throw error;
      return answer;
    }
  });
}
