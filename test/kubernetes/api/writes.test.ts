import { expect, test } from 'vitest';
import { at } from './fields.ts';
import { MACHINES, open } from './opened.ts';

const MERGE = 'application/merge-patch+json';

function machine(name: string, spec: unknown = { size: 1 }, metadata: object = {}): unknown {
  return {
    apiVersion: 'test.snapyard.io/v1',
    kind: 'Machine',
    metadata: { name, ...metadata },
    spec,
  };
}

test('an object is created once, and has what the server adds', async () => {
  const { call } = await open();
  const made = await call('POST', MACHINES, machine('a'));
  expect(made.status).toBe(201);
  expect(made.body['metadata']).toMatchObject({
    name: 'a',
    namespace: 'default',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  });
  expect(at(made.body, 'metadata.uid')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const again = await call('POST', MACHINES, machine('a'));
  expect(again).toMatchObject({ status: 409, body: { reason: 'AlreadyExists', code: 409 } });
});

test('a name is generated from its beginning', async () => {
  const { call } = await open();
  const body = machine('', { size: 1 }, { generateName: 'a-' });
  const one = await call('POST', MACHINES, body);
  const other = await call('POST', MACHINES, body);
  expect(at(one.body, 'metadata.name')).toMatch(/^a-[a-z0-9]{5}$/);
  expect(at(one.body, 'metadata.name')).not.toBe(at(other.body, 'metadata.name'));
});

test('names, labels and addresses that are not legal are refused', async () => {
  const { call } = await open();
  expect((await call('POST', MACHINES, machine('A_'))).status).toBe(422);
  const long = machine('a', { size: 1 }, { labels: { a: 'x'.repeat(64) } });
  expect((await call('POST', MACHINES, long)).status).toBe(422);
  expect((await call('POST', '/api/v1/namespaces', named('a.b'))).status).toBe(422);
  const elsewhere = MACHINES.replace('default', 'nowhere');
  expect((await call('POST', elsewhere, machine('a'))).status).toBe(404);
  expect((await call('GET', '/apis/test.snapyard.io/v9/machines')).status).toBe(404);
  const other = { ...(machine('a') as object), kind: 'Other' };
  expect((await call('POST', MACHINES, other)).status).toBe(400);
});

test('an unknown field is refused strictly, warned of, or dropped in silence', async () => {
  const { call } = await open();
  const body = machine('a', { size: 1, sise: 2, parts: [{ name: 'x', other: 1 }] });
  const strict = await call('POST', `${MACHINES}?fieldValidation=Strict`, body);
  expect(strict.status).toBe(400);
  expect(strict.body['message']).toContain(
    'strict decoding error: unknown field "spec.sise", unknown field "spec.parts[0].other"',
  );
  const warned = await call('POST', MACHINES, body);
  expect(warned.status).toBe(201);
  expect(warned.headers.get('warning')).toContain(String.raw`unknown field \"spec.sise\"`);
  expect(warned.body['spec']).toEqual({ size: 1, parts: [{ name: 'x' }] });
  const silent = await call('POST', `${MACHINES}?fieldValidation=Ignore`, machine('b', body));
  expect(silent.headers.get('warning')).toBeNull();
});

test('wrong types, missing fields and values out of a list are told one by one', async () => {
  const { call } = await open();
  const spec = { memory: 'much', mode: 'C', tags: 'x', parts: [{}] };
  const { status, body } = await call('POST', MACHINES, machine('a', spec));
  expect(status).toBe(422);
  const causes = at(body, 'details.causes') as { field: string; reason: string }[];
  expect(causes.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
    'spec.size FieldValueRequired',
    'spec.memory FieldValueTypeInvalid',
    'spec.mode FieldValueNotSupported',
    'spec.tags FieldValueTypeInvalid',
    'spec.parts[0].name FieldValueRequired',
  ]);
  expect(at(body, 'details.name')).toBe('a');
});

