/** What all nouns say alike. */

/** The description of `version`. */
export const VERSION =
  'Rises with every change of this object. Given as `ifVersion`, it makes sure that nobody else ' +
  'has changed it in between.';

/** The description of `allowedActions`. */
export const ALLOWED_ACTIONS =
  'The mutations about this object that would not be refused for its present state, to this ' +
  'viewer: what a page may offer as buttons. Somebody else may still be first.';

/** The row that another row refers to; the database keeps such references, so it must be there. */
export function referred<Row>(row: Row | undefined, reference: string): Row {
  if (row === undefined) throw new Error(`${reference} refers to something that is not there`);
  return row;
}
