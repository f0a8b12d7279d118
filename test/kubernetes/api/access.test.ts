import { expect, test } from 'vitest';
import { at } from './fields.ts';
import { MACHINES, open } from './opened.ts';

const REVIEWS = '/apis/authorization.k8s.io/v1';

const RULES = [
  { apiGroups: ['test.snapyard.io'], resources: ['machines'], verbs: ['get', 'list'] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['*'], namespaces: ['lab'] },
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get'], resourceNames: ['default'] },
];

test('what no rule allows is refused with the words of the real server', async () => {
  const { call } = await open({ rules: RULES });
  expect((await call('GET', MACHINES)).status).toBe(200);
  const user = 'User "system:admin"';
  const refused = await call('DELETE', `${MACHINES}/a`);
  expect(refused).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
  expect(refused.body['message']).toBe(
    `machines.test.snapyard.io "a" is forbidden: ${user} cannot delete resource "machines" in ` +
      'API group "test.snapyard.io" in the namespace "default"',
  );
  const all = await call('GET', '/api/v1/secrets');
  expect(all.body['message']).toBe(
    `secrets is forbidden: ${user} cannot list resource "secrets" in API group "" ` +
      'at the cluster scope',
  );
  expect((await call('GET', '/api/v1/namespaces/lab/secrets')).status).toBe(200);
  expect((await call('GET', '/api/v1/namespaces/default')).status).toBe(200);
  expect((await call('GET', '/api/v1/namespaces/kube-system')).status).toBe(403);
  expect((await call('PATCH', `${MACHINES}/a/status`, {})).status).toBe(403);
  expect((await call('GET', '/version')).status).toBe(200);
});

test('anybody may ask what he may do', async () => {
  const { call } = await open({ rules: RULES });
  const may = async (resourceAttributes: object) => {
    const body = { spec: { resourceAttributes } };
    const { body: answer } = await call('POST', `${REVIEWS}/selfsubjectaccessreviews`, body);
    return at(answer, 'status.allowed');
  };
  const group = 'test.snapyard.io';
  expect(await may({ group, resource: 'machines', verb: 'list' })).toBe(true);
  expect(await may({ group, resource: 'machines', verb: 'delete' })).toBe(false);
  expect(await may({ group, resource: 'machines', subresource: 'status', verb: 'get' })).toBe(
    false,
  );
  expect(await may({ resource: 'secrets', verb: 'create', namespace: 'lab' })).toBe(true);
  expect(await may({ resource: 'secrets', verb: 'create', namespace: 'other' })).toBe(false);
  const spec = { namespace: 'other' };
  const { body } = await call('POST', `${REVIEWS}/selfsubjectrulesreviews`, { spec });
  expect(at(body, 'status.resourceRules')).toHaveLength(2);
});

test('tokens: none is needed while none is known, and a wrong one never does', async () => {
  const { call, simulator } = await open();
  const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  const get = (sent?: object) => call('GET', MACHINES, undefined, sent);
  expect((await get()).status).toBe(200);
  expect((await get(as('one'))).status).toBe(401);
  simulator.tokens.add('one');
  expect((await get(as('one'))).status).toBe(200);
  expect((await get(as('two'))).status).toBe(401);
  expect((await get()).status).toBe(401);
  simulator.tokens.delete('one');
  expect(await get(as('one'))).toMatchObject({ status: 401, body: { reason: 'Unauthorized' } });
});