test('a writer that has seen an older version is refused', async () => {
  const { call } = await open();
  const { body: first } = await call('POST', MACHINES, machine('a'));
  const changed = { ...first, spec: { size: 2 } };
  expect((await call('PUT', `${MACHINES}/a`, changed)).status).toBe(200);
  const stale = await call('PUT', `${MACHINES}/a`, changed);
  expect(stale).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
  const patch = { metadata: { resourceVersion: at(first, 'metadata.resourceVersion') } };
  const patched = await call('PATCH', `${MACHINES}/a`, patch, { type: MERGE });
  expect(patched.status).toBe(409);
  expect((await call('PUT', `${MACHINES}/a`, machine('a'))).status).toBe(422);
});

test('a write that changes nothing makes no new version', async () => {
  const { call } = await open();
  const { body } = await call('POST', MACHINES, machine('a'));
  const same = await call('PATCH', `${MACHINES}/a`, { spec: { size: 1 } }, { type: MERGE });
  expect(same.body).toEqual(body);
  const next = await call('PATCH', `${MACHINES}/a`, { spec: { size: 2 } }, { type: MERGE });
  expect(at(next.body, 'metadata.generation')).toBe(2);
  const labels = { metadata: { labels: { a: 'b' } } };
  const labelled = await call('PATCH', `${MACHINES}/a`, labels, { type: MERGE });
  expect(at(labelled.body, 'metadata.generation')).toBe(2);
});

test('patches: merge, JSON, and strategic only for what is built in', async () => {
  const { call } = await open();
  await call('POST', MACHINES, machine('a', { size: 1, tags: ['x', 'y'], mode: 'A' }));
  const merged = await call('PATCH', `${MACHINES}/a`, { spec: { mode: null } }, { type: MERGE });
  expect(merged.body['spec']).toEqual({ size: 1, tags: ['x', 'y'] });
  const type = 'application/json-patch+json';
  const operations = [
    { op: 'test', path: '/spec/size', value: 1 },
    { op: 'add', path: '/spec/tags/1', value: 'between' },
    { op: 'remove', path: '/spec/tags/0' },
    { op: 'add', path: '/metadata/annotations', value: { 'a/b': 'c' } },
    { op: 'replace', path: '/metadata/annotations/a~1b', value: 'd' },
  ];
  const patched = await call('PATCH', `${MACHINES}/a`, operations, { type });
  expect(at(patched.body, 'spec.tags')).toEqual(['between', 'y']);
  expect(at(patched.body, 'metadata.annotations')).toEqual({ 'a/b': 'd' });
  const failing = [{ op: 'test', path: '/spec/size', value: 2 }];
  expect((await call('PATCH', `${MACHINES}/a`, failing, { type })).status).toBe(422);
  const strategic = 'application/strategic-merge-patch+json';
  const refused = await call('PATCH', `${MACHINES}/a`, {}, { type: strategic });
  expect(refused.status).toBe(415);
  const namespace = { metadata: { labels: { a: 'b' } } };
  const path = '/api/v1/namespaces/default';
  expect((await call('PATCH', path, namespace, { type: strategic })).status).toBe(200);
});

test('the status is written at its own path only, and nothing else there', async () => {
  const { call } = await open();
  const born = { ...(machine('a') as object), status: { ready: true } };
  const { body } = await call('POST', MACHINES, born);
  expect(body).not.toHaveProperty('status');
  const both = { spec: { size: 5 }, status: { ready: true } };
  const main = await call('PATCH', `${MACHINES}/a`, both, { type: MERGE });
  expect(main.body).not.toHaveProperty('status');
  const part = await call(
    'PATCH',
    `${MACHINES}/a/status`,
    { ...both, spec: { size: 6 } },
    {
      type: MERGE,
    },
  );
  expect(part.body).toMatchObject({ spec: { size: 5 }, status: { ready: true } });
});

test('a dry run says what would be, and changes nothing', async () => {
  const { call } = await open();
  expect((await call('POST', `${MACHINES}?dryRun=All`, machine('a'))).status).toBe(201);
  expect((await call('GET', `${MACHINES}/a`)).status).toBe(404);
});

