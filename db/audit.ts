import { audits } from './tables.ts';
import type { Tx } from './tx.ts';

/** Records who did something that must be accounted for: reading secrets, above all. */
export function recordAudit(
  tx: Tx,
  audit: { readonly actor: string; readonly action: string; readonly subjectId: string },
): void {
  tx.db
    .insert(audits)
    .values({ ...audit, at: tx.now })
    .run();
}
