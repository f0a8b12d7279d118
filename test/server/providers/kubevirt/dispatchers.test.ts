import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as undici from 'undici';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Dispatchers } from '../../../../server/providers/kubevirt/dispatchers.ts';
import type { Transport } from '../../../../server/providers/kubevirt/kubeconfig.ts';

let dispatchers: Dispatchers;
let server: Server;
let port: number;
let seen: string[];
let hold: (() => void)[];

beforeEach(async () => {
  dispatchers = new Dispatchers(undici);
  seen = [];
  hold = [];
  server = createServer((request, response) => {
    seen.push(request.url ?? '');
    const answer = () => response.end('{}');
    if (request.url === '/slow') hold.push(answer);
    else answer();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});

afterEach(async () => {
  await dispatchers.close();
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

const tls = (cert: string): Transport => ({ type: 'agent', connect: { cert: Buffer.from(cert) } });

/** Gets a path, and answers its text. */
async function get(transport: Transport, path: string, host = `127.0.0.1:${port}`) {
  const { requests } = dispatchers.lanesFor(transport);
  const { body } = await requests.request({ origin: `http://${host}`, path, method: 'GET' });
  return body.text();
}

test('the same certificates share connections, others get new ones', () => {
  const first = dispatchers.lanesFor(tls('one'));
  expect(dispatchers.lanesFor(tls('one'))).toBe(first);
  const second = dispatchers.lanesFor(tls('two'));
  expect(second).not.toBe(first);
  expect(second.requests).not.toBe(second.watches);
});

test('what is under way when certificates change comes to its end', async () => {
  const slow = get({ type: 'none' }, '/slow');
  await expect.poll(() => hold.length).toBe(1);
  expect(await get({ type: 'agent', connect: {} }, '/quick')).toBe('{}');
  for (const answer of hold) answer();
  expect(await slow).toBe('{}');
});

test('the closing cuts what is under way', async () => {
  const slow = get({ type: 'none' }, '/slow');
  await expect.poll(() => hold.length).toBe(1);
  await Promise.all([dispatchers.close(), expect(slow).rejects.toThrow()]);
});

test('a proxy on the way is taken', async () => {
  const transport: Transport = {
    type: 'proxy',
    uri: `http://127.0.0.1:${port}`,
    requestTls: {},
    connect: {},
  };
  expect(await get(transport, '/version', 'api.invalid')).toBe('{}');
  expect(seen).toEqual(['http://api.invalid/version']);
});

test('a proxy of the old SOCKS is refused with a word', () => {
  const transport: Transport = { type: 'socks', uri: 'socks4://127.0.0.1:1', requestTls: {} };
  expect(() => dispatchers.lanesFor(transport)).toThrow('SOCKS 4');
  const known: Transport = { type: 'socks', uri: 'socks5h://127.0.0.1:1', requestTls: {} };
  expect(dispatchers.lanesFor(known).requests).toBeInstanceOf(undici.Socks5ProxyAgent);
});