test('a deletion is refused for another UID than the one there', async () => {
  const { call } = await open();
  const { body } = await call('POST', MACHINES, machine('a'));
  const other = { preconditions: { uid: 'another' } };
  expect((await call('DELETE', `${MACHINES}/a`, other)).status).toBe(409);
  const same = { preconditions: { uid: at(body, 'metadata.uid') } };
  const gone = await call('DELETE', `${MACHINES}/a`, same);
  expect(gone).toMatchObject({ status: 200, body: { kind: 'Status', status: 'Success' } });
  expect((await call('DELETE', `${MACHINES}/a`)).status).toBe(404);
});

test('an object with a finalizer stays until it has none, and takes no new one', async () => {
  const { call } = await open();
  await call('POST', MACHINES, machine('a', { size: 1 }, { finalizers: ['x/y'] }));
  const asked = await call('DELETE', `${MACHINES}/a`);
  expect(at(asked.body, 'metadata.deletionTimestamp')).toBe('2026-01-01T00:00:00Z');
  const more = { metadata: { finalizers: ['x/y', 'x/z'] } };
  expect((await call('PATCH', `${MACHINES}/a`, more, { type: MERGE })).status).toBe(422);
  const none = { metadata: { finalizers: null } };
  expect((await call('PATCH', `${MACHINES}/a`, none, { type: MERGE })).status).toBe(200);
  expect((await call('GET', `${MACHINES}/a`)).status).toBe(404);
});

test('secrets keep plain text as data, services get an address', async () => {
  const { call } = await open();
  const space = '/api/v1/namespaces/default';
  const secret = { ...named('a'), stringData: { word: 'open' } };
  const kept = await call('POST', `${space}/secrets`, secret);
  expect(kept.body).toMatchObject({ data: { word: 'b3Blbg==' }, type: 'Opaque' });
  expect(kept.body).not.toHaveProperty('stringData');
  const headless = { ...named('h'), spec: { clusterIP: 'None' } };
  const service = await call('POST', `${space}/services`, headless);
  expect(at(service.body, 'spec.clusterIP')).toBe('None');
  const ordinary = await call('POST', `${space}/services`, { ...named('s'), spec: {} });
  expect(at(ordinary.body, 'spec.clusterIP')).toMatch(/^10\.96\./);
});

function named(name: string): object {
  return { metadata: { name } };
}

test('newer kubectl sends some objects in protobuf', async () => {
  const { call } = await open();
  const type = 'application/vnd.kubernetes.protobuf';
  const space = message([1, 'lab'], [11, message([1, 'tier'], [2, 'x'])]);
  const made = await call('POST', '/api/v1/namespaces', enveloped('Namespace', space), { type });
  expect(made.body['metadata']).toMatchObject({ name: 'lab', labels: { tier: 'x' } });
  const word = message([1, 'word'], [2, 'open']);
  const secret = enveloped('Secret', message([1, 's']), [2, word], [3, 'Opaque']);
  const kept = await call('POST', '/api/v1/namespaces/default/secrets', secret, { type });
  expect(kept).toMatchObject({ status: 201, body: { data: { word: 'b3Blbg==' } } });
  const service = enveloped('Service', message([1, 's']));
  const refused = await call('POST', '/api/v1/namespaces/default/services', service, { type });
  expect(refused.status).toBe(415);
});

type Part = readonly [number: number, content: string | Buffer];

/** A message of short fields. */
function message(...parts: readonly Part[]): Buffer {
  const fields = parts.map(([number, content]) => {
    const bytes = Buffer.from(content);
    return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  });
  return Buffer.concat(fields);
}

function enveloped(kind: string, metadata: Buffer, ...more: readonly Part[]): Buffer {
  const type = message([1, 'v1'], [2, kind]);
  const object = message([1, metadata], ...more);
  return Buffer.concat([Buffer.from('k8s\0'), message([1, type], [2, object])]);
}
