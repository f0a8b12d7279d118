import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../schema/model/refusal.ts';
import { claimsOf, type ClaimCall } from './claims-model.ts';
import { findStuck, type Operation } from './linearizability.ts';

const QUOTA = 2;

type Told = readonly [invoked: number, returned: number, call: ClaimCall];

function findWrong(told: readonly Told[], quota: number | null = QUOTA) {
  const operations = told.map(([invoked, returned, call]): Operation<ClaimCall> => {
    return { invoked, returned, call };
  });
  return findStuck(operations, claimsOf({ quota }));
}

const claim = (id: string, cluster: string | null, owner = id, key: string | null = null) =>
  ({ kind: 'CLAIM', session: { id, owner, key, ttl: 2, cluster } }) as const;
const answer = (id: string, cluster: string | null, key: string | null = null) =>
  ({ kind: 'ANSWER', session: { id, owner: id, key, ttl: 2, cluster } }) as const;
const end = (id: string) => ({ kind: 'END', id }) as const;
const serve = (id: string, cluster: string) => ({ kind: 'SERVE', id, cluster }) as const;
const extend = (id: string, expiresAt: number) => ({ kind: 'EXTEND', id, expiresAt }) as const;
const refused = (owner: string, code: ErrorCode, ttl = 2) =>
  ({ kind: 'CLAIM_REFUSED', asked: { owner, key: 'k', ttl }, code }) as const;

const GOOD: [string, Told[]][] = [
  ['nothing', []],
  [
    'one after the other',
    [
      [1, 2, claim('a', 'x')],
      [3, 4, end('a')],
      [5, 6, claim('b', 'x')],
    ],
  ],
  [
    'a release that is answered after the next claim, at the same time',
    [
      [1, 2, claim('a', 'x')],
      [3, 9, end('a')],
      [4, 5, claim('b', 'x')],
    ],
  ],
  [
    'a queue that is joined at once, and served in an order that was possible',
    [
      [1, 2, claim('a', 'x')],
      [3, 9, claim('b', null)],
      [3, 9, claim('c', null)],
      [10, 11, end('a')],
      [12, 13, serve('c', 'x')],
      [14, 15, end('c')],
      [16, 17, serve('b', 'x')],
    ],
  ],
  [
    'a claim that is repeated with its key, during its life and after it',
    [
      [1, 5, claim('a', 'x', 'ada', 'k')],
      [2, 6, claim('a', 'x', 'ada', 'k')],
      [7, 8, end('a')],
      [9, 10, claim('a', null, 'ada', 'k')],
    ],
  ],
  [
    'a key that is used for something else',
    [
      [1, 2, claim('a', 'x', 'ada', 'k')],
      [3, 4, refused('ada', 'IDEMPOTENCY_CONFLICT', 3)],
    ],
  ],
  [
    'a quota that is reached and then not any more',
    [
      [1, 2, claim('a', 'x', 'ada')],
      [3, 4, claim('b', 'y', 'ada')],
      [5, 6, refused('ada', 'QUOTA_EXCEEDED')],
      [7, 8, end('a')],
      [9, 10, claim('c', 'x', 'ada')],
    ],
  ],
  ['many at once', Array.from({ length: 30 }, (_, n): Told => [1, 100, claim(`s${n}`, `c${n}`)])],
];

const BAD: [string, Told[]][] = [
  [
    'two owners',
    [
      [1, 2, claim('a', 'x')],
      [3, 4, claim('b', 'x')],
    ],
  ],
  [
    'two owners in a race',
    [
      [1, 9, claim('a', 'x')],
      [2, 8, claim('b', 'x')],
    ],
  ],
  [
    'a race in the queue: two are given one cluster',
    [
      [1, 2, claim('a', 'x')],
      [3, 4, claim('b', null)],
      [3, 4, claim('c', null)],
      [5, 9, end('a')],
      [6, 9, serve('b', 'x')],
      [6, 9, serve('c', 'x')],
    ],
  ],
  [
    'a release that was lost',
    [
      [1, 2, claim('a', 'x')],
      [3, 4, end('a')],
      [5, 6, extend('a', 9)],
    ],
  ],
  [
    'overtaking in the queue',
    [
      [1, 2, claim('a', 'x')],
      [3, 4, claim('b', null)],
      [5, 6, claim('c', null)],
      [7, 8, end('a')],
      [9, 10, serve('c', 'x')],
    ],
  ],
  [
    'a newcomer before those who wait',
    [
      [1, 2, claim('a', 'x')],
      [3, 4, claim('b', null)],
      [5, 6, claim('c', 'y')],
    ],
  ],
  [
    'a key that made two',
    [
      [1, 2, claim('a', 'x', 'ada', 'k')],
      [3, 4, claim('b', 'y', 'ada', 'k')],
    ],
  ],
  [
    'a repeat that is refused',
    [
      [1, 2, claim('a', 'x', 'ada', 'k')],
      [3, 4, refused('ada', 'POOL_EXHAUSTED')],
    ],
  ],
  [
    'a quota that is not kept in a race',
    [1, 2, 3].map((n): Told => [1, 9, claim(`s${n}`, `c${n}`, 'ada')]),
  ],
  ['a conflict of a key that was not used', [[1, 2, refused('ada', 'IDEMPOTENCY_CONFLICT')]]],
  ['a quota that is not reached', [[1, 2, refused('ada', 'QUOTA_EXCEEDED')]]],
  [
    'an extension that was lost',
    [
      [1, 2, claim('a', 'x')],
      [3, 4, extend('a', 9)],
      [5, 6, extend('a', 8)],
    ],
  ],
  [
    'the answer of another time',
    [
      [1, 2, claim('a', 'x')],
      [3, 4, answer('a', 'y')],
    ],
  ],
  ['a session out of nothing', [[1, 2, end('a')]]],
];

describe('a history of claims', () => {
  it.each(GOOD)('has an order: %s', (_, told) => {
    expect(findWrong(told)).toBeUndefined();
  });

  it.each(BAD)('has none: %s', (_, told) => {
    expect(findWrong(told)).toBeDefined();
  });

  it('is told up to where it has an order', () => {
    const stuck = findWrong([
      [1, 2, claim('a', 'x')],
      [3, 4, claim('b', 'x')],
    ]);
    expect(stuck).toEqual({ order: [claim('a', 'x')], next: [claim('b', 'x')] });
  });
});
