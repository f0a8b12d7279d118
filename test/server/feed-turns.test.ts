import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Turn, Turns } from '../../server/feed/turns.ts';
import { Hub, type Seat } from '../../server/hub.ts';
import { virtualWorld, type VirtualWorld } from '../kit/virtual-world.ts';

/** Few may hold a turn at once; who gets the next depends on whose reader it is. */
let world: VirtualWorld;
let hub: Hub;
let turns: Turns;
let given: { caller: string; turn: Turn }[];

beforeEach(() => {
  world = virtualWorld({ seed: 1 });
  hub = new Hub({ onCommit: () => () => {} }, world);
  turns = new Turns({ atOnce: 4, longestMs: 10_000, patienceMs: 2_000 }, world);
  given = [];
});
afterEach(async () => {
  hub.close();
  for (const { turn } of given) turn.end();
  await world.settle();
  for (const { turn } of given) turn.end();
  expect(world.pendingTimers()).toEqual([]);
});

/** Readers of one caller ask for turns, and never come back for more. */
async function ask(caller: string, times = 1): Promise<Seat[]> {
  const seats = Array.from({ length: times }, () => hub.join());
  for (const seat of seats) void hold(seat, caller);
  await world.settle();
  return seats;
}

async function hold(seat: Seat, caller: string): Promise<void> {
  const turn = await turns.take(seat, caller);
  if (turn === undefined) return;
  given.push({ caller, turn });
  turn.use(() => {});
  turn.handedOver();
}

const callers = () => given.map(({ caller }) => caller).join(' ');

it('goes to the caller who holds the fewest, and to each of them in turn', async () => {
  await ask('ann', 8);
  await ask('ben', 3);
  await ask('cyd', 2);
  expect(callers()).toBe('ann ann ann ann');
  await world.advance(2_000);
  expect(callers()).toBe('ann ann ann ann ben cyd ben ann');
  await world.advance(2_000);
  expect(callers().slice(-15)).toBe('cyd ann ben ann');
});

it('is kept for as long as it may last while nobody else waits', async () => {
  await ask('ann', 4);
  await world.advance(9_999);
  await ask('ben');
  // They have rested for longer than others are kept waiting.
  expect(callers()).toBe('ann ann ann ann ben');
});

it('is kept by those who come back', async () => {
  await ask('ann', 4);
  await ask('ben');
  for (let n = 0; n < 9; n += 1) {
    await world.advance(1_000);
    for (const { turn } of given) turn.handedOver();
  }
  expect(callers()).toBe('ann ann ann ann');
  await world.advance(1_000);
  expect(callers()).toBe('ann ann ann ann ben');
});

it('goes to the next when the one it would have been left', async () => {
  await ask('ann', 4);
  const [ben] = await ask('ben');
  await ask('cyd');
  ben?.leave();
  await world.settle();
  given[0]?.turn.end();
  await world.settle();
  expect(callers()).toBe('ann ann ann ann cyd');
});

it('that comes as its reader leaves goes to the next', async () => {
  await ask('ann', 4);
  const [ben] = await ask('ben');
  await ask('cyd');
  given[0]?.turn.end();
  ben?.leave();
  await world.settle();
  expect(callers()).toBe('ann ann ann ann cyd');
});
