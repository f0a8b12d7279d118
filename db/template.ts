import { and, desc, eq } from 'drizzle-orm';
import type { ProviderKind } from '../schema/model/provider-kind.ts';
import type { RoleSpec, Template } from '../schema/model/template.ts';
import { prepared, type Db } from './connection.ts';
import { idCondition } from './row.ts';
import { templates } from './tables.ts';
import type { Tx } from './tx.ts';

const byId = prepared((db) => db.select().from(templates).where(idCondition(templates)).prepare());

/** The template with this id. */
export function findTemplate(db: Db, id: string): Template | undefined {
  return byId(db).get({ id });
}

/** The version of a template with these roles; a new one is added where none has them. */
export function ensureTemplate(
  tx: Tx,
  wanted: { name: string; provider: ProviderKind; roles: readonly RoleSpec[] },
): Template {
  const known = tx.db
    .select()
    .from(templates)
    .where(and(eq(templates.name, wanted.name), eq(templates.provider, wanted.provider)))
    .orderBy(desc(templates.templateVersion))
    .all();
  const roles = JSON.stringify(wanted.roles);
  const equal = known.find((one) => JSON.stringify(one.roles) === roles);
  if (equal !== undefined) return equal;
  const templateVersion = (known[0]?.templateVersion ?? 0) + 1;
  const row = { id: tx.newId(), ...wanted, templateVersion, createdAt: tx.now };
  return tx.db.insert(templates).values(row).returning().get();
}
