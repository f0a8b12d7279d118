import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { viewOf } from '../../schema/model/viewer.ts';
import type { Auth, Identity } from '../auth.ts';
import { answer, answerJson, HttpRefusal } from './answer.ts';
import { parseJson, readBody } from './body.ts';
import type { Engine } from './engine.ts';
import type { EventStreams } from './event-stream.ts';
import type { Guard } from './guard.ts';
import type { KeptAnswers } from './kept-answers.ts';
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
  readonly kept: KeptAnswers;
}

/** A request that may come in. */
interface Asked {
  readonly identity: Identity;
  readonly body: string;
  /** What kinds of answers the caller can read. */
  readonly accept: string;
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
    const asked = await this.#read(request);
    const question = `${viewOf(asked.identity.viewer)}\n${asked.body}`;
    const kept = await this.#parts.kept.find(question);
    if (kept !== undefined && isJsonRead(asked.accept))
      return answerJson(response, 200, mediaTypeOf(asked.accept), kept);
    const answering = this.#answer(asked, response);
    await this.#parts.kept.make(question, answering);
  }

  /** Runs what was asked and answers it; resolves to what may be kept of that. */
  async #answer(
    { identity, body, accept }: Asked,
    response: ServerResponse,
  ): Promise<string | undefined> {
    const { engine, streams } = this.#parts;
    const result = await engine.run(asHttp(body), identity.viewer);
    if (isSentAsEvents(accept, result)) {
      if (result instanceof Subscription && !streams.canCarry(response)) refuseBehind(result);
      await streams.send(response, result, identity);
      return undefined;
    }
    const single = result instanceof Subscription ? refuseStream(result) : result;
    const mediaType = mediaTypeOf(accept);
    const text = JSON.stringify(single);
    answerJson(response, statusOf(single, mediaType), mediaType, text);
    return engine.isForAll(single) ? text : undefined;
  }

  async #read(request: IncomingMessage): Promise<Asked> {
    const { auth, engine, limits } = this.#parts;
    const { authorization, accept = '' } = request.headers;
    const identity = auth.authenticate(authorization);
    if (identity === undefined) throw unauthenticated();
    if (engine.running() >= limits.pendingOperations) throw overloaded();
    return { identity, accept, body: await readBody(request, limits.bodyBytes) };
  }

  #letOriginRead({ headers: { origin } }: IncomingMessage, response: ServerResponse): void {
    if (origin === undefined || !this.#parts.guard.isForeign(origin)) return;
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('vary', 'Origin');
  }
}

function mediaTypeOf(accept: string): string {
  return accept.includes(GRAPHQL_JSON) ? GRAPHQL_JSON : 'application/json';
}

function isJsonRead(accept: string): boolean {
  return !accept.includes('text/event-stream') || accept.includes('json');
}

/** One result is JSON for everybody who also takes that: clients name all they can read. */
function isSentAsEvents(accept: string, result: ExecutionResult | Subscription): boolean {
  if (!accept.includes('text/event-stream')) return false;
  return result instanceof Subscription || !isJsonRead(accept);
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

function asHttp(body: string): Operation {
  const message = parseJson(body);
  try {
    return parseOperation(message);
  } catch (error) {
    throw new HttpRefusal(400, 'BAD_INPUT', error instanceof Error ? error.message : 'not a query');
  }
}

function refuseBehind(subscription: Subscription): never {
  subscription.end();
  const message = 'a stream is not sent behind another answer: open a connection for it';
  throw new HttpRefusal(400, 'BAD_INPUT', message);
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
