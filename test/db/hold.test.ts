import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCluster } from '../../db/cluster.ts';
import { openTestStore, viewer, type TestStore } from '../kit/store.ts';

let kit: TestStore;

beforeEach(() => {
  kit = openTestStore();
});
afterEach(() => kit.close());

describe('a cluster', () => {
  const claim = () => kit.done(kit.verbs(viewer('alice')).createSession({ pool: 'cks' }));

  /** Writes past all our code, as a bug or a hand at the database would. */
  function write(statement: string, ...values: unknown[]): () => void {
    return () => {
      const raw = new Database(kit.path);
      try {
        raw.prepare(statement).run(...values);
      } finally {
        raw.close();
      }
    };
  }

  it('cannot have a second live session, whatever writes it', async () => {
    await kit.addPool({}, 2);
    const [first, second] = [await claim(), await claim()];
    const move = write(
      'UPDATE sessions SET cluster_id = ? WHERE id = ?',
      first.clusterId,
      second.id,
    );
    expect(move).toThrow('UNIQUE constraint failed: sessions.cluster_id');
    const copy = write(
      `INSERT INTO sessions (id, owner, pool_id, status, cluster_id, ttl_minutes, created_at)
        SELECT 'thief', 'bob', pool_id, 'RUNNING', cluster_id, 1, 1 FROM sessions WHERE id = ?`,
      first.id,
    );
    expect(copy).toThrow('UNIQUE constraint failed: sessions.cluster_id');
    const share = write(
      'UPDATE clusters SET session_id = ? WHERE id = ?',
      first.id,
      second.clusterId,
    );
    expect(share).toThrow('UNIQUE constraint failed: clusters.session_id');
  });

  it('can have one again when the last has ended', async () => {
    await kit.addPool({}, 1);
    const session = await claim();
    await kit.done(kit.verbs(viewer('alice')).releaseSession(session.id));
    const move = write(
      "UPDATE clusters SET status = 'AVAILABLE' WHERE id = ?",
      session.lastClusterId,
    );
    move();
    expect((await claim()).clusterId).toBe(session.lastClusterId);
    const cluster = kit.store.read((db) => findCluster(db, session.lastClusterId ?? ''));
    expect(cluster?.fence).toBeGreaterThan(1);
  });
});
