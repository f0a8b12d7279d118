/**
 * Puts a copy in the place of the database that SNAPYARD_DB names, and keeps the one before it.
 * The server must be stopped. Cursors from before are answered with RESYNC.
 *
 *   npm run restore -- FILE
 */
import { restore } from '../db/backup.ts';
import { readConfig } from '../server/config.ts';
import { realWorld } from '../server/world.ts';

const [file, ...more] = process.argv.slice(2);
try {
  if (file === undefined || more.length > 0) throw new Error('usage: npm run restore -- FILE');
  const { db } = readConfig();
  const before = restore(file, db, realWorld());
  console.log(`${db} is now what ${file} was.`);
  if (before !== undefined) console.log(`The database before it is ${before}.`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
