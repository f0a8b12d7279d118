import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backUp, restore } from '../../db/backup.ts';
import { findPools } from '../../db/cluster-pool.ts';
import { DatabaseUnusable } from '../../db/connection.ts';
import { readStamp, writeStamp } from '../../db/stamp.ts';
import { openStore } from '../../db/store.ts';
import { realWorld } from '../../server/world.ts';
import { FeedClient, stateNow, type Subscription } from '../kit/feed-client.ts';
import { RandomHistory } from '../kit/history.ts';
import { seeded } from '../kit/seeded.ts';
import { ADMIN, openTestStore, viewer, type TestStore } from '../kit/store.ts';

const CHILD = fileURLToPath(new URL('reopening-child.ts', import.meta.url));

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'snapyard-backup-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string) => join(folder, name);

/** A copy as people make it who do not know our command. */
function copyByHand(path: string, file: string): void {
  const raw = new Database(path, { readonly: true });
  raw.prepare('VACUUM INTO ?').run(file);
  raw.close();
}

/** Puts a file in the place of a database as people do, without its -wal and -shm. */
function putByHand(file: string, path: string): void {
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  copyFileSync(file, path);
}

/** Opens a database and closes it; tells what it was. */
async function look(path: string) {
  const store = openStore(path, realWorld());
  const { installation } = store;
  const head = store.head().seq;
  const pools = store.read(findPools).map(({ name }) => name);
  await store.close();
  return { ...installation, head, pools };
}

/** A database with this pool. */
async function make(path: string, name = 'cks'): Promise<void> {
  const kit = openTestStore({ path });
  await kit.addPool({ name }, 1);
  await kit.close();
}

describe('a backup', () => {
  it('is one whole file with an epoch of its own, whether a server runs or not', async () => {
    const kit = openTestStore({ path: at('yard.db') });
    await kit.addPool({}, 1);
    backUp(kit.path, at('live'), kit.world);
    const { id, epoch } = kit.store.installation;
    const { seq } = kit.store.head();
    await kit.close();
    backUp(at('yard.db'), at('stopped'), realWorld());
    expect(readdirSync(folder).filter((name) => /live|stopped/.test(name))).toEqual([
      'live',
      'stopped',
    ]);
    for (const name of ['live', 'stopped']) {
      const copy = await look(at(name));
      expect(copy).toMatchObject({ id, head: seq, pools: ['cks'], wasPutBack: true });
      expect(copy.epoch).not.toBe(epoch);
    }
  });

  it('brings the world of the simulator, and back', async () => {
    await make(at('yard.db'));
    writeFileSync(at('yard.db.simulator'), 'before\n');
    backUp(at('yard.db'), at('copy'), realWorld());
    writeFileSync(at('yard.db.simulator'), 'after\n');
    const aside = restore(at('copy'), at('yard.db'), realWorld());
    expect(readFileSync(at('yard.db.simulator'), 'utf8')).toBe('before\n');
    expect(readFileSync(`${aside}.simulator`, 'utf8')).toBe('after\n');
  });

  it('never writes over a file, and needs a database', async () => {
    await make(at('yard.db'));
    writeFileSync(at('copy'), 'mine');
    expect(() => backUp(at('yard.db'), at('copy'), realWorld())).toThrow('is there already');
    expect(() => backUp(at('none.db'), at('other'), realWorld())).toThrow('no database');
    expect(readFileSync(at('copy'), 'utf8')).toBe('mine');
  });
});

describe('a restore', () => {
  it('keeps the database before it, with what was only in its log', async () => {
    await make(at('yard.db'), 'old');
    backUp(at('yard.db'), at('copy'), realWorld());
    const kit = openTestStore({ path: at('yard.db') });
    await kit.addPool({ name: 'new' });
    // As a killed server leaves it: what came last is in the -wal file alone.
    for (const suffix of ['', '-wal']) {
      copyFileSync(at(`yard.db${suffix}`), at(`killed.db${suffix}`));
    }
    await kit.close();
    const aside = restore(at('copy'), at('killed.db'), realWorld()) ?? '';
    expect((await look(at('killed.db'))).pools).toEqual(['old']);
    expect((await look(aside)).pools.toSorted()).toEqual(['new', 'old']);
  });

  it('is refused while a server uses the database, and when the file is no backup', async () => {
    const kit = openTestStore({ path: at('yard.db') });
    backUp(kit.path, at('copy'), kit.world);
    expect(() => restore(at('copy'), kit.path, kit.world)).toThrow('another server is using');
    await kit.close();
    const before = readFileSync(at('yard.db'));
    writeFileSync(at('text'), 'no database at all, but long enough to look at'.repeat(100));
    new Database(at('other')).exec('CREATE TABLE t (x)').close();
    const whole = readFileSync(at('copy'));
    writeFileSync(at('torn'), whole.subarray(0, whole.length - 20_000));
    for (const name of ['text', 'other', 'torn', 'missing']) {
      expect(() => restore(at(name), at('yard.db'), realWorld())).toThrow(DatabaseUnusable);
    }
    expect(readFileSync(at('yard.db')).equals(before)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes('restoring'))).toEqual([]);
  });

  it('replaces a database that SQLite cannot read, and makes one where there is none', async () => {
    await make(at('yard.db'));
    backUp(at('yard.db'), at('copy'), realWorld());
    writeFileSync(at('yard.db'), 'nothing that SQLite knows');
    expect(existsSync(restore(at('copy'), at('yard.db'), realWorld()) ?? '')).toBe(true);
    expect(restore(at('copy'), at('new/yard.db'), realWorld())).toBeUndefined();
    expect((await look(at('yard.db'))).pools).toEqual(['cks']);
    expect((await look(at('new/yard.db'))).pools).toEqual(['cks']);
  });
});

