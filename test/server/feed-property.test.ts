import { afterEach, describe, expect, it } from 'vitest';
import { trimmedUpTo } from '../../db/change.ts';
import type { FeedMessage } from '../../schema/context.ts';
import type { Change } from '../../schema/model/change.ts';
import type { Cursor } from '../../schema/model/cursor.ts';
import { FeedClient, stateNow, type Subscription } from '../kit/feed-client.ts';
import { PEOPLE, RandomHistory } from '../kit/history.ts';
import { seeded } from '../kit/seeded.ts';
import { ADMIN, openTestStore, viewer, type TestStore } from '../kit/store.ts';

/**
 * Random histories under readers that drop, resume, pause and outlive the server. Whatever
 * happens, each message must hold just what the log has between it and the one before, and when
 * all is quiet each reader must hold the state. A failing seed is printed with its test.
 */
const STEPS = 60;
const SEEDS = Array.from({ length: 12 }, (_, n) => n + 1);

let kit: TestStore | undefined;

afterEach(async () => {
  await kit?.close();
  kit = undefined;
});

/** Whether a row is for a reader: told anew here, not as the feed decides it. */
function isFor(change: Change, { viewer: who, filter = {} }: Subscription): boolean {
  const mine = change.type !== 'SESSION' || who.role === 'ADMIN' || change.owner === who.name;
  return (
    mine &&
    (who.role !== 'VIEWER' || change.type !== 'SESSION') &&
    (filter.poolId ?? change.poolId) === change.poolId &&
    (filter.types?.includes(change.type) ?? true)
  );
}

/** What is wrong with a reader's messages, against the whole log. */
function findFaults(
  messages: readonly FeedMessage[],
  log: readonly Change[],
  subscription: Subscription,
): string[] {
  const faults: string[] = [];
  for (const message of messages) {
    const { kind, cursor, prev } = message;
    const isEnd = log.find(({ seq }) => seq === cursor.seq)?.tx;
    if (isEnd !== undefined && log.some(({ seq, tx }) => seq > cursor.seq && tx === isEnd)) {
      faults.push(`${kind} at ${cursor.seq} stands within a verb`);
    }
    if (kind === 'RESYNC' || kind === 'STATE' || prev === null) continue;
    const told = kind === 'CHANGES' ? message.changes.map(({ seq }) => seq) : [];
    const due = log
      .filter(({ seq }) => seq > prev.seq && seq <= cursor.seq)
      .filter((change) => isFor(change, subscription))
      .map(({ seq }) => seq);
    if (told.join() !== due.join())
      faults.push(`${kind} ${cursor.seq}: ${told.join()} instead of ${due.join()}`);
  }
  return faults;
}

/** Resyncs that were due, because the cursor had been trimmed, and did not come. */
function findResyncFaults(firsts: readonly { due: boolean; message: FeedMessage | undefined }[]) {
  return firsts.filter(
    ({ due, message }) => due && !(message?.kind === 'RESYNC' && message.reason === 'TRIMMED'),
  );
}

class Readers {
  readonly all: { client: FeedClient; subscription: Subscription }[];
  readonly firsts: { due: boolean; at: number; client: FeedClient }[] = [];
  readonly #random: () => number;

  constructor(kit: TestStore, subscriptions: readonly Subscription[], random: () => number) {
    this.#random = random;
    this.all = subscriptions.map((subscription) => ({
      client: new FeedClient(kit, subscription),
      subscription,
    }));
  }

  /** Something happens to one reader. */
  async disturb(kit: TestStore): Promise<void> {
    const { client } = this.all[Math.floor(this.#random() * this.all.length)] ?? {};
    if (client === undefined) return;
    const what = this.#random();
    if (!client.isConnected) this.connect(kit, client);
    else if (what < 0.4) await kit.done(client.drop());
    else if (what < 0.7) client.isPaused = true;
    else client.unpause();
  }

  connect(kit: TestStore, client: FeedClient): void {
    const due = client.cursor !== undefined && isTrimmed(kit, client.cursor);
    this.firsts.push({ due, at: client.messages.length, client });
    client.connect(kit);
  }

  async drop(kit: TestStore): Promise<void> {
    for (const { client } of this.all) await kit.done(client.drop());
  }

  async calm(kit: TestStore): Promise<void> {
    for (const { client } of this.all) {
      client.unpause();
      if (!client.isConnected) this.connect(kit, client);
    }
    await kit.world.advance(1_000);
  }
}

function isTrimmed(kit: TestStore, cursor: Cursor): boolean {
  return kit.store.read(trimmedUpTo) > cursor.seq;
}

function subscriptionsTo(poolId: string): Subscription[] {
  const [ada = '', ben = '', cyd = ''] = PEOPLE;
  return [
    { viewer: ADMIN },
    { viewer: ADMIN, filter: { poolId } },
    { viewer: viewer(ada) },
    { viewer: viewer(ben), filter: { types: ['SESSION', 'CLUSTER'] } },
    { viewer: viewer(cyd), filter: { poolId, types: ['SESSION', 'JOB', 'SNAPSHOT'] } },
    { viewer: viewer('watcher', 'VIEWER') },
  ];
}

async function restart(old: TestStore): Promise<TestStore> {
  old.hub.close();
  await old.world.settle();
  await old.store.close();
  return openTestStore({ path: old.path, world: old.world });
}

async function play(seed: number, withTrimming: boolean): Promise<void> {
  const random = seeded(seed);
  kit = openTestStore({ seed });
  const first = kit;
  const pool = await kit.addPool({ size: 4 }, 3);
  const history = new RandomHistory(random);
  const readers = new Readers(kit, subscriptionsTo(pool.id), random);
  for (let step = 0; step < STEPS; step += 1) {
    await history.step(kit);
    if (random() < 0.6) await readers.disturb(kit);
    if (withTrimming && random() < 0.1) await history.trim(kit);
    if (withTrimming && random() < 0.03) {
      await readers.drop(kit);
      kit = await restart(kit);
    }
    await kit.world.advance(Math.floor(random() * 400));
  }
  await readers.calm(kit);
  for (const { client, subscription } of readers.all) {
    expect(client.violations).toEqual([]);
    expect(client.error).toBeUndefined();
    expect(findFaults(client.messages, history.log, subscription)).toEqual([]);
    expect(client.state).toEqual(await stateNow(kit, subscription));
  }
  const firsts = readers.firsts.map(({ due, at, client }) => ({
    due,
    message: client.messages[at],
  }));
  expect(findResyncFaults(firsts)).toEqual([]);
  if (!withTrimming) {
    const resyncs = readers.all.flatMap(({ client }) =>
      client.messages.filter(({ kind }) => kind === 'RESYNC'),
    );
    expect(resyncs).toEqual([]);
  }
  await readers.drop(kit);
  if (first !== kit) await first.close();
}

describe('a random history', () => {
  it.each(SEEDS)('is told without loss (seed %i)', (seed) => play(seed, false));

  it.each(SEEDS)('is told or resynced, trimmed and restarted (seed %i)', (seed) =>
    play(seed + 1_000, true),
  );
});
