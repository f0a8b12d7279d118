import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readKubeconfig } from '../../../../server/providers/kubevirt/kubeconfig.ts';
import { ProviderError } from '../../../../server/providers/provider.ts';
import { json, list, open, rawApi, refuse, THINGS } from './raw-api-server.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'snapyard-kubeconfig-'));
  path = join(folder, 'config');
});

afterEach(() => rmSync(folder, { recursive: true }));

const CONFIG = {
  clusters: [
    { name: 'c', cluster: { server: 'https://10.0.0.1:6443/k8s/one' } },
    { name: 'p', cluster: { server: 'https://10.0.0.2', 'proxy-url': 'http://10.0.0.3:3128' } },
  ],
  users: [{ name: 'u', user: { token: 'secret' } }],
  contexts: [
    { name: 'x', context: { cluster: 'c', user: 'u' } },
    { name: 'proxied', context: { cluster: 'p', user: 'u' } },
    { name: 'lost', context: { cluster: 'gone', user: 'u' } },
  ],
  'current-context': 'x',
};

const write = (config: object) => writeFileSync(path, JSON.stringify(config));

test('the current context counts, unless another one is asked for', async () => {
  write(CONFIG);
  const current = await readKubeconfig({ kubeconfig: path, context: undefined });
  expect(current.server.href).toBe('https://10.0.0.1:6443/k8s/one');
  expect(await current.authenticate()).toMatchObject({
    headers: { Authorization: 'Bearer secret' },
  });
  const other = await readKubeconfig({ kubeconfig: path, context: 'proxied' });
  expect(await other.authenticate()).toMatchObject({
    transport: { type: 'proxy', uri: 'http://10.0.0.3:3128' },
  });
});

test.each([
  ['a file that is not there', undefined, undefined, 'ENOENT'],
  ['a file of another kind', 'token: [secret', undefined, 'cannot be used'],
  ['a context that is not in it', CONFIG, 'z', 'no context "z", only: x, proxied, lost'],
  ['a context without a cluster', CONFIG, 'lost', 'names no cluster'],
])('%s is one line that says so', async (_what, content, context, says) => {
  if (typeof content === 'string') writeFileSync(path, content);
  if (typeof content === 'object') write(content);
  const error: unknown = await readKubeconfig({ kubeconfig: path, context }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ProviderError);
  const { message, retryable } = error instanceof ProviderError ? error : { message: '' };
  expect(message).toContain(says);
  expect(message).not.toContain('secret');
  expect(message).not.toContain('\n');
  expect(retryable).toBe(false);
});

test('where nothing is set up at all, that is told', async () => {
  vi.stubEnv('KUBECONFIG', '');
  vi.stubEnv('HOME', folder);
  const error: unknown = await readKubeconfig({ kubeconfig: undefined, context: undefined }).catch(
    (thrown: unknown) => thrown,
  );
  expect(String(error)).toContain('no kubeconfig was found');
});

/** A plugin that gives one token after the other, and at last none. */
function plugin(): object {
  const script = join(folder, 'plugin.sh');
  const count = join(folder, 'count');
  writeFileSync(count, '0');
  writeFileSync(
    script,
    `n=$(($(cat ${count}) + 1)); echo $n > ${count}
if [ $n -gt 2 ]; then echo "the login has expired" >&2; exit 1; fi
echo '{"status":{"token":"token-'$n'","expirationTimestamp":"2020-01-01T00:00:00Z"}}'`,
  );
  return { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: [script] } };
}

test('tokens are asked for anew; a login that fails is a failure like any other', async () => {
  const api = await rawApi({ user: plugin(), world: 'real' });
  try {
    const { signal } = new AbortController();
    api.answer = (request) => json(request, 200, {});
    await api.client.call('GET', '/version', { signal });
    await api.client.call('GET', '/version', { signal });
    expect(api.arrived.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ]);
    await expect(api.client.call('PUT', '/version', { signal })).rejects.toThrow(
      'the login has expired',
    );
  } finally {
    await api.close();
  }
});

test('a login that fails when a watch is opened again does not end its view', async () => {
  const api = await rawApi({ user: plugin(), world: 'real' });
  try {
    const view = api.client.view(THINGS, { namespace: 'a' });
    api.answer = (request) => {
      if (request.query.get('watch') === null) return list(request, 1, []);
      open(request);
      request.response.socket?.resetAndDestroy();
    };
    view.onChange(() => {});
    await vi.waitFor(() => expect(view.trouble).toContain('the login has expired'), 10_000);
    expect(api.client.watches()).toHaveLength(1);
  } finally {
    await api.close();
  }
});

test('a token that was renewed in the file is taken; one that is half written is not', async () => {
  const api = await rawApi({ user: { token: 'old' }, world: 'real' });
  try {
    const { signal } = new AbortController();
    const path = join(api.folder, 'config');
    const whole = readFileSync(path, 'utf8');
    api.answer = (request) => {
      if (request.headers.authorization === 'Bearer new') json(request, 200, { it: 'works' });
      else refuse(request, 401, 'Unauthorized');
    };
    const ask = () => api.client.call('GET', '/version', { signal });
    writeFileSync(path, whole.slice(0, 40));
    await expect(ask()).rejects.toThrow('Unauthorized');
    await expect(ask()).rejects.toThrow('Unauthorized');
    writeFileSync(path, whole.replace('old', 'new'));
    await vi.waitFor(async () => expect(await ask()).toEqual({ it: 'works' }), 5_000);
  } finally {
    await api.close();
  }
});
