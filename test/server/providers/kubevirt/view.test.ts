import { afterEach, beforeEach, expect, test } from 'vitest';
import type { View } from '../../../../server/providers/kubevirt/kubernetes.ts';
import {
  type Arrived,
  list,
  open,
  type RawApi,
  rawApi,
  refuse,
  tell,
  thing,
  THINGS,
} from './raw-api-server.ts';

let api: RawApi;
let lists: Arrived[];
let watches: Arrived[];
let onList: (request: Arrived) => void;
let onWatch: (request: Arrived) => void;

beforeEach(async () => {
  api = await rawApi();
  lists = [];
  watches = [];
  onList = (request) => list(request, 10, [thing('one', 5), thing('two', 6)]);
  onWatch = open;
  api.answer = (request) => {
    const isWatch = request.query.get('watch') !== null;
    (isWatch ? watches : lists).push(request);
    (isWatch ? onWatch : onList)(request);
  };
});

afterEach(() => api.close());

type Thing = ReturnType<typeof THINGS.schema.parse>;

/** A view that is held, with everything its holder was told. */
async function held(): Promise<{ view: View<Thing>; told: string[]; letGo: () => void }> {
  const view = api.client.view(THINGS, { namespace: 'a' });
  const told: string[] = [];
  const letGo = view.onChange((of) => told.push(of?.name ?? 'all'));
  await api.world.finish(view.ready(new AbortController().signal), { withinMs: 60_000 });
  await api.world.settle();
  return { view, told, letGo };
}

const names = (view: View<Thing>) => view.all().map(({ metadata }) => metadata.name);
const latest = () => {
  const watch = watches.at(-1);
  if (watch === undefined) throw new Error('nothing watches');
  return watch;
};
const cut = (request: Arrived) => request.response.socket?.resetAndDestroy();

