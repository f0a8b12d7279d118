import { getPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { putSecret } from '../../db/secret.ts';
import {
  findAccessDue,
  findHolding,
  markAccessReady,
  markNoAccess,
  nextAccessAt,
  putOffAccess,
  stillHolds,
  type Holding,
} from '../../db/session-access.ts';
import type { Vault } from '../../db/vault.ts';
import { PROVIDER_KINDS } from '../../schema/model/provider-kind.ts';
import { clusterRef, providerOf, workAt } from '../outside.ts';
import type { ClusterAccess } from '../providers/provider.ts';
import { accessPlace, findSessionKey, keyPlace } from '../session-secrets.ts';
import { makeSessionKey, type SessionKey } from '../session-key.ts';
import { makeStep } from '../step.ts';
import { retryDelayMs, type Deps, type Failure, type Found } from './reconciler.ts';
import type { Reconciler, Turn } from './reconciler.ts';

/**
 * Wants: every RUNNING session whose provider gives ways into its guests to have them, sealed, for
 * its owner to read. They are obtained after the hand-over, so no claim waits for them.
 * Looks: at the session and the cluster that it holds.
 * Acts: makes a key of the session's own, has the provider let it into the guests, and stores what
 * the provider tells. An attempt that fails is told on the session, which goes on without, and is
 * repeated for as long as the session runs.
 * After a crash: the key is durable before a guest knows it, so the repeat brings the same key.
 */
export function access(deps: Deps): Reconciler {
  return {
    name: 'access',
    find: (now) => deps.store.read((db) => findWork(deps, db, now)),
    pass: (work, turn) => giveAccess(deps, work.id, turn),
    failed: (work, failure) => noteFailure(deps, work.id, failure),
  };
}

/** The wait after an attempt of which the provider says that the next will fare no better. */
const LONGEST_WAIT_MS = 300_000;

function findWork(deps: Deps, db: Db, now: number): Found {
  const { vault } = deps;
  const kinds = PROVIDER_KINDS.filter((kind) => deps.provider(kind)?.capabilities.access);
  if (vault === undefined || kinds.length === 0) return { ready: [] };
  const ready = findAccessDue(db, kinds, now).map(({ id, poolId }) =>
    workAt(deps, db, poolId, id, 'look'),
  );
  return { ready, nextAt: nextAccessAt(db, kinds, now) };
}

async function giveAccess(deps: Deps, id: string, turn: Turn): Promise<void> {
  const { store, vault } = deps;
  const holding = store.read((db) => findHolding(db, id));
  if (holding === undefined || vault === undefined) return;
  const key = await ensureKey(deps, vault, holding);
  if (key === undefined) return;
  const given = await askProvider(deps, holding, key, turn);
  turn.signal.throwIfAborted();
  await store.transact((tx) => {
    if (!stillHolds(tx.db, holding)) return;
    if (isNothing(given)) return markNoAccess(tx, holding, { cause: 'PROVIDER_EVENT' });
    putSecret(tx, vault.seal(accessPlace(id), JSON.stringify(given)));
    const reason = 'the ways in can be read';
    markAccessReady(tx, holding, { cause: 'PROVIDER_EVENT', reason });
  });
}

/** The session's key, made and stored unless it has one; undefined when its cluster was lost. */
async function ensureKey(
  { store, world }: Deps,
  vault: Vault,
  holding: Holding,
): Promise<SessionKey | undefined> {
  const { id } = holding.session;
  const known = store.read((db) => findSessionKey(db, vault, id));
  if (known !== undefined) return known;
  const made = makeSessionKey(world);
  const sealed = vault.seal(keyPlace(id), JSON.stringify(made));
  return store.transact((tx) => {
    if (!stillHolds(tx.db, holding)) return undefined;
    const others = findSessionKey(tx.db, vault, id);
    if (others !== undefined) return others;
    putSecret(tx, sealed);
    return made;
  });
}

async function askProvider(
  deps: Deps,
  { cluster }: Holding,
  { publicKey }: SessionKey,
  turn: Turn,
): Promise<ClusterAccess> {
  const { ref, kind } = deps.store.read((db) => ({
    ref: clusterRef(db, cluster),
    kind: getPool(db, cluster.poolId).provider,
  }));
  const step = makeStep(deps, { id: cluster.id, fence: cluster.fence, cluster }, turn);
  return providerOf(deps, kind).access(ref, publicKey, step);
}

function isNothing({ sshUser, kubeconfig, endpoints }: ClusterAccess): boolean {
  return sshUser === null && kubeconfig === null && endpoints.length === 0;
}

async function noteFailure(deps: Deps, id: string, failure: Failure): Promise<void> {
  const { reason, retryable, cause } = failure;
  await deps.store.transact((tx) => {
    const session = findHolding(tx.db, id)?.session;
    const attempts = session?.accessAttempts ?? 0;
    const inMs = retryable ? retryDelayMs(attempts + 1) : LONGEST_WAIT_MS;
    const isThere = session !== undefined && session.accessReadyAt !== null;
    const what = isThere
      ? 'the access to its VMs could not be renewed yet'
      : 'there is no access to its VMs yet';
    const statusMessage = `${what}: ${reason}`;
    putOffAccess(tx, id, { inMs, statusMessage }, { cause, reason });
  });
}
