/**
 * A process of the backup test, which ends only by a signal. `reopen PATH` opens a database, adds
 * to its log and closes it, over and over. `restore PATH FILE FILE` puts one copy and then the
 * other in its place. It says a line after each round.
 */
import { writeSync } from 'node:fs';
import { logPoolChange } from '../../db/change.ts';
import { restore } from '../../db/backup.ts';
import { findPools } from '../../db/cluster-pool.ts';
import { openStore } from '../../db/store.ts';
import { realWorld } from '../../server/world.ts';

const [verb, path = '', ...files] = process.argv.slice(2);
const world = realWorld();

async function reopen(): Promise<void> {
  const store = openStore(path, world);
  await store.transact((tx) => {
    for (const { id } of findPools(tx.db)) logPoolChange(tx, id, { cause: 'ADMIN' });
  });
  await store.close();
}

for (let round = 0; ; round += 1) {
  if (verb === 'reopen') await reopen();
  else restore(files[round % files.length] ?? '', path, world);
  writeSync(1, 'done\n');
}
