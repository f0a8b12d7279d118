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
