import { expect, test } from 'vitest';
import { type Changing, nowAndThen, until } from '../../../../server/providers/kubevirt/until.ts';
import { ProviderError } from '../../../../server/providers/provider.ts';
import { virtualWorld } from '../../../kit/virtual-world.ts';

/** A view that changes when the test says so. */
function changing() {
  const listeners = new Set<(changed: undefined) => void>();
  let list: () => void = () => {};
  const listed = new Promise<void>((resolve) => {
    list = resolve;
  });
  const view: Changing = {
    ready: (signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        void listed.then(resolve);
      }),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    trouble: 'watching things: it is refused',
  };
  return { view, list, listeners, change: () => listeners.forEach((one) => one(undefined)) };
}

const never = new AbortController().signal;
const what = 'the thing to come';

test('it looks at once, after each change, and lets go in the end', async () => {
  const world = virtualWorld({ seed: 1 });
  const { view, list, change, listeners } = changing();
  let looks = 0;
  const wait = until({ world }, [view], { what, signal: never }, () => {
    looks += 1;
    return looks === 3 ? 'found' : undefined;
  });
  await world.settle();
  expect(looks).toBe(0);
  list();
  await world.settle();
  expect(looks).toBe(1);
  change();
  change();
  await world.settle();
  expect(looks).toBe(2);
  change();
  expect(await wait).toBe('found');
  expect(world.elapsed()).toBe(0);
  expect(listeners.size).toBe(0);
  expect(world.pendingTimers()).toEqual([]);
});

test('a change during a look leads to one more look, after it', async () => {
  const world = virtualWorld({ seed: 1 });
  const { view, list, change } = changing();
  list();
  let looking = 0;
  let most = 0;
  let looks = 0;
  const wait = until({ world }, [view], { what, signal: never }, async () => {
    looking += 1;
    most = Math.max(most, looking);
    looks += 1;
    if (looks === 1) for (let n = 0; n < 5; n += 1) change();
    await world.sleep(10);
    looking -= 1;
    return looks === 2 ? true : undefined;
  });
  await world.finish(wait, { withinMs: 100 });
  expect(most).toBe(1);
});

test('it looks now and then though nothing changes', async () => {
  const world = virtualWorld({ seed: 1 });
  let looks = 0;
  const wait = until({ world }, [], { what, signal: never }, () => {
    looks += 1;
    return looks === 3 ? true : undefined;
  });
  await world.finish(wait, { withinMs: 100_000 });
  expect(world.elapsed()).toBe(60_000);
});

test.each([true, false])('its deadline names what did not come (list in: %s)', async (isListed) => {
  const world = virtualWorld({ seed: 1 });
  const { view, list, listeners } = changing();
  if (isListed) list();
  const wait = { what, signal: never, deadline: 45_000, detail: () => 'it is Pending' };
  const error: unknown = await world
    .finish(
      until({ world }, [view], wait, () => undefined),
      { withinMs: 100_000 },
    )
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProviderError);
  expect(error).toMatchObject({
    retryable: true,
    reason:
      'waited 45 s in vain for the thing to come: it is Pending; watching things: it is refused',
  });
  expect(world.elapsed()).toBe(45_000);
  expect(listeners.size).toBe(0);
  expect(world.pendingTimers()).toEqual([]);
});

test('an abort ends it at once, with its reason, and so does what a look throws', async () => {
  const world = virtualWorld({ seed: 1 });
  const controller = new AbortController();
  const wait = until({ world }, [], { what, signal: controller.signal }, () => undefined);
  await world.settle();
  controller.abort(new Error('given up'));
  await expect(wait).rejects.toThrow('given up');
  const broken = until({ world }, [], { what, signal: never }, () => {
    throw new Error('a bug');
  });
  await expect(broken).rejects.toThrow('a bug');
  expect(world.pendingTimers()).toEqual([]);
});

test('a change of another namespace wakes nobody', async () => {
  const world = virtualWorld({ seed: 1 });
  const listeners = new Set<Parameters<Changing['onChange']>[0]>();
  const view: Changing = {
    ready: () => Promise.resolve(),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    trouble: undefined,
  };
  const change = async (of: { namespace: string; name: string } | undefined) => {
    for (const listener of listeners) listener(of);
    await world.settle();
  };
  let looks = 0;
  const wait = until({ world }, [view], { what, signal: never, namespace: 'a' }, () => {
    looks += 1;
    return looks === 3 ? 'found' : undefined;
  });
  await world.settle();
  await change({ namespace: 'b', name: 'one' });
  expect(looks).toBe(1);
  await change({ namespace: 'a', name: 'one' });
  expect(looks).toBe(2);
  await change(undefined);
  expect(await wait).toBe('found');
});

test('how soon it looks again may depend on what it saw', async () => {
  const world = virtualWorld({ seed: 1 });
  const looks: number[] = [];
  const everyMs = () => looks.length * 1_000;
  const wait = until({ world }, [], { what, signal: never, everyMs }, () => {
    looks.push(world.elapsed());
    return looks.length === 3 ? 'found' : undefined;
  });
  await world.finish(wait, { withinMs: 10_000 });
  expect(looks).toEqual([0, 1_000, 3_000]);
});

test('what a view tells is not believed for ever', async () => {
  const world = virtualWorld({ seed: 1 });
  const isDue = nowAndThen({ world });
  expect(isDue()).toBe(false);
  await world.advance(30_000);
  expect([isDue(), isDue()]).toEqual([true, false]);
});
