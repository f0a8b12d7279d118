import { and, asc, desc, eq, isNotNull, or, sql } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import { IMAGE_TRANSITIONS, type Image, type ImageStatus } from '../schema/model/image.ts';
import { mayMove } from '../schema/model/transitions.ts';
import { logChange } from './change.ts';
import { prepared, type Db } from './connection.ts';
import { behindTime, countRows, timePosition, toPage, type Page, type PageArgs } from './page.ts';
import { givenText, idCondition } from './row.ts';
import { changes, imageNumbers, images, phases } from './tables.ts';
import type { Tx } from './tx.ts';

const byId = prepared((db) => db.select().from(images).where(idCondition(images)).prepare());

/** The image with this id. */
export function findImage(db: Db, id: string): Image | undefined {
  return byId(db).get({ id });
}

const ofName = prepared((db) =>
  db
    .select()
    .from(images)
    .where(sql`${images.name} = ${givenText('name')}`)
    .orderBy(desc(images.imageVersion))
    .prepare(),
);

/** All versions of a name, whatever their state, the newest first. */
export function findVersions(db: Db, name: string): Image[] {
  return ofName(db).all({ name });
}

/** One version of a name. */
export function findImageVersion(db: Db, name: string, imageVersion: number): Image | undefined {
  return findVersions(db, name).find((row) => row.imageVersion === imageVersion);
}

const currentOfName = prepared((db) =>
  db
    .select()
    .from(images)
    .where(sql`${images.name} = ${givenText('name')} AND current = 1`)
    .prepare(),
);

/** The version that pools naming this image are made from; it is READY. */
export function findCurrentImage(db: Db, name: string): Image | undefined {
  return currentOfName(db).get({ name });
}

/** The versions that are built on this one. */
export function findChildren(db: Db, id: string): Image[] {
  const wanted = eq(images.parentId, id);
  return db.select().from(images).where(wanted).orderBy(asc(images.createdAt)).all();
}

/** All images, the oldest first. */
export function findImages(db: Db): Image[] {
  return db.select().from(images).orderBy(asc(images.createdAt), asc(images.id)).all();
}

/** Images that something is to be done with: made, published or removed. */
export function findImagesAtWork(db: Db): Image[] {
  const wanted = or(sql`status IN ('CREATING', 'DELETING')`, isNotNull(images.publishTag));
  return db.select().from(images).where(wanted).orderBy(asc(images.createdAt)).all();
}

/** A version as it begins; the number is given to it. */
export type NewImage = Pick<
  Image,
  'name' | 'parentId' | 'source' | 'reference' | 'recipe' | 'actor'
> &
  Partial<Pick<Image, 'status' | 'statusMessage'>>;

/** Adds a version of a name, CREATING; its number is one that was never used. */
export function insertImage(tx: Tx, image: NewImage, why: Why): Image {
  return insertVersion(tx, { ...image, imageVersion: takeVersion(tx, image.name) }, why);
}

/** Adds a version that is there already, under the number that it has. */
export function insertVersion(
  tx: Tx,
  image: NewImage & Pick<Image, 'imageVersion'>,
  why: Why,
): Image {
  keepAbove(tx, image.name, image.imageVersion);
  const row = tx.db
    .insert(images)
    .values({ status: 'CREATING', ...image, id: tx.newId(), createdAt: tx.now })
    .returning()
    .get();
  log(tx, undefined, row, why);
  return row;
}

function nextVersion(db: Db, name: string): number {
  const wanted = eq(imageNumbers.name, name);
  return db.select().from(imageNumbers).where(wanted).get()?.nextVersion ?? 1;
}

/** Takes the next number of a name; it is never given again. */
export function takeVersion(tx: Tx, name: string): number {
  const taken = nextVersion(tx.db, name);
  keepAbove(tx, name, taken);
  return taken;
}

