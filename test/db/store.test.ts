import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lastSeq } from '../../db/change.ts';
import { findPoolByName, updatePool } from '../../db/cluster-pool.ts';
import type { ReadLine } from '../../db/readers.ts';
import { openStore } from '../../db/store.ts';
import { openTestStore, type TestStore } from '../kit/store.ts';

let kit: TestStore;
const WHY = { cause: 'ADMIN' } as const;

beforeEach(() => {
  kit = openTestStore();
});
afterEach(() => kit.close());

const sizeOf = (name: string) => kit.store.read((db) => findPoolByName(db, name)?.size);

describe('transact', () => {
  it('commits the bodies of one turn together, and each as a whole', async () => {
    const pool = await kit.addPool({});
    const commits: number[] = [];
    const stop = kit.store.onCommit(() => commits.push(kit.store.head().seq));
    const resize = (size: number) =>
      kit.store.transact((tx) => updatePool(tx, pool.id, { size }, WHY).size);
    const both = Promise.all([resize(4), resize(5)]);
    expect(sizeOf('cks')).toBe(3);
    expect(await kit.done(both)).toEqual([4, 5]);
    expect(commits).toHaveLength(1);
    expect(sizeOf('cks')).toBe(5);
    stop();
  });

  it('lets one body fail without sinking those beside it', async () => {
    const pool = await kit.addPool({});
    const before = kit.store.head().seq;
    const results = await kit.done(
      Promise.allSettled([
        kit.store.transact((tx) => updatePool(tx, pool.id, { maxWaitSeconds: 1 }, WHY)),
        kit.store.transact((tx) => {
          updatePool(tx, pool.id, { size: 77 }, WHY);
          throw new Error('no');
        }),
        kit.store.transact((tx) => updatePool(tx, pool.id, { sessionTtlMinutes: 7 }, WHY)),
      ]),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const found = kit.store.read((db) => findPoolByName(db, 'cks'));
    expect(found).toMatchObject({ size: 3, maxWaitSeconds: 1, sessionTtlMinutes: 7 });
    expect(kit.store.head().seq).toBe(before + 2);
  });

  it('resolves only after its commit, which nobody sees before', async () => {
    const pool = await kit.addPool({});
    const seen: (number | undefined)[] = [];
    const lease = await kit.done(kit.store.lease());
    const resized = kit.store.transact((tx) => {
      updatePool(tx, pool.id, { size: 4 }, WHY);
      seen.push(sizeOf('cks'), findPoolByName(lease.db, 'cks')?.size);
    });
    void resized.then(() => seen.push(sizeOf('cks')));
    await kit.done(resized);
    expect(seen).toEqual([3, 3, 4]);
    expect(findPoolByName(lease.db, 'cks')?.size).toBe(3);
    lease.release();
  });

  it('refuses everything when the commit itself fails', async () => {
    const pool = await kit.addPool({});
    const other = new Database(kit.path);
    other.pragma('busy_timeout = 0');
    other.exec(
      "CREATE TRIGGER no_more BEFORE UPDATE ON pools BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
    );
    const settled = await kit.done(
      Promise.allSettled([
        kit.store.transact((tx) => lastSeq(tx.db)),
        kit.store.transact((tx) => updatePool(tx, pool.id, { size: 4 }, WHY)),
        kit.store.transact((tx) => lastSeq(tx.db)),
      ]),
    );
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    other.exec('DROP TRIGGER no_more');
    other.close();
    expect(sizeOf('cks')).toBe(3);
    await kit.transact((tx) => updatePool(tx, pool.id, { size: 4 }, WHY));
    expect(sizeOf('cks')).toBe(4);
  });
});

describe('a database', () => {
  it('has one owner: a second is refused with one line, and changes nothing', () => {
    expect(() => openStore(kit.path, kit.world)).toThrow(
      `another server is using the database ${kit.path}`,
    );
  });

  it.each(['/dev/null/snapyard.db', '/proc/snapyard.db'])('cannot be made at %s', (path) => {
    expect(() => openStore(path, kit.world)).toThrow(`the database ${path} cannot be opened: `);
  });

  it('is free again when its owner has closed it, and is the same history', async () => {
    await kit.addPool({});
    const { path, world } = kit;
    const { installation } = kit.store;
    const head = kit.store.head();
    await kit.store.close();
    const again = openStore(path, world);
    expect(again.installation).toMatchObject(installation);
    expect(again.head()).toEqual(head);
    await again.close();
  });

  it('commits what is queued when it closes, and refuses what comes later', async () => {
    const pool = await kit.addPool({});
    const resized = kit.store.transact((tx) => updatePool(tx, pool.id, { size: 4 }, WHY).size);
    await kit.store.close();
    expect(await resized).toBe(4);
    await expect(kit.store.transact(() => 1)).rejects.toThrow('the database is closed');
    await expect(kit.store.lease()).rejects.toThrow('the database is closed');
    expect(existsSync(kit.path)).toBe(true);
  });
});

describe('leases', () => {
  it('end by themselves, so that nobody holds the log back', async () => {
    const lease = await kit.done(kit.store.lease());
    await kit.world.advance(4_999);
    expect(lease.isOpen).toBe(true);
    await kit.world.advance(1);
    expect(lease.isOpen).toBe(false);
    expect(() => lease.db).toThrow('has ended');
  });

  it('are eight; the ninth waits for the first that comes back', async () => {
    const held = await kit.done(Promise.all(Array.from({ length: 8 }, () => kit.store.lease())));
    let ninth = false;
    const waiting = kit.store.lease().then((lease) => {
      ninth = true;
      return lease;
    });
    await kit.world.settle();
    expect(ninth).toBe(false);
    held[3]?.release();
    const lease = await kit.done(waiting);
    for (const one of [...held, lease]) one.release();
  });

  it('are given in turn to those who ask and to the feed, which is never refused one', async () => {
    const held = await kit.done(Promise.all(Array.from({ length: 8 }, () => kit.store.lease())));
    const served: string[] = [];
    const waitIn = async (line: ReadLine) => {
      const lease = await kit.store.lease(undefined, line);
      served.push(line);
      lease.release();
    };
    const feed = Array.from({ length: 2_500 }, () => waitIn('FEED'));
    const requests = Array.from({ length: 2_000 }, () => waitIn('REQUEST'));
    await expect(waitIn('REQUEST')).rejects.toThrow('too many reads are waiting');
    held[0]?.release();
    await kit.done(Promise.all([...feed, ...requests]));
    for (const one of held) one.release();
    expect(served.slice(0, 4)).toEqual(['REQUEST', 'FEED', 'REQUEST', 'FEED']);
    expect(served.slice(0, 4_000).filter((line) => line === 'FEED')).toHaveLength(2_000);
    expect(served).toHaveLength(4_500);
  });

  it('that wait are refused when the database closes', async () => {
    const held = Array.from({ length: 8 }, () => kit.store.lease());
    await kit.done(Promise.all(held));
    const waiting = kit.store.lease();
    const refused = expect(waiting).rejects.toThrow('the database is closed');
    await kit.store.close();
    await refused;
  });
});
