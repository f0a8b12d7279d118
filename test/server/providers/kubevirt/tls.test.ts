import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import {
  connectKubernetes,
  type KubernetesClient,
} from '../../../../server/providers/kubevirt/client.ts';
import { NAMESPACES } from '../../../../server/providers/kubevirt/objects.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../../../server/providers/kubevirt/settings.ts';
import { realWorld, sleepBy, type World } from '../../../../server/world.ts';

// Real API servers speak TLS with certificates of their own. Those here are made by openssl, so
// nothing that looks like a key is kept.

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const never = new AbortController().signal;

describe.skipIf(!hasOpenssl)('over TLS (needs openssl)', { timeout: 30_000 }, () => {
  let folder = '';
  let server: Server;
  let port = 0;
  const clients: KubernetesClient[] = [];
  /** Who each request came from, by its client certificate and its token. */
  const callers: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'snapyard-tls-'));
    makeCertificates(folder);
    server = await openServer(folder, callers);
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    callers.length = 0;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
    rmSync(folder, { recursive: true });
  });

  async function clientWith(cluster: object, user: object = { token: 'a-token' }) {
    const kubeconfig = join(folder, 'kubeconfig');
    const whole = { server: `https://127.0.0.1:${port}`, ...cluster };
    writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(whole, user)));
    const settings = { ...DEFAULT_KUBEVIRT_SETTINGS, kubeconfig };
    const client = connectKubernetes({ world: hurriedWorld(), settings, log: () => {} });
    clients.push(client);
    await client.connect();
    return client;
  }
  const ca = () => ({ 'certificate-authority-data': readFileSync(at('ca.crt'), 'base64') });
  const at = (name: string) => join(folder, name);

  test('calls, watches and streams trust the authority that the kubeconfig names', async () => {
    const client = await clientWith(ca());
    expect((await client.get(NAMESPACES, { name: 'a' }, never))?.metadata.name).toBe('a');
    const view = client.view(NAMESPACES, {});
    await view.ready(never);
    expect(view.all().map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect(await echoed(client)).toBe('ping');
    expect(new Set(callers)).toEqual(new Set(['nobody Bearer a-token']));
  });

  test('a client certificate says who calls, also for streams', async () => {
    const client = await clientWith(ca(), {
      'client-certificate': at('client.crt'),
      'client-key': at('client.key'),
    });
    await client.get(NAMESPACES, { name: 'a' }, never);
    expect(await echoed(client)).toBe('ping');
    expect(callers).toEqual(['a-client none', 'a-client none']);
  });

  test('a server whose authority is not known is told of, and gets no token', async () => {
    const client = await clientWith({});
    const tried = client.get(NAMESPACES, { name: 'a' }, never);
    await expect(tried).rejects.toThrow(/GET .*certificate/);
    await expect(client.stream('/echo', never)).rejects.toThrow(/certificate/);
    expect(callers).toEqual([]);
  });

  test('a server of another name is refused, unless that name is expected', async () => {
    const elsewhere = { ...ca(), server: `https://localhost:${port}` };
    const refused = (await clientWith(elsewhere)).get(NAMESPACES, { name: 'a' }, never);
    await expect(refused).rejects.toThrow(/localhost/);
    const client = await clientWith({ ...elsewhere, 'tls-server-name': 'api.internal' });
    expect((await client.get(NAMESPACES, { name: 'a' }, never))?.metadata.name).toBe('a');
    expect(await echoed(client)).toBe('ping');
  });

  test('a proxy on the way carries calls and streams, and sees no token', async () => {
    const proxy = await openProxy();
    try {
      const url = `http://127.0.0.1:${proxy.port}`;
      const client = await clientWith({ ...ca(), 'proxy-url': url });
      expect((await client.get(NAMESPACES, { name: 'a' }, never))?.metadata.name).toBe('a');
      expect(await echoed(client)).toBe('ping');
      expect(proxy.asked).toEqual([`127.0.0.1:${port}`, `127.0.0.1:${port}`]);
      expect(proxy.seen.join()).not.toContain('a-token');
      await client.close();
    } finally {
      await proxy.close();
    }
  });
});

/** An authority, a server of two names and a client; keys of them stay in the folder. */
function makeCertificates(folder: string): void {
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-subj',
    '/CN=an-authority',
    '-days',
    '2',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  );
  for (const [name, subject, names] of [
    ['server', '/CN=a-server', 'subjectAltName=IP:127.0.0.1,DNS:api.internal'],
    ['client', '/O=tests/CN=a-client', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    openssl('req', ...key, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    writeFileSync(join(folder, `${name}.ext`), `${names}\n`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    );
  }
}

/** An API server with one namespace, and an echo for streams. */
async function openServer(folder: string, callers: string[]): Promise<Server> {
  const read = (name: string) => readFileSync(join(folder, name));
  const server = createServer({
    key: read('server.key'),
    cert: read('server.crt'),
    ca: read('ca.crt'),
    requestCert: true,
    rejectUnauthorized: false,
  });
  const metadata = { name: 'a', uid: 'uid-a', resourceVersion: '1' };
  const one = { apiVersion: 'v1', kind: 'Namespace', metadata };
  const all = { kind: 'NamespaceList', metadata: { resourceVersion: '1' }, items: [one] };
  server.on('request', (request, response) => {
    callers.push(callerOf(request));
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://here');
    response.writeHead(200, { 'content-type': 'application/json' });
    if (searchParams.get('watch') === '1') return response.flushHeaders();
    return response.end(JSON.stringify(pathname.endsWith('/a') ? one : all));
  });
  const sockets = new WebSocketServer({ server, path: '/echo' });
  sockets.on('connection', (socket, request) => {
    callers.push(callerOf(request));
    socket.on('message', (data) => socket.send(data));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function callerOf({ socket, headers }: IncomingMessage): string {
  const { subject } = (socket as TLSSocket).getPeerCertificate();
  return `${String(subject?.CN ?? 'nobody')} ${headers.authorization ?? 'none'}`;
}

/** A proxy that carries what it cannot read. */
async function openProxy() {
  const asked: string[] = [];
  const seen: string[] = [];
  const open = new Set<Duplex>();
  const proxy = createPlainServer();
  proxy.on('connect', (request: IncomingMessage, near: Duplex) => {
    asked.push(request.url ?? '');
    seen.push(JSON.stringify(request.headers));
    const [host = '', port] = (request.url ?? '').split(':');
    const far = connect(Number(port), host, () => {
      near.write('HTTP/1.1 200 Connection established\r\n\r\n');
      near.pipe(far).pipe(near);
    });
    near.on('data', (chunk: Buffer) => void seen.push(chunk.toString('latin1')));
    for (const end of [near, far]) {
      open.add(end);
      end.on('error', () => {});
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const close = async () => {
    for (const end of open) end.destroy();
    proxy.closeAllConnections();
    await new Promise((resolve) => {
      proxy.close(resolve);
    });
  };
  return { port: (proxy.address() as AddressInfo).port, asked, seen, close };
}

async function echoed(client: KubernetesClient): Promise<string> {
  const stream = await client.stream('/echo', never);
  stream.write('ping');
  const [answer] = (await once(stream, 'data')) as [Buffer];
  stream.destroy();
  return answer.toString();
}

function kubeconfigOf(cluster: object, user: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
}

/** Real time, since TLS takes some, but pauses are short. */
function hurriedWorld(): World {
  const real = realWorld();
  const after: World['after'] = (ms, callback) => real.after(ms / 20, callback);
  return { ...real, after, sleep: (ms, signal) => sleepBy(after, ms, signal) };
}
