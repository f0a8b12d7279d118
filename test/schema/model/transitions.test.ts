import { describe, expect, it } from 'vitest';
import { CLUSTER_TRANSITIONS } from '../../../schema/model/cluster.ts';
import { IMAGE_TRANSITIONS } from '../../../schema/model/image.ts';
import { isUnfinished, JOB_TRANSITIONS } from '../../../schema/model/job.ts';
import {
  isLive,
  LIVE_SESSION_STATUSES,
  SESSION_STATUSES,
  SESSION_TRANSITIONS,
} from '../../../schema/model/session.ts';
import { SNAPSHOT_TRANSITIONS } from '../../../schema/model/snapshot.ts';
import { isFinal, mayMove } from '../../../schema/model/transitions.ts';
import { seeded } from '../../kit/seeded.ts';

type Table = Readonly<Record<string, readonly string[]>>;

const TABLES: [name: string, table: Table, starts: string[], finals: string[]][] = [
  ['cluster', CLUSTER_TRANSITIONS, ['CREATING'], []],
  ['session', SESSION_TRANSITIONS, ['PENDING', 'PROVISIONING', 'RUNNING'], ['COMPLETED', 'FAILED']],
  ['snapshot', SNAPSHOT_TRANSITIONS, ['CREATING'], ['DELETING']],
  ['image', IMAGE_TRANSITIONS, ['CREATING'], ['DELETING']],
  ['job', JOB_TRANSITIONS, ['QUEUED'], ['SUCCEEDED', 'FAILED', 'CANCELLED']],
];

/** All states that a walk from these may come to. */
function reachable(table: Table, starts: readonly string[]): Set<string> {
  const seen = new Set(starts);
  for (const state of seen) for (const next of table[state] ?? []) seen.add(next);
  return seen;
}

describe.each(TABLES)('the life of a %s', (_, table, starts, finals) => {
  it('names only states that there are, and never the same twice', () => {
    for (const [state, next] of Object.entries(table)) {
      expect(next).not.toContain(state);
      expect(new Set(next).size).toBe(next.length);
      for (const each of next) expect(Object.keys(table)).toContain(each);
    }
  });

  it('comes to every state, and ends just where it should', () => {
    expect([...reachable(table, starts)].sort()).toEqual(Object.keys(table).sort());
    expect(Object.keys(table).filter((state) => isFinal(table, state))).toEqual(finals);
  });

  it('ends from wherever it is, if it ends at all', () => {
    for (const state of Object.keys(table)) {
      const ends = [...reachable(table, [state])].some((next) => isFinal(table, next));
      expect(ends).toBe(finals.length > 0);
    }
  });

  it.each([1, 2, 3, 4, 5])('is walked at random by the table alone (seed %i)', (seed) => {
    const random = seeded(seed);
    let state = starts[Math.floor(random() * starts.length)] ?? '';
    for (let step = 0; step < 200 && !isFinal(table, state); step += 1) {
      const next = Object.keys(table)[Math.floor(random() * Object.keys(table).length)] ?? '';
      if (!mayMove(table, state, next)) continue;
      expect(table[state]).toContain(next);
      state = next;
    }
    expect(reachable(table, starts)).toContain(state);
  });
});

describe('what the tables say', () => {
  it('lets a held cluster only be reset', () => {
    expect(CLUSTER_TRANSITIONS.LOCKED).toEqual(['RESETTING']);
  });

  it('never lets a cluster be free that was not made or reset', () => {
    const before = Object.entries(CLUSTER_TRANSITIONS)
      .filter(([, next]) => next.includes('AVAILABLE'))
      .map(([state]) => state);
    expect(before).toEqual(['CREATING', 'RESETTING']);
  });

  it('takes for live what is not final', () => {
    const live = SESSION_STATUSES.filter((status) => isLive({ status }));
    expect(live).toEqual([...LIVE_SESSION_STATUSES]);
    expect(isUnfinished({ status: 'QUEUED' })).toBe(true);
    expect(isUnfinished({ status: 'CANCELLED' })).toBe(false);
  });
});
