import { expect, it } from 'vitest';
import { Hub, type Seat } from '../../server/hub.ts';
import { virtualWorld } from '../kit/virtual-world.ts';

/** A hub whose commits a test makes itself. */
function openHub(readers: number) {
  const world = virtualWorld({ seed: 1 });
  let commit = () => {};
  const onCommit = (listener: () => void) => {
    commit = listener;
    return () => {};
  };
  const hub = new Hub({ onCommit }, world);
  const seats = Array.from({ length: readers }, () => hub.join());
  return { hub, world, seats, commit: () => commit() };
}

it('wakes many readers some at a time, so that others get a word in between', async () => {
  const { hub, world, seats, commit } = openHub(1_000);
  const woken = new Set<Seat>();
  for (const seat of seats) void seat.wait(60_000).then(() => woken.add(seat));
  commit();
  let wokenBefore = 0;
  world.soon(() => {
    wokenBefore = woken.size;
  });
  await world.settle();
  expect(woken.size).toBe(1_000);
  expect(wokenBefore).toBeGreaterThan(0);
  expect(wokenBefore).toBeLessThan(1_000);
  hub.close();
});

it('wakes each of many after the last commit, however fast one follows another', async () => {
  const { hub, world, seats, commit } = openHub(1_000);
  const woken = new Set<Seat>();
  const wakeAgain = async (seat: Seat) => {
    for (await seat.wait(60_000); seat.isOpen; await seat.wait(60_000)) woken.add(seat);
  };
  for (const seat of seats) void wakeAgain(seat);
  let turns = 0;
  const commitEachTurn = () => {
    woken.clear();
    commit();
    turns += 1;
    if (turns < 10) world.soon(commitEachTurn);
  };
  commitEachTurn();
  await world.settle();
  expect(woken.size).toBe(1_000);
  hub.close();
});
