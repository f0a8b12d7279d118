import { expect, it, vi } from 'vitest';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { openStore } from '../../db/store.ts';
import { parseCursor } from '../../schema/model/cursor.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { realWorld } from '../../server/world.ts';
import { History } from '../feed/ledger.ts';
import { readEverything } from '../feed/things.ts';
import type { Wanted } from '../feed/question.ts';
import type { Transport } from '../feed/wire/wire.ts';
import { WireReader } from '../feed/wire/wire-reader.ts';
import { until, WiredServer } from '../feed/wire/wired-server.ts';
import { Writer } from '../feed/wire/writer.ts';
import { seedsOf } from '../kit/campaign.ts';
import { PEOPLE } from '../kit/history.ts';
import { seeded } from '../kit/seeded.ts';

/**
 * Real readers, over WebSocket and server-sent events, of a real server: lines break, sockets are
 * not read, the server is killed. Afterwards what each was told is compared with the log.
 */

vi.setConfig({ testTimeout: 3_600_000 });

/** How much happens. */
interface Size {
  readonly changes: number;
  readonly drops: number;
  readonly kills: number;
}

const world = realWorld();
const { all: campaign, seeds } = seedsOf('feed', 1);
const FULL: Size = { changes: 10_000, drops: 100, kills: 20 };
const SMALL: Size = { changes: 300, drops: 8, kills: 1 };
/** Alone the big run; with several seeds as many smaller ones. */
const size = campaign && seeds.length === 1 ? FULL : SMALL;

