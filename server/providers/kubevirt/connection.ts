import type { Duplex, Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { Dispatchers } from './dispatchers.ts';
import { type Credentials, readKubeconfig } from './kubeconfig.ts';
import { KubernetesError } from './kubernetes.ts';
import { LimitedSignal, unlessAborted } from './limited-signal.ts';
import type { KubevirtSettings } from './settings.ts';
import { refusal } from './status.ts';
import { openWebSocket } from './web-socket-stream.ts';

/** How long one attempt at a call may take; the server's own webhooks get ten seconds. */
const ATTEMPT_MS = 30_000;
const LONGEST_ANSWER = 64 * 1024 * 1024;
const LONGEST_REFUSAL = 256 * 1024;

/** One attempt at a call. */
export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: object | undefined;
  readonly signal: AbortSignal;
}

/** Attempts at calls, each by itself: it knows no object, and repeats nothing. */
export class Connection {
  readonly #world: World;
  readonly #credentials: Credentials;
  readonly #dispatchers: Dispatchers;
  readonly #streams = new Set<Duplex>();

  private constructor(world: World, credentials: Credentials, dispatchers: Dispatchers) {
    this.#world = world;
    this.#credentials = credentials;
    this.#dispatchers = dispatchers;
  }

  /** Reads the settings; sends nothing yet. */
  static async open(
    world: World,
    settings: Pick<KubevirtSettings, 'kubeconfig' | 'context'>,
  ): Promise<Connection> {
    const credentials = await readKubeconfig(settings);
    return new Connection(world, credentials, new Dispatchers(await import('undici')));
  }

  /** Sends a call and answers the parsed body; undefined where it is empty. */
  async exchange(call: HttpCall): Promise<unknown> {
    const limit = new LimitedSignal(this.#world, call.signal, ATTEMPT_MS);
    try {
      const response = await this.#send(call, 'requests', limit.signal);
      const text = await readText(response.body, LONGEST_ANSWER);
      if (response.statusCode >= 300) throw this.#refusal(call, response, text);
      return text === '' ? undefined : parse(call, response.statusCode, text);
    } catch (error) {
      throw failure(error, call, limit);
    } finally {
      limit.done();
    }
  }

  /** Sends a call whose answer has no end; whoever reads it stops by the signal. */
  async watch(call: HttpCall): Promise<Readable> {
    const limit = new LimitedSignal(this.#world, call.signal, ATTEMPT_MS);
    try {
      const sending = this.#send(call, 'watches', call.signal);
      // Its headers are late or its caller has gone: what comes after all is not read.
      sending.then(({ body }) => limit.signal.aborted && discard(body)).catch(() => {});
      const response = await unlessAborted(sending, limit.signal);
      if (response.statusCode < 300) return response.body;
      throw this.#refusal(call, response, await readText(response.body, LONGEST_REFUSAL));
    } catch (error) {
      throw failure(error, call, limit);
    } finally {
      limit.done();
    }
  }

  /** Opens a WebSocket; the signal is for its opening only. */
  async stream(path: string, signal: AbortSignal): Promise<Duplex> {
    const limit = new LimitedSignal(this.#world, signal, ATTEMPT_MS);
    try {
      limit.signal.throwIfAborted();
      const login = this.#credentials.webSocketOptions();
      const options = await unlessAborted(login, limit.signal);
      const url = this.#address(path);
      url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
      const stream = await openWebSocket({
        world: this.#world,
        url,
        options,
        signal: limit.signal,
      });
      this.#streams.add(stream);
      stream.once('close', () => this.#streams.delete(stream));
      return stream;
    } catch (error) {
      throw failure(error, { method: 'GET', path, signal }, limit);
    } finally {
      limit.done();
    }
  }

  /** Lets what is open come to its end; nothing new is asked of it. */
  async retire(): Promise<void> {
    await this.#dispatchers.retire();
    await Promise.all([...this.#streams].map(closed));
  }

  /** Cuts everything that is open. */
  async close(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    await this.#dispatchers.close();
  }

  async #send(
    call: HttpCall,
    lane: 'requests' | 'watches',
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    signal.throwIfAborted();
    const login = await unlessAborted(this.#credentials.authenticate(), signal);
    const dispatcher = this.#dispatchers.lanesFor(login.transport)[lane];
    const url = this.#address(call.path);
    return dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: call.method,
      headers: {
        accept: 'application/json',
        'user-agent': 'snapyard',
        ...(call.body && { 'content-type': call.contentType ?? 'application/json' }),
        ...login.headers,
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal,
    });
  }

  #address(path: string): URL {
    const { server } = this.#credentials;
    return new URL(server.origin + server.pathname.replace(/\/$/, '') + path);
  }

  #refusal(call: HttpCall, response: Dispatcher.ResponseData, text: string): KubernetesError {
    const retryAfter = response.headers['retry-after'];
    return refusal({
      what: nameOf(call),
      status: response.statusCode,
      text,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
      now: this.#world.now(),
    });
  }
}

/** Reads all of a body; a longer one is cut off and refused. */
async function readText(body: Readable, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most) throw new TooLong(`the answer is longer than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

class TooLong extends Error {}

function parse(call: HttpCall, status: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const begins = JSON.stringify(text.slice(0, 100));
    throw new KubernetesError(
      `${nameOf(call)} was answered by ${status} with no JSON; it begins ${begins}`,
      { status, reason: 'NoJson' },
    );
  }
}

/** Errors of a socket that was never open: nothing has been sent. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** What became of an attempt: the caller's own abortion, or an error of this API. */
function failure(error: unknown, call: HttpCall, limit: LimitedSignal): unknown {
  if (call.signal.aborted) return call.signal.reason;
  if (error instanceof KubernetesError || error instanceof ProviderError) return error;
  const isTooLong = error instanceof TooLong;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = error instanceof Error ? error.message || code : String(error);
  const reason = NEVER_SENT.has(code) ? 'NeverSent' : isTooLong ? 'TooLong' : 'NoAnswer';
  return new KubernetesError(`${nameOf(call)} has no answer: ${why}`, {
    status: 0,
    reason: limit.hasPassed ? 'Timeout' : reason,
    cause: error,
  });
}

/** A call without its query, as it is told. */
function nameOf({ method, path }: HttpCall): string {
  return `${method} ${path.split('?')[0]}`;
}

function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => void stream.once('close', resolve));
}

function discard(body: Readable): void {
  body.on('error', () => {});
  body.destroy();
}