/** Sees to it that later numbers of a name are higher than this one. */
function keepAbove(tx: Tx, name: string, imageVersion: number): void {
  const next = Math.max(imageVersion + 1, nextVersion(tx.db, name));
  tx.db
    .insert(imageNumbers)
    .values({ name, nextVersion: next })
    .onConflictDoUpdate({ target: imageNumbers.name, set: { nextVersion: next } })
    .run();
}

/** What may be changed of an image besides its state. */
export type ImagePatch = Partial<Omit<Image, 'id' | 'name' | 'status' | 'createdAt' | 'version'>>;

/** A move and what goes with it. */
export interface ImageMove {
  readonly to: ImageStatus;
  readonly from: readonly ImageStatus[];
  readonly patch?: ImagePatch;
}

/** The only writer of an image's state; undefined when somebody was first. */
export function moveImage(tx: Tx, id: string, move: ImageMove, why: Why): Image | undefined {
  const row = findImage(tx.db, id);
  if (row === undefined || !move.from.includes(row.status)) return undefined;
  if (row.status !== move.to && !mayMove(IMAGE_TRANSITIONS, row.status, move.to)) {
    throw new Error(`an image cannot go from ${row.status} to ${move.to}`);
  }
  const set = { ...move.patch, status: move.to, version: row.version + 1 };
  tx.db.update(images).set(set).where(eq(images.id, id)).run();
  const moved = { ...row, ...set };
  log(tx, row, moved, why);
  return moved;
}

/** Removes the row of an image whose files are gone, with its timeline. */
export function deleteImage(tx: Tx, image: Image, why: Why): void {
  tx.db.delete(phases).where(eq(phases.subjectId, image.id)).run();
  tx.db.delete(images).where(eq(images.id, image.id)).run();
  const subject = { type: 'IMAGE', subjectId: image.id, kind: 'DELETED', poolId: '' } as const;
  logChange(tx, { ...subject, from: image.status }, why);
}

function log(tx: Tx, before: Image | undefined, row: Image, why: Why): void {
  const kind = before === undefined ? 'CREATED' : 'UPDATED';
  const subject = { type: 'IMAGE', subjectId: row.id, kind, poolId: '' } as const;
  logChange(tx, { ...subject, from: before?.status ?? null, to: row.status }, why);
}

/** Which images a list shows. */
export interface ImageFilter {
  readonly name?: string | undefined;
}

/** Images, the newest first. */
export function pageOfImages(db: Db, filter: ImageFilter, page: PageArgs): Page<Image> {
  const wanted = filter.name === undefined ? undefined : eq(images.name, filter.name);
  const rows = db
    .select()
    .from(images)
    .where(and(wanted, behindTime(images, page.after)))
    .orderBy(desc(images.createdAt), desc(images.id))
    .limit(page.first + 1)
    .all();
  return toPage(rows, page, timePosition, () => countRows(db, images, wanted));
}

/** The ids of the versions of a name behind an id, in their order, at most so many. */
export function versionIdsAfter(db: Db, name: string, last: string, limit: number): string[] {
  const ids = findVersions(db, name).map(({ id }) => id);
  return ids
    .filter((id) => id > last)
    .toSorted()
    .slice(0, limit);
}

const changedStatement = prepared((db) =>
  db
    .select({ id: changes.subjectId, seq: sql<number>`max(${changes.seq})` })
    .from(changes)
    .innerJoin(images, eq(images.id, changes.subjectId))
    .where(
      sql`${changes.poolId} = '' AND ${changes.seq} > ${sql.placeholder('after')}
        AND ${images.name} = ${givenText('name')}`,
    )
    .groupBy(changes.subjectId)
    .orderBy(sql`max(${changes.seq})`)
    .limit(sql.placeholder('limit'))
    .prepare(),
);

/** The versions of a name that have changed behind a position, in order of their last changes. */
export function changedVersions(
  db: Db,
  wanted: { readonly name: string; readonly after: number },
  limit: number,
): { readonly id: string; readonly seq: number }[] {
  return changedStatement(db).all({ ...wanted, limit });
}
