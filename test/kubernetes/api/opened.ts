import { onTestFinished } from 'vitest';
import { type Loopback, watchLoopback } from '../../kit/loopback.ts';
import { type VirtualWorld, virtualWorld } from '../../kit/virtual-world.ts';
import type { Controller, Kind, Part, Route } from '../ports.ts';
import {
  type KubernetesSimulator,
  type KubernetesSimulatorOptions,
  openKubernetesSimulator,
} from '../simulator.ts';
import type { Fields } from './fields.ts';

/** A custom kind to try the server with. */
const MACHINE: Kind = {
  group: 'test.snapyard.io',
  versions: ['v1', 'v1beta1'],
  kind: 'Machine',
  plural: 'machines',
  singular: 'machine',
  shortNames: ['mc'],
  namespaced: true,
  hasStatus: true,
  schema: {
    type: 'object',
    fields: {
      spec: {
        type: 'object',
        fields: {
          size: { type: 'integer' },
          memory: { type: 'quantity' },
          mode: { type: 'string', enum: ['A', 'B'] },
          tags: { type: 'array', items: { type: 'string' } },
          parts: {
            type: 'array',
            items: { type: 'object', fields: { name: { type: 'string' } }, required: ['name'] },
          },
          free: { type: 'any' },
        },
        required: ['size'],
      },
    },
    required: ['spec'],
  },
};

/** Where its objects lie. */
export const MACHINES = '/apis/test.snapyard.io/v1/namespaces/default/machines';

/** What a server answered. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Fields;
}

/** What to send. */
export interface Sent {
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A simulator in virtual time, with the kind `Machine` and nothing of KubeVirt. */
export interface Opened {
  readonly world: VirtualWorld;
  readonly simulator: KubernetesSimulator;
  readonly call: (method: string, path: string, body?: unknown, sent?: Sent) => Promise<Answered>;
  /** Begins a watch; its events so far are told by `lines`. */
  readonly watch: (path: string) => Promise<WatchSeen>;
  readonly done: <T>(promise: Promise<T>) => Promise<T>;
}

/** What a client has seen of a watch. */
export interface WatchSeen {
  readonly status: number;
  readonly lines: readonly { readonly type: string; readonly object: Fields }[];
  /** How it ended; undefined while it goes on. */
  readonly end: 'CLOSED' | 'TORN' | undefined;
  stop(): void;
}

/** Opens one, to be closed with the test. */
export async function open(
  options: Omit<KubernetesSimulatorOptions, 'world' | 'parts'> & {
    readonly controllers?: (simulator: () => KubernetesSimulator) => readonly Controller[];
    readonly routes?: readonly Route[];
  } = {},
): Promise<Opened> {
  const { controllers, routes = [], ...rest } = options;
  const loopback = watchLoopback();
  const world = virtualWorld({ seed: 7, isBusy: () => loopback.isBusy() });
  const part: Part = {
    kinds: [MACHINE],
    controllers: controllers?.(() => simulator) ?? [],
    routes,
  };
  const simulator = await openKubernetesSimulator({ ...rest, world, parts: () => [part] });
  await world.settle();
  onTestFinished(() => close(world, simulator, loopback));
  const address = `http://127.0.0.1:${simulator.port}`;
  const done = <T>(promise: Promise<T>) => world.finish(promise, { withinMs: 3_600_000 });
  return {
    world,
    simulator,
    done,
    call: (method, path, body, sent) => done(send(address + path, method, body, sent)),
    watch: (path) => done(watchAt(address + path)),
  };
}

async function close(
  world: VirtualWorld,
  simulator: KubernetesSimulator,
  loopback: Loopback,
): Promise<void> {
  await world.finish(simulator.close(), { withinMs: 1000 });
  loopback.close();
}

async function send(
  url: string,
  method: string,
  body: unknown,
  { type = 'application/json', headers = {} }: Sent = {},
): Promise<Answered> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': type, connection: 'close', ...headers },
    ...(body !== undefined && {
      body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body),
    }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const parsed = isJson ? (JSON.parse(text) as Fields) : { text };
  return { status: response.status, headers: response.headers, body: parsed };
}

async function watchAt(url: string): Promise<WatchSeen> {
  const stop = new AbortController();
  const response = await fetch(url, { signal: stop.signal, headers: { connection: 'close' } });
  const seen: { -readonly [Name in keyof WatchSeen]: WatchSeen[Name] } = {
    status: response.status,
    lines: [],
    end: undefined,
    stop: () => stop.abort(),
  };
  void follow(response, seen);
  return seen;
}

async function follow(
  response: Response,
  seen: { lines: WatchSeen['lines']; end: WatchSeen['end'] },
): Promise<void> {
  let text = '';
  try {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const lines = text.split('\n').slice(0, -1);
      seen.lines = lines.map((line) => JSON.parse(line) as WatchSeen['lines'][number]);
    }
    seen.end = 'CLOSED';
  } catch {
    seen.end = 'TORN';
  }
}
