import { expect, test } from 'vitest';
import { type Chain, extend, FROM_THE_STATE, goingOn, type Link } from '../../client/chain.ts';
import { bookmark, changes, firstPart, resync, state } from './messages.ts';

/** Takes in messages that have to fit. */
function readAll(chain: Chain, ...messages: Link[]): Chain {
  return messages.reduce((so, message) => {
    const next = extend(so, message);
    if (next === 'GAP') throw new Error(`gap before ${JSON.stringify(message)}`);
    return next;
  }, chain);
}

const LEVEL = readAll(FROM_THE_STATE, state(null, 'e-5'));

test.each<[string, Chain, Link]>([
  ['changes that skip some', LEVEL, changes('e-6', 'e-7')],
  ['changes that come twice', readAll(LEVEL, changes('e-5', 'e-6')), changes('e-5', 'e-6')],
  ['a bookmark that skips some', LEVEL, bookmark('e-7', 'e-7')],
  ['a state in the middle that skips some', LEVEL, state(null, 'e-9')],
  ['changes before any state', FROM_THE_STATE, changes(null, 'e-1')],
  ['a bookmark before any state', FROM_THE_STATE, bookmark(null, 'e-1')],
  [
    'changes in the middle of a state',
    readAll(FROM_THE_STATE, firstPart(null, 'e-5')),
    changes('e-5', 'e-6'),
  ],
])('%s are a gap', (_what, chain, message) => {
  expect(extend(chain, message)).toBe('GAP');
});

test('a stream goes on from the last whole message', () => {
  expect(readAll(LEVEL, changes('e-5', 'e-6'), bookmark('e-6', 'e-9')).cursor).toBe('e-9');
  expect(readAll(FROM_THE_STATE, firstPart(null, 'e-5')).cursor).toBeNull();
  expect(readAll(LEVEL, resync('e-5', 'f-1'), firstPart('f-1', 'f-1')).cursor).toBe('e-5');
  const resynced = readAll(goingOn('e-5'), resync('e-5', 'f-1'), state('f-1', 'f-1'));
  expect(resynced).toEqual(goingOn('f-1'));
});

test('who does not ask for prev is not told of gaps', () => {
  expect(extend(LEVEL, { __typename: 'FeedChanges', cursor: 'e-9' })).toEqual(goingOn('e-9'));
});
