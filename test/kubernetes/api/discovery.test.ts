import { expect, test } from 'vitest';
import { at, fieldsOf } from './fields.ts';
import { open } from './opened.ts';

test('the server tells what it serves', async () => {
  const { call } = await open();
  const groups = await call('GET', '/apis');
  const names = (groups.body['groups'] as unknown[]).map((group) => at(group, 'name'));
  expect(names).toContain('test.snapyard.io');
  const { body } = await call('GET', '/apis/test.snapyard.io/v1');
  const resources = body['resources'] as { name: string; shortNames?: string[] }[];
  expect(resources.map(({ name }) => name)).toEqual(['machines', 'machines/status']);
  expect(resources[0]?.shortNames).toEqual(['mc']);
  expect((await call('GET', '/apis/test.snapyard.io/v7')).status).toBe(404);
  expect((await call('GET', '/apis/kubevirt.io/v1')).status).toBe(404);
  expect((await call('GET', '/api/v1')).body).toMatchObject({ kind: 'APIResourceList' });
});

test('every custom kind has a definition', async () => {
  const { call } = await open();
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const { body } = await call('GET', `${path}/machines.test.snapyard.io`);
  expect(body['spec']).toMatchObject({
    group: 'test.snapyard.io',
    scope: 'Namespaced',
    versions: [
      { name: 'v1', served: true, storage: true },
      { name: 'v1beta1', served: true, storage: false },
    ],
  });
});

test('an object has the version it is asked for in', async () => {
  const { call } = await open();
  const path = (version: string) => `/apis/test.snapyard.io/${version}/namespaces/default/machines`;
  await call('POST', path('v1beta1'), { metadata: { name: 'a' }, spec: { size: 1 } });
  for (const version of ['v1', 'v1beta1']) {
    const { body } = await call('GET', `${path(version)}/a`);
    expect(body['apiVersion']).toBe(`test.snapyard.io/${version}`);
  }
});

test('kubectl sees that the server checks fields itself', async () => {
  const { call } = await open();
  const index = await call('GET', '/openapi/v3');
  const entry = fieldsOf(index.body['paths'])['apis/test.snapyard.io/v1'];
  const { body } = await call('GET', at(entry, 'serverRelativeURL') as string);
  const path = '/apis/test.snapyard.io/v1/namespaces/{namespace}/machines/{name}';
  expect(at(fieldsOf(body['paths'])[path], 'patch.parameters')).toMatchObject([
    { name: 'fieldValidation' },
  ]);
});

test('it is alive', async () => {
  const { call } = await open();
  for (const path of ['/healthz', '/readyz', '/livez']) {
    expect((await call('GET', path)).body).toEqual({ text: 'ok' });
  }
  expect((await call('GET', '/version')).body).toMatchObject({ major: '1' });
  expect((await call('GET', '/nothing')).status).toBe(404);
});
