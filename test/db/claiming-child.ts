/**
 * A process of the kill test: claims, releases and resets without end on a database in a file,
 * and says each acknowledgement on its standard output, a line each. It ends only by a signal.
 */
import { writeSync } from 'node:fs';
import { findCluster } from '../../db/cluster.ts';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { handOver } from '../../db/hold/hand-over.ts';
import { openStore } from '../../db/store.ts';
import { isLive, type Session } from '../../schema/model/session.ts';
import { createControlPlane } from '../../server/control-plane.ts';
import { addPool, type FindTraits } from '../../server/pools.ts';
import { realWorld } from '../../server/world.ts';
import { addFreeCluster } from '../kit/store.ts';

/** One that is used and one that is held for each client, so none is ever refused. */
const CLUSTERS = 20;
const CLIENTS = 10;

const [path = '', run = ''] = process.argv.slice(2);
const findTraits: FindTraits = () => ({
  goldenState: 'CLUSTER',
  wakes: false,
  captureModes: [],
  savesSessions: false,
});
const store = openStore(path, realWorld());
const verbsFor = createControlPlane({ store, findTraits });

await store.transact((tx) => {
  if (findPoolByName(tx.db, 'cks') !== undefined) return;
  const input = { name: 'cks', provider: 'SIMULATOR', size: CLUSTERS } as const;
  const pool = addPool(tx, input, findTraits, { cause: 'REPLENISH' });
  for (let n = 0; n < CLUSTERS; n += 1) addFreeCluster(tx, pool);
});

/** Written at once and in order: what stands there was acknowledged before the kill. */
function say(...words: readonly (string | null)[]): void {
  writeSync(1, `${words.join(' ')}\n`);
}

async function reset(clusterId: string | null): Promise<void> {
  await store.transact((tx) => {
    const fence = findCluster(tx.db, clusterId ?? '')?.fence ?? 0;
    const free = { fence, patch: {}, wakes: false };
    handOver(tx, clusterId ?? '', free, { cause: 'RESET' });
  });
}

async function giveBack(name: string, session: Pick<Session, 'id' | 'clusterId'>): Promise<void> {
  say('releasing', session.id);
  await verbsFor({ name, role: 'USER' }).releaseSession(session.id);
  say('released', session.id);
  await reset(session.clusterId);
}

/** What an earlier process left behind is finished: sessions it held, clusters to be reset. */
async function tidyUp(): Promise<void> {
  const { live, resetting } = store.read((db) => ({
    live: db.query.sessions.findMany().sync().filter(isLive),
    resetting: db.query.clusters
      .findMany()
      .sync()
      .filter((one) => one.status === 'RESETTING'),
  }));
  for (const session of live) await giveBack(session.owner, session);
  for (const { id } of resetting) await reset(id);
}

/** Claims and gives back, but for every eighth, which it holds for a while. */
async function liveAsClient(name: string): Promise<never> {
  const verbs = verbsFor({ name, role: 'USER' });
  let held: Session | undefined;
  for (let turn = 0; ; turn += 1) {
    const idempotencyKey = `${run}-${turn}`;
    const session = await verbs.createSession({ pool: 'cks', idempotencyKey });
    say('claimed', session.id, name, session.clusterId);
    const [goes, stays] = turn % 8 === 7 ? [held, session] : [session, held];
    held = stays;
    if (goes !== undefined) await giveBack(name, goes);
  }
}

say('ready');
await tidyUp();
await Promise.all(Array.from({ length: CLIENTS }, (_, n) => liveAsClient(`client${n}`)));
