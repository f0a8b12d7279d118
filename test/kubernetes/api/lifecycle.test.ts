import { expect, test } from 'vitest';
import type { Controller, ObjectMeta } from '../ports.ts';
import { at } from './fields.ts';
import { MACHINES, type Opened, open } from './opened.ts';

const SPACE = '/api/v1/namespaces/default';
const MERGE = 'application/merge-patch+json';

function owned(name: string, owner: ObjectMeta, blocks = false): object {
  const reference = {
    apiVersion: 'test.snapyard.io/v1',
    kind: 'Machine',
    name: owner.name,
    uid: owner.uid,
    blockOwnerDeletion: blocks,
  };
  return { metadata: { name, ownerReferences: [reference] }, spec: { size: 1 } };
}

async function make({ call }: Opened, name: string, finalizers?: string[]): Promise<ObjectMeta> {
  const body = { metadata: { name, finalizers }, spec: { size: 1 } };
  return (await call('POST', MACHINES, body)).body['metadata'] as ObjectMeta;
}

test('what an object owned goes after it, and what is orphaned stays', async () => {
  const opened = await open();
  const { call, world } = opened;
  const [one, two] = [await make(opened, 'one'), await make(opened, 'two')];
  await call('POST', MACHINES, owned('child', one));
  await call('POST', MACHINES, owned('orphan', two));
  await call('POST', MACHINES, owned('lost', { ...one, uid: 'never-was' }));
  await world.settle();
  expect((await call('GET', `${MACHINES}/lost`)).status).toBe(404);
  await call('DELETE', `${MACHINES}/one?propagationPolicy=Background`);
  await call('DELETE', `${MACHINES}/two`, { propagationPolicy: 'Orphan' });
  await world.settle();
  expect((await call('GET', `${MACHINES}/child`)).status).toBe(404);
  const orphan = await call('GET', `${MACHINES}/orphan`);
  expect(at(orphan.body, 'metadata.ownerReferences')).toBeUndefined();
});

test('a deletion in the foreground waits for what blocks it', async () => {
  const opened = await open();
  const { call, world } = opened;
  const one = await make(opened, 'one');
  const child = owned('child', one, true) as { metadata: object };
  const held = { ...child, metadata: { ...child.metadata, finalizers: ['x/y'] } };
  await call('POST', MACHINES, held);
  await call('DELETE', `${MACHINES}/one`, { propagationPolicy: 'Foreground' });
  await world.settle();
  expect((await call('GET', `${MACHINES}/one`)).status).toBe(200);
  await call('PATCH', `${MACHINES}/child`, { metadata: { finalizers: null } }, { type: MERGE });
  await world.settle();
  expect((await call('GET', `${MACHINES}/one`)).status).toBe(404);
});

test('a namespace that ends takes nothing new, and goes when all in it is gone', async () => {
  const { call, world } = await open();
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'lab' } });
  await world.settle();
  const lab = MACHINES.replace('default', 'lab');
  const held = { metadata: { name: 'held', finalizers: ['x/y'] }, spec: { size: 1 } };
  await call('POST', lab, held);
  expect((await call('GET', '/api/v1/namespaces/lab/serviceaccounts/default')).status).toBe(200);
  const ending = await call('DELETE', '/api/v1/namespaces/lab');
  expect(at(ending.body, 'status.phase')).toBe('Terminating');
  const late = await call('POST', lab, { metadata: { name: 'late' }, spec: { size: 1 } });
  expect(late.status).toBe(403);
  expect(late.body['message']).toContain('because it is being terminated');
  await world.advance(60_000);
  expect((await call('GET', '/api/v1/namespaces/lab')).status).toBe(200);
  await call('PATCH', `${lab}/held`, { metadata: { finalizers: null } }, { type: MERGE });
  await world.advance(5_000);
  expect((await call('GET', '/api/v1/namespaces/lab')).status).toBe(404);
});

