import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  connectKubernetes,
  type KubernetesClient,
} from '../../../../server/providers/kubevirt/client.ts';
import type { ObjectKind } from '../../../../server/providers/kubevirt/kubernetes.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../../../server/providers/kubevirt/settings.ts';
import { realWorld, sleepBy, type World } from '../../../../server/world.ts';
import { watchLoopback } from '../../../kit/loopback.ts';
import { virtualWorld, type VirtualWorld } from '../../../kit/virtual-world.ts';

/** A request as it arrived, and the answer that is still to be given. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly response: ServerResponse;
}

/** An API server that does only what a test says, and the client that is tried on it. */
export interface RawApi {
  readonly world: VirtualWorld;
  readonly server: Server;
  readonly url: string;
  /** For files of the test; it goes with the server. */
  readonly folder: string;
  readonly client: KubernetesClient;
  /** Every request so far, the answered ones too. */
  readonly arrived: Arrived[];
  readonly log: string[];
  readonly faults: unknown[];
  /** What answers from now on. */
  answer: (request: Arrived) => void;
  close(): Promise<void>;
}

/** Objects of a kind that nobody knows. */
export const THINGS = {
  group: 'test.io',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  namespaced: true,
  schema: z.object({
    metadata: z.object({ name: z.string(), namespace: z.string(), resourceVersion: z.string() }),
    size: z.number().optional(),
  }),
} satisfies ObjectKind<unknown>;

/** A thing as the server sends it. */
export function thing(name: string, version: number, more: object = {}): object {
  const metadata = { name, namespace: 'a', uid: `uid-${name}`, resourceVersion: String(version) };
  return { apiVersion: 'test.io/v1', kind: 'Thing', metadata, ...more };
}

/** Answers JSON. */
export function json(request: Arrived, status: number, body: object, headers = {}): void {
  request.response.writeHead(status, { 'content-type': 'application/json', ...headers });
  request.response.end(JSON.stringify(body));
}

/** Answers a refusal as the API server words it. */
export function refuse(request: Arrived, code: number, reason: string, headers = {}): void {
  const message = `${reason} it is`;
  json(request, code, { kind: 'Status', status: 'Failure', code, reason, message }, headers);
}

/** Answers a whole list. */
export function list(request: Arrived, version: number, items: object[]): void {
  json(request, 200, { kind: 'ThingList', metadata: { resourceVersion: String(version) }, items });
}

/** Begins or goes on with the answer of a watch. */
export function tell(request: Arrived, type: string, object: object): void {
  request.response.write(`${JSON.stringify({ type, object })}\n`);
}

/** Lets everything open for a watch that has nothing to tell yet. */
export function open(request: Arrived): void {
  request.response.writeHead(200, { 'content-type': 'application/json' });
  request.response.flushHeaders();
}

/** How a kubeconfig of a test may differ. */
export interface RawApiOptions {
  readonly user?: object;
  readonly perSecond?: number;
  /** Real where the client starts processes, which virtual time would not wait for. */
  readonly world?: 'real' | 'virtual';
}

/** Starts one; nothing is answered until the test says what. */
export async function rawApi(options: RawApiOptions = {}): Promise<RawApi> {
  const loopback = watchLoopback();
  const world = virtualWorld({ seed: 7, isBusy: () => loopback.isBusy() });
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-kubeconfig-'));
  const arrived: Arrived[] = [];
  const log: string[] = [];
  const faults: unknown[] = [];
  const server = createServer((request, response) => void receive(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeconfig = join(folder, 'config');
  writeFileSync(
    kubeconfig,
    JSON.stringify(kubeconfigFor(url, options.user ?? { token: 'secret' })),
  );
  const { perSecond = 1_000 } = options;
  const settings = {
    ...DEFAULT_KUBEVIRT_SETTINGS,
    kubeconfig,
    requestsPerSecond: perSecond,
    requestBurst: perSecond,
  };
  const client = connectKubernetes({
    world: options.world === 'real' ? hurriedWorld() : world,
    settings,
    log: (line) => log.push(line),
    onFault: (error) => faults.push(error),
  });
  // The libraries are loaded in real time, which virtual time would not wait for.
  await client.connect();
  const api: RawApi = {
    world,
    server,
    url,
    folder,
    client,
    arrived,
    log,
    faults,
    answer: (request) => refuse(request, 404, 'NotFound'),
    close: async () => {
      await client.close();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      loopback.close();
      rmSync(folder, { recursive: true });
    },
  };
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const one = await read(request, response);
    arrived.push(one);
    api.answer(one);
  };
  return api;
}

/** Real time, but its timers are early. */
function hurriedWorld(): World {
  const real = realWorld();
  const after: World['after'] = (ms, callback) => real.after(ms / 20, callback);
  return { ...real, after, sleep: (ms, signal) => sleepBy(after, ms, signal) };
}

async function read(request: IncomingMessage, response: ServerResponse): Promise<Arrived> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://here');
  return {
    method: request.method ?? '',
    path: pathname,
    query: searchParams,
    headers: request.headers,
    body,
    response,
  };
}

function kubeconfigFor(server: string, user: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
}