test('a view is its list, and then what the watch tells', async () => {
  const { view, told } = await held();
  expect(names(view)).toEqual(['one', 'two']);
  expect(latest().query.get('resourceVersion')).toBe('10');
  expect(latest().query.get('allowWatchBookmarks')).toBe('true');
  expect(Number(latest().query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(240);

  tell(latest(), 'ADDED', thing('three', 11));
  tell(latest(), 'MODIFIED', thing('one', 12, { size: 3 }));
  tell(latest(), 'DELETED', thing('two', 13));
  await api.world.settle();
  expect(names(view)).toEqual(['one', 'three']);
  expect(view.get({ namespace: 'a', name: 'one' })?.size).toBe(3);
  expect(told).toEqual(['all', 'three', 'one', 'two']);
});

test('a connection that is reset in the middle is opened again where it ended', async () => {
  const { view } = await held();
  tell(latest(), 'ADDED', thing('three', 11));
  await api.world.settle();
  cut(latest());
  await api.world.advance(10_000);
  expect(watches).toHaveLength(2);
  expect(latest().query.get('resourceVersion')).toBe('11');
  tell(latest(), 'ADDED', thing('four', 12));
  await api.world.settle();
  expect(names(view)).toEqual(['one', 'two', 'three', 'four']);
  expect(api.client.watches()).toMatchObject([{ objects: 4, restarts: 1 }]);
});

test('a watch that the server ends cleanly is opened again at once', async () => {
  await held();
  await api.world.advance(250_000);
  const before = watches.length;
  latest().response.end();
  await api.world.advance(1);
  expect(watches).toHaveLength(before + 1);
  expect(lists).toHaveLength(1);
});

test('a server that ends every watch at once is not run down', async () => {
  onWatch = (request) => {
    open(request);
    request.response.end();
  };
  await held();
  await api.world.advance(60_000);
  expect(watches.length).toBeLessThan(40);
  expect(watches.length).toBeGreaterThan(5);
});

const expire: Record<string, (request: Arrived) => void> = {
  'as the status of the answer': (request) => refuse(request, 410, 'Expired'),
  'as an event of an answer of 200': (request) => {
    open(request);
    tell(request, 'ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
  },
};

test.each(Object.keys(expire))('a watch that has expired, %s, lists anew', async (form) => {
  const { view, told } = await held();
  onList = (request) => list(request, 40, [thing('two', 6), thing('three', 30)]);
  onWatch = (request) => {
    onWatch = open;
    expire[form]?.(request);
  };
  cut(latest());
  await api.world.advance(10_000);
  expect(lists).toHaveLength(2);
  expect(latest().query.get('resourceVersion')).toBe('40');
  expect(names(view)).toEqual(['two', 'three']);
  // What came, and what is gone though no event told of it; what is as it was is not told.
  expect(told).toEqual(['all', 'three', 'one']);
});

test.each([500, 504])('an error event of %i is a failure, not the end', async (code) => {
  const { view } = await held();
  tell(latest(), 'ERROR', { kind: 'Status', code, reason: 'Some', message: 'went wrong' });
  await api.world.advance(10_000);
  expect(watches).toHaveLength(2);
  expect(latest().query.get('resourceVersion')).toBe('10');
  tell(latest(), 'ADDED', thing('three', 11));
  await api.world.settle();
  expect(names(view)).toContain('three');
});

test.each([403, 500, 503])('a watch that is refused with %i is tried again', async (status) => {
  onWatch = (request) => refuse(request, status, 'Some');
  const { view } = await held();
  await api.world.advance(60_000);
  expect(view.trouble).toContain('things of a');
  expect(watches.length).toBeGreaterThan(4);
  expect(watches.length).toBeLessThan(40);
  onWatch = open;
  await api.world.advance(10_000);
  expect(view.trouble).toBeUndefined();
  tell(latest(), 'ADDED', thing('three', 11));
  await api.world.settle();
  expect(names(view)).toContain('three');
});

test('a list that is refused is tried again, and a server that asks for time gets it', async () => {
  let refusals = 0;
  const answer = onList;
  onList = (request) => {
    refusals += 1;
    if (refusals > 2) return answer(request);
    refuse(request, 429, 'TooManyRequests', { 'retry-after': '20' });
  };
  const { view } = await held();
  expect(names(view)).toEqual(['one', 'two']);
  expect(api.world.elapsed()).toBeGreaterThanOrEqual(40_000);
});

test('a watch that has fallen silent is opened again', async () => {
  await held();
  await api.world.advance(125_000);
  expect(watches).toHaveLength(1);
  await api.world.advance(10_000);
  expect(watches).toHaveLength(2);
  // A bookmark is a word, and moves the beginning of the next watch.
  await api.world.advance(100_000);
  tell(latest(), 'BOOKMARK', { kind: 'Thing', metadata: { resourceVersion: '77' } });
  await api.world.advance(100_000);
  expect(watches).toHaveLength(2);
  cut(latest());
  await api.world.advance(10_000);
  expect(latest().query.get('resourceVersion')).toBe('77');
  expect(api.log).toEqual([]);
});

test('what no event told is seen when it lists anew after ten minutes', async () => {
  const { view, told } = await held();
  onList = (request) => list(request, 90, [thing('one', 5)]);
  await api.world.advance(760_000);
  expect(names(view)).toEqual(['one']);
  expect(told).toEqual(['all', 'two']);
});

test('a listener that throws is told of, and the others hear all the same', async () => {
  const { view, told } = await held();
  const stop = view.onChange(() => {
    throw new Error('a bug');
  });
  const more: string[] = [];
  view.onChange((of) => more.push(of?.name ?? 'all'));
  tell(latest(), 'ADDED', thing('three', 11));
  await api.world.settle();
  stop();
  tell(latest(), 'ADDED', thing('four', 12));
  await api.world.settle();
  expect(api.faults).toHaveLength(1);
  expect(more).toEqual(['three', 'four']);
  expect(told).toEqual(['all', 'three', 'four']);
});

test('an object that cannot be read is left out, and told of once', async () => {
  onList = (request) => list(request, 10, [thing('one', 5), thing('odd', 6, { size: 'big' })]);
  const { view } = await held();
  tell(latest(), 'MODIFIED', thing('odd', 11, { size: 'huge' }));
  await api.world.settle();
  expect(names(view)).toEqual(['one']);
  expect(api.log).toHaveLength(1);
  expect(api.log[0]).toContain('a/odd');
  tell(latest(), 'MODIFIED', thing('odd', 12, { size: 3 }));
  await api.world.settle();
  expect(names(view)).toEqual(['one', 'odd']);
});

test('it ends some seconds after the last holder, and begins anew with the next', async () => {
  const { view, letGo } = await held();
  letGo();
  await api.world.advance(5_000);
  expect(api.client.watches()).toHaveLength(1);
  const again = view.onChange(() => {});
  await api.world.advance(60_000);
  expect(lists).toHaveLength(1);
  again();
  await api.world.advance(15_000);
  expect(api.client.watches()).toHaveLength(0);
  expect(api.world.pendingTimers()).toEqual([]);
  await held();
  expect(lists).toHaveLength(2);
});

test('the same question is the same view, and starting it twice is one watch', async () => {
  const { view } = await held();
  expect(api.client.view(THINGS, { namespace: 'a' })).toBe(view);
  expect(api.client.view(THINGS, { namespace: 'b' })).not.toBe(view);
  await held();
  expect(watches).toHaveLength(1);
});

test('nothing comes after the closing, not even of a watch that was being opened', async () => {
  let late: Arrived | undefined;
  onWatch = (request) => {
    late = request;
  };
  const { view, told } = await held();
  expect(late).toBeDefined();
  await api.client.close();
  if (late !== undefined) {
    open(late);
    tell(late, 'ADDED', thing('three', 11));
  }
  await api.world.advance(60_000);
  expect(told).toEqual(['all']);
  expect(api.faults).toEqual([]);
  expect(api.world.pendingTimers()).toEqual([]);
  await expect(view.ready(new AbortController().signal)).rejects.toThrow('closed');
});

test('a closing between two events of one answer stops before the second', async () => {
  const { view, told } = await held();
  view.onChange(() => void api.client.close());
  latest().response.write(
    ['three', 'four']
      .map((name, at) => `${JSON.stringify({ type: 'ADDED', object: thing(name, 20 + at) })}\n`)
      .join(''),
  );
  await api.world.settle();
  expect(told).toEqual(['all', 'three']);
});

test('who waits for the first list is let go by its signal', async () => {
  onList = () => {};
  const view = api.client.view(THINGS, { namespace: 'a' });
  const controller = new AbortController();
  const ready = view.ready(controller.signal);
  await api.world.settle();
  controller.abort(new Error('given up'));
  await expect(ready).rejects.toThrow('given up');
});

test('lines that arrive in pieces, and letters that do, are put together', async () => {
  const { view } = await held();
  const line = Buffer.from(
    `${JSON.stringify({ type: 'ADDED', object: thing('drei-ü', 11) })}\n`,
    'utf8',
  );
  for (const byte of line) {
    latest().response.write(Buffer.from([byte]));
    if (byte > 127) await api.world.settle();
  }
  await api.world.settle();
  expect(names(view)).toContain('drei-ü');
});
