import { createHash, type Hash } from 'node:crypto';
import { changesAfter } from '../../db/change.ts';
import { prepared, type Db } from '../../db/connection.ts';
import { findSession } from '../../db/session.ts';
import type { Store } from '../../db/store.ts';
import type { Change } from '../../schema/model/change.ts';
import { Refusal } from '../../schema/model/refusal.ts';
import { isLive, LIVE_SESSION_STATUSES, type Session } from '../../schema/model/session.ts';
import type { AllRows } from '../kit/all-rows.ts';
import {
  claimsOf,
  type Asked,
  type ClaimCall,
  type Claimed,
  type PoolRules,
} from './claims-model.ts';
import { findStuck, type Operation } from './linearizability.ts';

/** What somebody asks of the server, as far as it is judged afterwards. */
export type Wish =
  | { readonly kind: 'CLAIM'; readonly poolId: string; readonly asked: Asked }
  | { readonly kind: 'RELEASE'; readonly poolId: string; readonly id: string }
  | { readonly kind: 'EXTEND'; readonly poolId: string; readonly id: string }
  | { readonly kind: 'OTHER' };

/** A wish on its way: it has been answered, or the server died first, or it is under way. */
export interface Call {
  readonly number: number;
  readonly wish: Wish;
  readonly invoked: number;
  returned: number;
  session: Session | undefined;
  refusal: Refusal | undefined;
  isLost: boolean;
}

type PoolOperation = Operation<ClaimCall> & { readonly poolId: string };

/** A session as the log tells of its making. */
interface Made {
  readonly session: Claimed;
  readonly poolId: string;
  readonly at: number;
}

const keyStatement = prepared((db) =>
  db.$client.prepare<[string], { key: string }>('SELECT key FROM idempotency WHERE subject_id = ?'),
);

/**
 * Everything that was asked, answered and logged, in the order in which it happened, through all
 * lives of the server. Its digest is equal for two runs that went the same way.
 */
export class Ledger {
  /** Rows of the log so far, trimmed or not. */
  rows = 0;
  readonly calls: Call[] = [];
  readonly #digest: Hash = createHash('sha256');
  readonly #happened: PoolOperation[] = [];
  readonly #made: Made[] = [];
  #now = 0;
  #seq = 0;

