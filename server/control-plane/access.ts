import { recordAudit } from '../../db/audit.ts';
import { dropAccess } from '../../db/session-access.ts';
import { findSession } from '../../db/session.ts';
import type { Tx } from '../../db/tx.ts';
import type { Vault } from '../../db/vault.ts';
import { findVmsOfCluster } from '../../db/vm-handle.ts';
import type { ControlPlane, SessionAccess } from '../../schema/context.ts';
import { NotFound } from '../../schema/model/refusal.ts';
import { hasAccess, type Session } from '../../schema/model/session.ts';
import { seesOwner } from '../../schema/model/viewer.ts';
import { findClusterAccess, findSessionKey } from '../session-secrets.ts';
import type { VerbParts } from './verb.ts';

const NO_ACCESS: SessionAccess = {
  kubeconfig: null,
  sshUser: null,
  sshPrivateKey: null,
  endpoints: [],
};

/** How to get into the VMs of a session. */
export function accessVerbs(parts: VerbParts): Pick<ControlPlane, 'readAccess'> {
  return { readAccess: (session) => readAccess(parts, session) };
}

/** Nothing is answered before the record of who asked for it is durable. */
async function readAccess(parts: VerbParts, session: Session): Promise<SessionAccess> {
  const { viewer, store, vault } = parts;
  if (!seesOwner(viewer, session.owner)) throw new NotFound('session');
  const audit = { actor: viewer.name, action: 'readAccess', subjectId: session.id };
  return store.transact((tx) => {
    recordAudit(tx, audit);
    return vault === undefined ? NO_ACCESS : accessNow(tx, vault, session.id);
  });
}

/** As it is at the moment of the record, whatever was known of the session before. */
function accessNow(tx: Tx, vault: Vault, sessionId: string): SessionAccess {
  const session = findSession(tx.db, sessionId);
  if (session === undefined || !hasAccess(session)) return NO_ACCESS;
  const key = findSessionKey(tx.db, vault, sessionId);
  const told = findClusterAccess(tx.db, vault, sessionId);
  if (key === undefined || told === undefined) {
    const reason = 'what was stored of the ways in cannot be opened';
    dropAccess(tx, sessionId, { cause: 'RESTART', reason });
    return NO_ACCESS;
  }
  const vms = findVmsOfCluster(tx.db, session.clusterId ?? '');
  const endpoints = told.endpoints.flatMap(({ role, name, url }) => {
    const vm = vms.find((each) => each.role === role);
    return vm === undefined ? [] : [{ vmId: vm.id, name, url }];
  });
  const { kubeconfig, sshUser } = told;
  return {
    kubeconfig,
    sshUser,
    sshPrivateKey: sshUser === null ? null : key.privateKey,
    endpoints,
  };
}