test('a quota refuses what there is no room for, and counts what is used', async () => {
  const { call, world } = await open();
  const hard = { pods: '2', 'requests.cpu': '1500m' };
  await call('POST', `${SPACE}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard } });
  const pod = (name: string, cpu: string) => ({
    metadata: { name },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] },
  });
  expect((await call('POST', `${SPACE}/pods`, pod('a', '1'))).status).toBe(201);
  const big = await call('POST', `${SPACE}/pods`, pod('b', '1'));
  expect(big).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
  expect(big.body['message']).toContain('exceeded quota: q, requested: requests.cpu=1');
  expect((await call('POST', `${SPACE}/pods`, pod('b', '500m'))).status).toBe(201);
  const third = await call('POST', `${SPACE}/pods`, pod('c', '0'));
  expect(third.body['message']).toContain('pods=1, used: pods=2, limited: pods=2');
  await world.settle();
  const { body } = await call('GET', `${SPACE}/resourcequotas/q`);
  expect(at(body, 'status')).toMatchObject({ used: { pods: '2', 'requests.cpu': '1.5' } });
});

test('events about the same thing are counted', async () => {
  const opened = await open();
  const { uid } = await make(opened, 'a');
  const { objects } = opened.simulator;
  const machine = objects.get('Machine', 'default', 'a');
  if (machine === undefined) throw new Error('it was made');
  for (const _ of [1, 2, 3]) objects.event(machine, 'Warning', 'Failed', 'it did not work');
  objects.event(machine, 'Normal', 'Done', 'it did');
  const query = `fieldSelector=involvedObject.uid%3D${uid}`;
  const { body } = await opened.call('GET', `${SPACE}/events?${query}`);
  const events = body['items'] as { reason: string; count: number }[];
  expect(events.map(({ reason, count }) => `${reason} ${count}`).sort()).toEqual([
    'Done 1',
    'Failed 3',
  ]);
});

test('a controller looks once for many changes, when it wants, and after refusals', async () => {
  const looks: number[] = [];
  let refusals = 2;
  const opened = await open({
    controllers: (simulator) => [looker(looks, () => (refusals -= 1) >= 0, simulator)],
  });
  await opened.call('POST', MACHINES, { metadata: { name: 'a' }, spec: { size: 1 } });
  await opened.world.advance(1000);
  const begin = looks[0] ?? 0;
  expect(looks.map((time) => time - begin)).toEqual([0, 10, 30]);
  await opened.world.advance(5_000);
  expect(looks).toHaveLength(4);
  const { lines } = await refusedLines(opened);
  expect(lines).toBe(2);
});

function looker(
  looks: number[],
  refuses: () => boolean,
  simulator: () => Opened['simulator'],
): Controller {
  return {
    name: 'looker',
    concerns: ({ object }) => (object.kind === 'Machine' ? ['default/a'] : []),
    reconcile: () => {
      const { world, objects } = simulator();
      looks.push(world.elapsed());
      if (refuses()) objects.create('Namespace', { metadata: { name: 'default' } });
      return looks.length === 3 ? 5_000 : undefined;
    },
  };
}

async function refusedLines({ call }: Opened): Promise<{ lines: number }> {
  const { body } = await call('GET', '/simulator/log');
  const lines = body['lines'] as { what: string; details?: { controller?: string } }[];
  const refused = lines.filter(({ what }) => what === 'a controller was refused');
  return { lines: refused.filter(({ details }) => details?.controller === 'looker').length };
}

test('a mistake in a controller is thrown out loud', async () => {
  const broken: Controller = {
    name: 'broken',
    concerns: ({ object }) => (object.kind === 'Machine' ? ['x'] : []),
    reconcile: () => {
      throw new TypeError('a mistake');
    },
  };
  const opened = await open({ controllers: () => [broken] });
  const { objects } = opened.simulator;
  objects.create('Machine', { metadata: { name: 'a', namespace: 'default' } });
  await expect(opened.world.settle()).rejects.toThrow('a mistake');
});
