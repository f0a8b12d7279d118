import { afterEach, beforeEach, expect, test } from 'vitest';
import { lastWarnings, providerError } from '../../../../server/providers/kubevirt/errors.ts';
import { KubernetesError } from '../../../../server/providers/kubevirt/kubernetes.ts';
import { ProviderError } from '../../../../server/providers/provider.ts';
import { json, type RawApi, rawApi, refuse } from './raw-api-server.ts';

const cause = (reason: string) => ({ reason, message: 'so it is', field: 'spec.a' });

test.each([
  [{ status: 0 }, true],
  [{ status: 429 }, true],
  [{ status: 500, reason: 'InternalError' }, true],
  [{ status: 504 }, true],
  [{ status: 409, reason: 'Conflict' }, true],
  [{ status: 409, reason: 'AlreadyExists' }, false],
  [{ status: 400 }, false],
  [{ status: 403, reason: 'Forbidden' }, false],
  [{ status: 403, reason: 'Forbidden', causes: [cause('NamespaceTerminating')] }, true],
  [{ status: 404 }, false],
  [{ status: 422, reason: 'Invalid' }, false],
])('after %j another try has a chance: %s', (of, retryable) => {
  const told = providerError(new KubernetesError('no', of), 'creating VM a/b');
  expect(told).toBeInstanceOf(ProviderError);
  expect(told).toMatchObject({ retryable });
});

test('the sentence says what was tried, what came back, and what was warned of', () => {
  const refused = new KubernetesError('a "b" is invalid', {
    status: 422,
    reason: 'Invalid',
    causes: [cause('FieldValueInvalid')],
  });
  expect(providerError(refused, 'creating VM a/b', ['FailedMount: no disk'])).toMatchObject({
    reason:
      'creating VM a/b: a "b" is invalid (422); spec.a: so it is (warnings: FailedMount: no disk)',
  });
});

test('what is no answer of the server stays what it is', () => {
  const bug = new TypeError('a bug');
  expect(providerError(bug, 'this')).toBe(bug);
});

let api: RawApi;

beforeEach(async () => {
  api = await rawApi();
});

afterEach(() => api.close());

test('the newest three warnings about an object, the newest first', async () => {
  const event = (n: number, more: object) => ({
    metadata: { name: `e${n}` },
    reason: 'Failed',
    message: `for the ${n}.`,
    ...more,
  });
  const items = [
    event(1, { lastTimestamp: '2026-01-01T00:00:01Z' }),
    event(4, { lastTimestamp: null, eventTime: '2026-01-01T00:00:04.000000Z' }),
    event(2, { lastTimestamp: '2026-01-01T00:00:02Z' }),
    event(3, { lastTimestamp: '2026-01-01T00:00:03Z' }),
  ];
  api.answer = (request) => json(request, 200, { metadata: {}, items });
  const { signal } = new AbortController();
  const about = { namespace: 'a', uid: 'u1' };
  const ask = () => api.world.finish(lastWarnings(api.client, about, signal), { withinMs: 99_000 });
  expect(await ask()).toEqual(['Failed: for the 4.', 'Failed: for the 3.', 'Failed: for the 2.']);
  expect(api.arrived[0]?.query.get('fieldSelector')).toBe('involvedObject.uid=u1,type=Warning');

  api.answer = (request) => refuse(request, 403, 'Forbidden');
  expect(await ask()).toEqual([]);
});
