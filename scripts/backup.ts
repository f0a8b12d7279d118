/**
 * Copies the database that SNAPYARD_DB names into a file, and the simulator's world into one
 * beside it, whether the server is running or not.
 *
 *   npm run backup -- FILE
 */
import { backUp } from '../db/backup.ts';
import { readConfig } from '../server/config.ts';
import { realWorld } from '../server/world.ts';

const [file, ...more] = process.argv.slice(2);
try {
  if (file === undefined || more.length > 0) throw new Error('usage: npm run backup -- FILE');
  backUp(readConfig().db, file, realWorld());
  console.log(`The database is copied to ${file}.`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
