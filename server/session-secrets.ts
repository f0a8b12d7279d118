import { z } from 'zod';
import type { Db } from '../db/connection.ts';
import { findSecret } from '../db/secret.ts';
import type { SecretPlace, Vault } from '../db/vault.ts';
import { VM_ROLES } from '../schema/model/template.ts';
import type { ClusterAccess } from './providers/provider.ts';
import type { SessionKey } from './session-key.ts';

/** Which secrets a session has, and what is in them. */

/** Where the key of a session is. */
export function keyPlace(subjectId: string): SecretPlace {
  return { subjectId, name: 'ssh-key' };
}

/** Where that is which the provider told of the ways into a session's VMs. */
export function accessPlace(subjectId: string): SecretPlace {
  return { subjectId, name: 'access' };
}

const sessionKey = z.object({ privateKey: z.string(), publicKey: z.string() });

const clusterAccess = z.object({
  sshUser: z.string().nullable(),
  kubeconfig: z.string().nullable(),
  endpoints: z.array(z.object({ role: z.enum(VM_ROLES), name: z.string(), url: z.string() })),
});

/** The key of a session; undefined where it has none, or this vault does not open it. */
export function findSessionKey(db: Db, vault: Vault, sessionId: string): SessionKey | undefined {
  const text = textIn(db, vault, keyPlace(sessionId));
  return text === undefined ? undefined : sessionKey.parse(JSON.parse(text));
}

/** What the provider told; undefined where there is nothing, or this vault does not open it. */
export function findClusterAccess(
  db: Db,
  vault: Vault,
  sessionId: string,
): ClusterAccess | undefined {
  const text = textIn(db, vault, accessPlace(sessionId));
  return text === undefined ? undefined : clusterAccess.parse(JSON.parse(text));
}

function textIn(db: Db, vault: Vault, place: SecretPlace): string | undefined {
  const sealed = findSecret(db, place);
  return sealed && vault.open(sealed);
}