describe('the epoch', () => {
  it('stays over restarts, and changes when an older file is put back by hand', async () => {
    await make(at('yard.db'));
    copyByHand(at('yard.db'), at('older'));
    const first = await look(at('yard.db'));
    expect(first.wasPutBack).toBe(false);
    const kit = openTestStore({ path: at('yard.db') });
    await kit.addPool({ name: 'new' });
    await kit.close();
    expect((await look(at('yard.db'))).epoch).toBe(first.epoch);
    putByHand(at('older'), at('yard.db'));
    const back = await look(at('yard.db'));
    expect(back).toMatchObject({ id: first.id, head: first.head, wasPutBack: true });
    expect(back.epoch).not.toBe(first.epoch);
    expect((await look(at('yard.db'))).epoch).toBe(back.epoch);
  });

  it('changes when a newer file of the time before a restore is put back', async () => {
    await make(at('yard.db'));
    backUp(at('yard.db'), at('copy'), realWorld());
    const aside = restore(at('copy'), at('yard.db'), realWorld()) ?? '';
    const restored = await look(at('yard.db'));
    putByHand(aside, at('yard.db'));
    const back = await look(at('yard.db'));
    expect(back.wasPutBack).toBe(true);
    expect(back.epoch).not.toBe(restored.epoch);
  });

  it('changes when a whole folder is put back, or a file is taken elsewhere', async () => {
    await make(at('yard.db'));
    const { epoch } = await look(at('yard.db'));
    for (const name of ['yard.db', 'yard.db.stamp']) {
      copyFileSync(at(name), at(name.replace('yard', 'folder')));
    }
    copyFileSync(at('yard.db'), at('alone.db'));
    expect((await look(at('folder.db'))).epoch).not.toBe(epoch);
    expect((await look(at('alone.db'))).epoch).not.toBe(epoch);
  });

  it('changes for a copy of the present run, once the stamp has passed it', async () => {
    const kit = openTestStore({ path: at('yard.db') });
    const { epoch } = kit.store.installation;
    await kit.addPool({ name: 'one' });
    copyByHand(kit.path, at('copy'));
    await kit.addPool({ name: 'two' });
    await kit.world.advance(60_000);
    await kit.addPool({ name: 'three' });
    // As after a kill: the stamp is what the minute has left, not what a stop leaves.
    const stamp = readStamp(kit.path);
    if (stamp !== undefined) writeStamp(at('copy'), stamp);
    expect(stamp).toEqual({ epoch, head: kit.store.head().seq });
    expect((await look(at('copy'))).epoch).not.toBe(epoch);
    await kit.close();
  });
});

/** Lets a child work, kills it after a while, and answers how many rounds it had done. */
async function liveAndDie(args: readonly string[], afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let rounds = 0;
  let complained = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (rounds === 0) setTimeout(() => child.kill('SIGKILL'), afterMs);
    rounds += text.split('\n').length - 1;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained += text;
  });
  const signal = await new Promise((resolve) => child.on('close', (_code, by) => resolve(by)));
  expect({ signal, complained }).toEqual({ signal: 'SIGKILL', complained: '' });
  return rounds;
}

const SEED = 20_261_121;
const KILLS = 3;

describe(`kill -9 (seed ${SEED})`, () => {
  it('while a database is opened and closed never changes its epoch', async () => {
    const random = seeded(SEED);
    await make(at('yard.db'));
    const { epoch } = await look(at('yard.db'));
    for (let kill = 0; kill < KILLS; kill += 1) {
      await liveAndDie(['reopen', at('yard.db')], random() * 60);
      expect((await look(at('yard.db'))).epoch).toBe(epoch);
    }
  });

  it('while a copy is put back leaves the one or the other, whole', async () => {
    const random = seeded(SEED);
    for (const name of ['a', 'b']) {
      await make(at(`${name}.db`), name);
      backUp(at(`${name}.db`), at(name), realWorld());
    }
    const epochs = new Set<string>();
    for (let kill = 0; kill < KILLS; kill += 1) {
      await liveAndDie(['restore', at('yard.db'), at('a'), at('b')], random() * 60);
      const found = await look(at('yard.db'));
      expect(['a', 'b']).toContain(found.pools.join());
      epochs.add(found.epoch);
    }
    expect(epochs.size).toBe(KILLS);
  });
});

