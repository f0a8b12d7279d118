import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Intentions } from '../../client/dashboard/intention.ts';
import { CLAIM, EXTEND, SAVE } from '../../client/dashboard/session-actions.ts';

// Under which key something goes out again when its answer was lost.

const CKS = { input: { pool: 'cks' } };

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('a claim without an answer is repeated under its key, until there is one', () => {
  const intentions = new Intentions();
  const first = intentions.begin(CLAIM, CKS);
  expect(JSON.stringify(first)).toMatch(/^{"input":{"pool":"cks","idempotencyKey":"\w{32}"}}$/);
  intentions.lose(CKS, first);
  const second = intentions.begin(CLAIM, CKS);
  expect(second).toEqual(first);
  intentions.lose(CKS, second);
  expect(intentions.begin(CLAIM, CKS)).toEqual(first);
  expect(intentions.begin(CLAIM, CKS)).not.toEqual(first);
});

test('what is answered, or wanted at the same time, is something of its own', () => {
  const intentions = new Intentions();
  expect(intentions.begin(CLAIM, CKS)).not.toEqual(intentions.begin(CLAIM, CKS));
});

test('another wish has another key, and so has the same one long after', () => {
  const intentions = new Intentions();
  const sent = intentions.begin(CLAIM, CKS);
  intentions.lose(CKS, sent);
  const longer = { input: { pool: 'cks', ttlMinutes: 5 } };
  expect(intentions.begin(CLAIM, longer)).not.toMatchObject(sent ?? {});
  vi.advanceTimersByTime(600_000);
  expect(intentions.begin(CLAIM, CKS)).not.toEqual(sent);
});

test('a save has its key beside what it says, and what takes none gets none', () => {
  const intentions = new Intentions();
  const save = { sessionId: 's', name: 'mine' };
  const saved = intentions.begin(SAVE, save);
  expect(saved).toMatchObject(save);
  expect(saved?.['idempotencyKey']).toMatch(/^\w{32}$/);
  const extend = { sessionId: 's', minutes: 5 };
  const sent = intentions.begin(EXTEND, extend);
  expect(sent).toBe(extend);
  intentions.lose(extend, sent);
  expect(intentions.begin(EXTEND, extend)).toBe(extend);
});
