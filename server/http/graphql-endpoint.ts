import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import type { Auth, Identity } from '../auth.ts';
import { answer, answerResult, HttpRefusal } from './answer.ts';
import { readJson } from './body.ts';
import type { Engine } from './engine.ts';
import type { EventStreams } from './event-stream.ts';
import type { Guard } from './guard.ts';
import type { Limits } from './limits.ts';
import { parseOperation, type Operation } from './operation.ts';
import { Subscription } from './subscription.ts';

/** What the endpoint is made of. */
export interface EndpointParts {
  readonly engine: Engine;
  readonly auth: Auth;
  readonly guard: Guard;
  readonly limits: Limits;
  readonly streams: EventStreams;
}

/** What an operation came to, and who asked for it. */
interface Answered {
  readonly identity: Identity;
  readonly result: ExecutionResult | Subscription;
}

const GRAPHQL_JSON = 'application/graphql-response+json';

/** GraphQL over HTTP: JSON by POST, answered as JSON or, when asked for, as server-sent events. */
export class GraphqlEndpoint {
  readonly #parts: EndpointParts;

  constructor(parts: EndpointParts) {
    this.#parts = parts;
  }

  /** Answers one request; what is wrong with it as such is thrown. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#letOriginRead(request, response);
    if (request.method === 'OPTIONS') return answerPreflight(response);
    if (request.method !== 'POST')
      throw new HttpRefusal(405, 'BAD_INPUT', 'GraphQL is sent by POST', { allow: 'POST' });
    const { identity, result } = await this.#run(request);
    const { accept = '' } = request.headers;
    if (isSentAsEvents(accept, result))
      return await this.#parts.streams.send(response, result, identity);
    const mediaType = accept.includes(GRAPHQL_JSON) ? GRAPHQL_JSON : 'application/json';
    const single = result instanceof Subscription ? refuseStream(result) : result;
    answerResult(response, statusOf(single, mediaType), mediaType, single);
  }

  async #run(request: IncomingMessage): Promise<Answered> {
    const { auth, engine, limits } = this.#parts;
    const identity = auth.authenticate(request.headers.authorization);
    if (identity === undefined) throw unauthenticated();
    if (engine.running() >= limits.pendingOperations) throw overloaded();
    const operation = asHttp(await readJson(request, limits.bodyBytes));
    return { identity, result: await engine.run(operation, identity.viewer) };
  }

  #letOriginRead({ headers: { origin } }: IncomingMessage, response: ServerResponse): void {
    if (origin === undefined || !this.#parts.guard.isForeign(origin)) return;
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('vary', 'Origin');
  }
}

/** One result is JSON for everybody who also takes that: clients name all they can read. */
function isSentAsEvents(accept: string, result: ExecutionResult | Subscription): boolean {
  if (!accept.includes('text/event-stream')) return false;
  return result instanceof Subscription || !accept.includes('json');
}

function answerPreflight(response: ServerResponse): void {
  const headers: Record<string, string> = {
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': '600',
  };
  answer(response, 204, headers, '');
}

function unauthenticated(): HttpRefusal {
  const message = 'send "Authorization: Bearer" with a token of this server';
  return new HttpRefusal(401, 'UNAUTHENTICATED', message, { 'www-authenticate': 'Bearer' });
}

function overloaded(): HttpRefusal {
  const message = 'too many requests are under way; try again';
  return new HttpRefusal(503, 'UNAVAILABLE', message, { 'retry-after': '1' });
}

function asHttp(message: unknown): Operation {
  try {
    return parseOperation(message);
  } catch (error) {
    throw new HttpRefusal(400, 'BAD_INPUT', error instanceof Error ? error.message : 'not a query');
  }
}

/** A subscription has no one answer. */
function refuseStream(subscription: Subscription): never {
  subscription.end();
  const message = 'subscriptions are sent over WebSocket, or with "Accept: text/event-stream"';
  throw new HttpRefusal(406, 'BAD_INPUT', message);
}

/**
 * Plain JSON is answered 200 whenever GraphQL has been reached; the newer type tells by its
 * status whether anything was executed.
 */
function statusOf(result: ExecutionResult, mediaType: string): number {
  if ('data' in result) return 200;
  const codes = result.errors?.map(({ extensions }) => extensions['code']) ?? [];
  if (codes.includes('INTERNAL')) return 500;
  if (codes.includes('UNAVAILABLE')) return 503;
  return mediaType === GRAPHQL_JSON ? 400 : 200;
}
