import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { documentCache } from '../../server/http/document-cache.ts';

const DOCUMENT = parse('{ __typename }');

test('documents are kept by their text', () => {
  const cache = documentCache();
  expect(cache.get('a')).toBeUndefined();
  cache.set('a', DOCUMENT);
  expect(cache.get('a')).toBe(DOCUMENT);
});

test('the cache is bounded, and the document used longest ago goes first', () => {
  const cache = documentCache();
  for (let i = 0; i < 256; i += 1) cache.set(`d${i}`, DOCUMENT);
  cache.get('d0');
  cache.set('one more', DOCUMENT);
  const kept = ['d0', 'd1', 'd2', 'd255', 'one more'].filter((text) => cache.get(text));
  expect(kept).toEqual(['d0', 'd2', 'd255', 'one more']);
});

test('a large document is not kept', () => {
  const cache = documentCache();
  const large = `{ __typename } #${'x'.repeat(20_000)}`;
  cache.set(large, DOCUMENT);
  expect(cache.get(large)).toBeUndefined();
});
