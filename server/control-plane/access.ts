import { recordAudit } from '../../db/audit.ts';
import type { ControlPlane, SessionAccess } from '../../schema/context.ts';
import { NotFound } from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import { seesOwner } from '../../schema/model/viewer.ts';
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
  const { viewer, store, access } = parts;
  if (!seesOwner(viewer, session.owner)) throw new NotFound('session');
  const audit = { actor: viewer.name, action: 'readAccess', subjectId: session.id };
  await store.transact((tx) => recordAudit(tx, audit));
  const known = session.status === 'RUNNING' ? await access?.find(session) : undefined;
  return { ...NO_ACCESS, ...known };
}