class Scene {
  readonly server = new WiredServer(world);
  readonly readers: WireReader[] = [];
  readonly writers: Writer[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  read(viewer: Viewer, token: string, transport: Transport, wanted: Wanted = {}): WireReader {
    const place = { origin: () => this.server.origin, world };
    const reader = new WireReader(place, { viewer, token, transport, wanted });
    this.readers.push(reader);
    reader.connect();
    return reader;
  }

  /** Two or three of each kind, so that they are told together. */
  populate(): void {
    for (const [n, name] of PEOPLE.entries()) {
      const token = this.server.token(name, 'USER');
      this.read({ name, role: 'USER' }, token, n % 2 === 0 ? 'WS' : 'SSE');
      for (const part of ['a', 'b']) {
        const writing = { origin: () => this.server.origin, token, world, restMs: 2 };
        this.writers.push(new Writer(`${name}-${part}`, writing));
      }
    }
    const admin = this.server.token('root', 'ADMIN');
    const watcher = this.server.token('watcher', 'VIEWER');
    for (const transport of ['WS', 'SSE', 'WS'] as const) {
      this.read({ name: 'root', role: 'ADMIN' }, admin, transport);
      this.read({ name: 'watcher', role: 'VIEWER' }, watcher, transport, { types: ['CLUSTER'] });
    }
  }

  some(): WireReader | undefined {
    return this.readers[Math.floor(this.#random() * this.readers.length)];
  }

  /** How far the readers have come. */
  head(): number {
    const seqs = this.readers.map(({ after }) => parseCursor(after ?? '')?.seq ?? 0);
    return Math.max(...seqs);
  }

  async close(): Promise<void> {
    for (const writer of this.writers) writer.stop();
    for (const reader of this.readers) reader.leave();
    await this.server.close();
  }
}

/** Breaks lines and kills the server, evenly over the changes that are to come. */
async function disturb(scene: Scene, { changes, drops, kills }: Size, random: () => number) {
  const first = scene.head();
  for (let n = 1; n <= drops; n += 1) {
    const upTo = first + Math.floor((changes * n) / drops);
    await until(world, () => scene.head() >= upTo, `${upTo} changes are told`);
    const what = random();
    const reader = scene.some();
    if (what < 0.3) {
      reader?.pause();
      await world.sleep(random() * 200);
      reader?.resume();
    }
    reader?.drop();
    if (Math.floor((n * kills) / drops) === Math.floor(((n - 1) * kills) / drops)) continue;
    await world.sleep(random() * 50);
    await scene.server.process.kill();
    await scene.server.process.start();
  }
}

const REST = '{ cursor clusterPool(name: "cks") { stats { totalClusters availableClusters } } }';

interface Rest {
  readonly cursor: string;
  readonly clusterPool: {
    readonly stats: { readonly totalClusters: number; readonly availableClusters: number };
  };
}

/** Waits until nothing is under way and all readers have been told of everything. */
async function rested(scene: Scene, token: string): Promise<void> {
  await until(
    world,
    async () => {
      const { cursor, clusterPool } = (await scene.server.ask(REST, token)) as Rest;
      const { totalClusters, availableClusters } = clusterPool.stats;
      const isAtRest = totalClusters === availableClusters;
      return isAtRest && scene.readers.every(({ after }) => after === cursor);
    },
    'everybody is level',
  );
}

/** What is wrong with what was told and acknowledged, by the database that is left. */
async function wrongAtEnd(scene: Scene): Promise<string[]> {
  const store = openStore(scene.server.process.db, world);
  try {
    const history = new History(store.installation.epoch);
    store.read((db) => history.begin(db));
    const now = store.read(readEverything);
    const poolId = store.read((db) => findPoolByName(db, 'cks'))?.id;
    const told = scene.readers.flatMap((reader) =>
      reader.wrongAtEnd(
        history,
        now,
        reader.reading.wanted.pool === undefined ? undefined : poolId,
      ),
    );
    const acknowledged = scene.writers.flatMap((writer) => writer.acknowledged);
    const lost = acknowledged.filter((id) => !now.has(id)).map((id) => `W1: ${id} is lost`);
    return [...told, ...lost];
  } finally {
    await store.close();
  }
}

function report(scene: Scene, { drops, kills }: Size, seed: number): void {
  const counts = scene.readers.map(({ messages }) => messages.length);
  const messages = counts.reduce((sum, one) => sum + one, 0);
  console.info(
    `seed ${seed}: ${scene.head()} changes, ${scene.readers.length} readers, ${drops} drops, ` +
      `${kills} kills, ${messages} messages`,
  );
}

it.each(seeds)(`loses nothing: ${JSON.stringify(size)} (seed %i)`, async (seed) => {
  const random = seeded(seed);
  const scene = new Scene(random);
  const admin = scene.server.token('asker', 'ADMIN');
  try {
    await scene.server.start(6);
    scene.populate();
    await until(
      world,
      () => scene.readers.every(({ after }) => after !== undefined),
      'all have a state',
    );
    const writing = Promise.all(scene.writers.map((writer) => writer.run()));
    await disturb(scene, size, random);
    for (const writer of scene.writers) writer.stop();
    await writing;
    await rested(scene, admin);
    report(scene, size, seed);
    for (const reader of scene.readers) reader.leave();
    await scene.server.process.stop();
    expect((await wrongAtEnd(scene)).slice(0, 10)).toEqual([]);
    expect(scene.readers.flatMap(({ refusals }) => refusals)).toEqual([]);
    expect(scene.server.process.log()).not.toMatch(/"level":(50|60)/);
  } finally {
    await scene.close();
  }
});

it('tells nothing more to a token that was revoked, over both', async () => {
  const scene = new Scene(seeded(1));
  try {
    const token = scene.server.token('leaver', 'VIEWER');
    const admin = scene.server.token('root', 'ADMIN');
    await scene.server.start(6);
    const leaver = { name: 'leaver', role: 'VIEWER' } as const;
    const [socket, events] = [scene.read(leaver, token, 'WS'), scene.read(leaver, token, 'SSE')];
    await until(
      world,
      () => scene.readers.every(({ after }) => after !== undefined),
      'both are told',
    );
    scene.server.revoke('leaver');
    await until(world, () => socket.codes.includes(4403), 'the socket is closed');
    await until(world, () => events.refusals.length > 0, 'the events end');
    expect(events.refusals[0]).toMatch(/no longer good|token/);
    // Neither is let in again, with its cursor or without.
    const told = [socket.messages.length, events.messages.length];
    await scene.server.ask('{ cursor }', admin);
    await until(
      world,
      () => socket.codes.filter((code) => code === 4403).length > 2,
      'it has come again',
    );
    expect([socket.messages.length, events.messages.length]).toEqual(told);
    for (const reader of scene.readers) reader.leave();
    await scene.server.process.stop();
  } finally {
    await scene.close();
  }
});
