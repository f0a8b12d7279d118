/**
 * A cursor is a position in the change log: the epoch of the database, which a restored backup
 * does not share, and a sequence number. It is opaque to clients.
 */
export interface Cursor {
  readonly epoch: string;
  readonly seq: number;
}

const FORM = /^([a-z0-9]{8,32})-(\d{1,15})$/;

/** The cursor as clients carry it. */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}-${cursor.seq}`;
}

/** The cursor a client sent, or undefined when the text never was one. */
export function parseCursor(text: string): Cursor | undefined {
  const match = FORM.exec(text);
  if (match?.[1] === undefined) return undefined;
  return { epoch: match[1], seq: Number(match[2]) };
}

/** A position in a list that no list of ours ever gave. */
export class BadCursor extends Error {}