  /** Follows the log of a server; answers what its predecessor had logged and it has not. */
  attach(store: Store): string[] {
    const { seq } = store.head();
    this.#follow(store);
    store.onCommit(() => this.#follow(store));
    return seq < this.#seq ? [`the log ended at ${this.#seq} and now ends at ${seq}`] : [];
  }

  /** Somebody asks. */
  ask(wish: Wish): Call {
    const fresh = { returned: Infinity, session: undefined, refusal: undefined, isLost: false };
    const call: Call = { number: this.calls.length, wish, invoked: this.#tick(), ...fresh };
    this.calls.push(call);
    return call;
  }

  /** The answer has arrived. */
  answer(call: Call, answer: unknown): void {
    call.returned = this.#tick();
    if (answer instanceof Refusal) call.refusal = answer;
    else if (call.wish.kind !== 'OTHER') call.session = answer as Session;
    const told =
      answer instanceof Refusal ? { code: answer.code, message: answer.message } : answer;
    this.#digest.update(JSON.stringify([call.number, told]));
  }

  /** Those that a dying server leaves without an answer. */
  lose(): Call[] {
    const lost = this.calls.filter(({ returned, isLost }) => returned === Infinity && !isLost);
    for (const call of lost) call.isLost = true;
    return lost;
  }

  /** The digest of all that was logged and answered; ends the ledger. */
  digest(): string {
    return this.#digest.digest('hex');
  }

  /** What was answered and is not so: an answer holds whatever happens later. */
  brokenPromises({ sessions }: AllRows): string[] {
    const rows = new Map(sessions.map((row) => [row.id, row]));
    return this.calls.flatMap(({ wish, session, refusal }) => {
      if (refusal !== undefined && !isFair(wish, refusal))
        return [`${wish.kind}: ${refusal.message}`];
      if (session === undefined) return [];
      const row = rows.get(session.id);
      if (row === undefined) return [`the ${wish.kind} of session ${session.id} is lost`];
      if (wish.kind === 'RELEASE' && isLive(row)) return [`released ${row.id} is ${row.status}`];
      const kept = (row.expiresAt ?? Infinity) >= (session.expiresAt ?? 0);
      return kept ? [] : [`${row.id} ends at ${row.expiresAt}, not ${session.expiresAt}`];
    });
  }

  /** The pools whose claims cannot have happened one after the other, with where it fails. */
  notLinearizable(rulesOf: (poolId: string) => PoolRules): string[] {
    const byPool = Map.groupBy(this.#history(), ({ poolId }) => poolId);
    const tangled = [...byPool].flatMap(([poolId, operations]) => {
      const stuck = findStuck(operations, claimsOf(rulesOf(poolId)));
      if (stuck === undefined) return [];
      const before = stuck.order.slice(-8).map((call) => `  ${JSON.stringify(call)}`);
      const next = stuck.next.map((call) => `  ${JSON.stringify(call)}`);
      const told = ['after', ...before, 'nothing of this can come next:', ...next];
      return [`the claims of pool ${poolId} have no order:\n${told.join('\n')}`];
    });
    return [...tangled, ...this.#unasked()];
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }

  #follow(store: Store): void {
    store.read((db) => {
      const rows = changesAfter(db, this.#seq, 100_000);
      for (const row of rows) {
        this.#seq = row.seq;
        this.#digest.update(JSON.stringify(row));
      }
      this.rows += rows.length;
      const moves = rows.filter(({ type, to }) => type === 'SESSION' && to !== null);
      for (const verb of Map.groupBy(moves, ({ tx, subjectId }) => `${tx} ${subjectId}`).values()) {
        this.#happen(db, verb);
      }
    });
  }

  /** What one verb did to one session. */
  #happen(db: Db, moves: readonly Change[]): void {
    const [first, last] = [moves[0], moves.at(-1)];
    const session = first === undefined ? undefined : findSession(db, first.subjectId);
    if (first === undefined || last === undefined || session === undefined) return;
    const { id, poolId, owner, lastClusterId, ttlMinutes: ttl } = session;
    const at = this.#tick();
    const note = (call: ClaimCall) =>
      void this.#happened.push({ call, poolId, invoked: at, returned: at });
    if (first.from === null) {
      const key = keyStatement(db).get(id)?.key ?? null;
      const cluster = last.to === 'PENDING' ? null : lastClusterId;
      this.#made.push({ session: { id, owner, key, ttl, cluster }, poolId, at });
    } else if (first.from === 'PENDING' && isLiveStatus(last.to) && lastClusterId !== null) {
      note({ kind: 'SERVE', id, cluster: lastClusterId });
    }
    if (!isLiveStatus(last.to)) note({ kind: 'END', id });
  }

  /** Claims have made their sessions when the log says so, which nobody can change afterwards. */
  #history(): PoolOperation[] {
    const made = this.#made.map(({ session, poolId, at }): PoolOperation => {
      return { call: { kind: 'CLAIM', session }, poolId, invoked: at, returned: at };
    });
    return [...made, ...this.calls.flatMap(operationOf), ...this.#happened];
  }

  /** Sessions that were made when nobody was asking for them. */
  #unasked(): string[] {
    const isAskedBy = ({ session, at }: Made, { wish, invoked, returned }: Call) =>
      wish.kind === 'CLAIM' &&
      claimant(wish.asked) === claimant(session) &&
      invoked < at &&
      at < returned;
    return this.#made
      .filter((made) => !this.calls.some((call) => isAskedBy(made, call)))
      .map(({ session }) => `nobody was claiming when ${session.id} of ${session.owner} was made`);
  }
}

/** Who claimed, and under which key: no two claims that are no repeats of each other share it. */
function claimant({ owner, key }: Asked): string {
  return `${owner} ${key}`;
}

/** Whether the owner of a session can be refused so. */
function isFair({ kind }: Wish, { code }: Refusal): boolean {
  if (kind === 'RELEASE') return false;
  return kind !== 'EXTEND' || code === 'WRONG_STATE';
}

function isLiveStatus(status: string | null): boolean {
  return LIVE_SESSION_STATUSES.some((live) => live === status);
}

function operationOf(call: Call): PoolOperation[] {
  const { wish, invoked, returned } = call;
  if (wish.kind === 'OTHER') return [];
  const judged = judgedCall(wish, call);
  const poolId = call.session?.poolId ?? wish.poolId;
  return judged === undefined ? [] : [{ call: judged, poolId, invoked, returned }];
}

function judgedCall(
  wish: Exclude<Wish, { kind: 'OTHER' }>,
  { session, refusal }: Call,
): ClaimCall | undefined {
  if (session !== undefined) {
    const { id, clusterId: cluster, expiresAt } = session;
    if (wish.kind === 'RELEASE') return { kind: 'END', id };
    if (wish.kind === 'EXTEND') return { kind: 'EXTEND', id, expiresAt: expiresAt ?? 0 };
    return { kind: 'ANSWER', session: { ...wish.asked, id, cluster } };
  }
  if (refusal === undefined) return undefined;
  if (wish.kind === 'EXTEND') return { kind: 'EXTEND_REFUSED', id: wish.id };
  if (wish.kind !== 'CLAIM') return undefined;
  return { kind: 'CLAIM_REFUSED', asked: wish.asked, code: refusal.code };
}
