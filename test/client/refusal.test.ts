import { CombinedError } from '@urql/core';
import { expect, test } from 'vitest';
import { type Answers, whyNot } from '../../client/dashboard/refusal.tsx';

function answered(answer: Answers[string]) {
  return whyNot({ data: { createSession: answer }, error: undefined });
}

test('what was done needs no words', () => {
  expect(answered({ __typename: 'Session' })).toBeNull();
});

test('a refusal is a sentence', () => {
  const refusal = { __typename: 'PoolExhausted', message: 'no available clusters in pool' };
  expect(answered(refusal)).toBe('No available clusters in pool.');
  expect(answered({ ...refusal, retryAfterMs: null })).toBe('No available clusters in pool.');
  expect(answered({ ...refusal, retryAfterMs: 1_200 })).toBe(
    'No available clusters in pool. Try again in 2 s.',
  );
});

test('a refusal of a kind that came later is told by its message', () => {
  expect(answered({ __typename: 'OnFire', message: 'the pool is on fire!' })).toBe(
    'The pool is on fire!',
  );
});

test('errors are sentences too', () => {
  const forbidden = new CombinedError({ graphQLErrors: ['this needs the role USER'] });
  expect(whyNot({ data: undefined, error: forbidden })).toBe('This needs the role USER.');
  const broken = new CombinedError({ networkError: new Error('Failed to fetch') });
  expect(whyNot({ data: undefined, error: broken })).toBe(
    'The server did not answer (Failed to fetch).',
  );
});