/** A copy of a database, and where its log ended. */
interface Copy {
  readonly file: string;
  readonly head: number;
  readonly how: 'COMMAND' | 'HAND';
}

/** A server with readers whose database is copied, put back, restarted and killed at random. */
class Fate {
  readonly copies: Copy[] = [];
  readonly clients: { client: FeedClient; subscription: Subscription }[] = [];
  putBack = 0;
  #kit: TestStore;
  #lives = 0;
  readonly #random: () => number;
  readonly #dead: TestStore[] = [];

  constructor(random: () => number, seed: number) {
    this.#random = random;
    this.#kit = openTestStore({ path: this.#nextPath(), seed });
    for (const who of [ADMIN, viewer('ada'), viewer('watcher', 'VIEWER')]) {
      const subscription = { viewer: who };
      this.clients.push({ client: new FeedClient(this.#kit, subscription), subscription });
    }
  }

  get kit(): TestStore {
    return this.#kit;
  }

  connect(): void {
    for (const { client } of this.clients) client.connect(this.#kit);
  }

  copy(): void {
    const how = this.#random() < 0.5 ? 'COMMAND' : 'HAND';
    const copy = { file: at(`copy-${this.copies.length}`), head: this.#kit.store.head().seq, how };
    if (how === 'COMMAND') backUp(this.#kit.path, copy.file, this.#kit.world);
    else copyByHand(this.#kit.path, copy.file);
    this.copies.push(copy as Copy);
  }

  /** Ends the server, perhaps puts a copy back, and starts it; each reader then goes on. */
  async interrupt(): Promise<void> {
    const before = this.#kit.store.installation;
    const head = this.#kit.store.head().seq;
    for (const { client } of this.clients) await this.#kit.done(client.drop());
    const path = await this.#end();
    const copy = this.copies[Math.floor(this.#random() * this.copies.length * 2)];
    const isBack = copy !== undefined && this.#putBack(copy, path);
    const { world } = this.#kit;
    this.#kit = openTestStore({ path, world });
    const { id, epoch, wasPutBack } = this.#kit.store.installation;
    const changes = isBack && (copy.how === 'COMMAND' || copy.head < head);
    expect({ id, wasPutBack }).toEqual({ id: before.id, wasPutBack: changes });
    expect(epoch === before.epoch).toBe(!changes);
    await this.#expectResyncs(changes);
  }

  async close(): Promise<void> {
    for (const { client } of this.clients) await this.#kit.done(client.drop());
    for (const kit of [this.#kit, ...this.#dead]) await kit.close();
  }

  /** Answers where the database is that the next one opens: after a kill, what a kill leaves. */
  async #end(): Promise<string> {
    const { path, store, hub, world } = this.#kit;
    if (this.#random() < 0.5) {
      hub.close();
      await world.settle();
      await store.close();
      return path;
    }
    this.#dead.push(this.#kit);
    const left = this.#nextPath();
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, left + suffix);
    const stamp = readStamp(path);
    if (stamp !== undefined) writeStamp(left, stamp);
    return left;
  }

  /** Puts it back; not a copy by hand of the last minute before a kill, which nothing can tell. */
  #putBack(copy: Copy, path: string): boolean {
    const isTooNew = copy.head >= (readStamp(path)?.head ?? 0);
    if (copy.how === 'COMMAND') restore(copy.file, path, this.#kit.world);
    else if (!isTooNew) putByHand(copy.file, path);
    const isBack = copy.how === 'COMMAND' || !isTooNew;
    this.putBack += isBack ? 1 : 0;
    return isBack;
  }

  async #expectResyncs(due: boolean): Promise<void> {
    const places = this.clients.map(({ client }) => ({
      client,
      from: client.messages.length,
      resumes: client.cursor !== undefined,
    }));
    this.connect();
    await this.#kit.world.settle();
    for (const { client, from, resumes } of places) {
      const [first] = client.messages.slice(from);
      const isForeign = first?.kind === 'RESYNC' && first.reason === 'FOREIGN_EPOCH';
      expect(isForeign).toBe(due && resumes);
    }
  }

  #nextPath(): string {
    this.#lives += 1;
    return at(`life-${this.#lives}.db`);
  }
}

describe('a random fate', () => {
  it.each([1, 2, 3, 4])('leaves no reader with a wrong state (seed %i)', async (seed) => {
    const random = seeded(seed);
    const fate = new Fate(random, seed);
    await fate.kit.addPool({ size: 4 }, 3);
    fate.connect();
    for (let step = 0; step < 60; step += 1) {
      await new RandomHistory(random).step(fate.kit);
      await fate.kit.world.advance(Math.floor(random() * 20_000));
      if (random() < 0.25) fate.copy();
      if (random() < 0.15) await fate.interrupt();
    }
    await fate.kit.world.advance(2_000);
    for (const { client, subscription } of fate.clients) {
      expect(client.violations).toEqual([]);
      expect(client.error).toBeUndefined();
      expect(client.state).toEqual(await stateNow(fate.kit, subscription));
    }
    expect(fate.putBack).toBeGreaterThan(0);
    await fate.close();
  });
});
