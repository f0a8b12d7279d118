import { and, asc, eq, gt, or } from 'drizzle-orm';
import type { Db } from './connection.ts';
import { secrets } from './tables.ts';
import type { Tx } from './tx.ts';
import type { SealedSecret, SecretPlace } from './vault.ts';

/** Keeps a sealed secret, in the place of the one before it. */
export function putSecret(tx: Tx, sealed: SealedSecret): void {
  const { nonce, ciphertext } = sealed;
  tx.db
    .insert(secrets)
    .values(sealed)
    .onConflictDoUpdate({
      target: [secrets.subjectId, secrets.name],
      set: { nonce, ciphertext },
    })
    .run();
}

/** A sealed secret; undefined when there is none. */
export function findSecret(db: Db, { subjectId, name }: SecretPlace): SealedSecret | undefined {
  const isIt = and(eq(secrets.subjectId, subjectId), eq(secrets.name, name));
  return db.select().from(secrets).where(isIt).get();
}

/** Secrets in the order of their places, at most so many, from the one after this place on. */
export function pageOfSecrets(db: Db, after: SecretPlace, limit: number): SealedSecret[] {
  const isBehind = or(
    gt(secrets.subjectId, after.subjectId),
    and(eq(secrets.subjectId, after.subjectId), gt(secrets.name, after.name)),
  );
  const order = [asc(secrets.subjectId), asc(secrets.name)];
  return db
    .select()
    .from(secrets)
    .where(isBehind)
    .orderBy(...order)
    .limit(limit)
    .all();
}

/** Forgets all secrets of a subject. */
export function deleteSecrets(tx: Tx, subjectId: string): void {
  tx.db.delete(secrets).where(eq(secrets.subjectId, subjectId)).run();
}
