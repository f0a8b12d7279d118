import { type ExecutionArgs, type ExecutionResult, type GraphQLSchema, parse } from 'graphql';
import {
  type ConnectionInitMessage,
  CloseCode,
  type Context,
  makeServer,
  type OperationResult,
  type Server,
  type SubscribePayload,
} from 'graphql-ws';
import { requestError, type RequestErrorCode } from '../../schema/request-error.ts';
import type { Auth, Identity } from '../auth.ts';
import type { Engine } from './engine.ts';
import type { Limits } from './limits.ts';
import type { SocketOperation, SocketOperations } from './socket-operations.ts';
import { Subscription } from './subscription.ts';
import { type WebSocketLine, WebSocketOutlet } from './web-socket-line.ts';

/** What is kept of a connection. */
export interface Connection {
  readonly line: WebSocketLine;
  /** What it has asked. */
  readonly operations: SocketOperations;
  /** What the request said of its caller; browsers cannot say anything there. */
  readonly authorization: string | undefined;
  /** Who it is; nobody before `connection_init`. */
  identity?: Identity | undefined;
}

/** What the protocol needs. */
export interface ProtocolParts {
  readonly schema: GraphQLSchema;
  readonly engine: Engine;
  readonly auth: Auth;
  readonly limits: Limits;
  /** Whether the server is about to stop. */
  readonly stopping: () => boolean;
}

type Payload = ConnectionInitMessage['payload'];

/** Time for `connection_init` to come. */
const INIT_MS = 3_000;

/** Characters of an operation's id, which is repeated before each of its results. */
const MOST_ID_LENGTH = 128;

/** The library wants the document of what it executes; the engine has executed it already. */
const EXECUTED = parse('{ __typename }');

/**
 * The graphql-transport-ws protocol. The library keeps its rules; an operation is run by the
 * engine while the library still asks for it (`onSubscribe`), so that it takes the one way that
 * all take, and the library only hands out the result.
 */
export function speakProtocol(parts: ProtocolParts): Server<Connection> {
  const results = new WeakMap<ExecutionArgs, OperationResult>();
  return makeServer<Payload, Connection>({
    connectionInitWaitTimeout: INIT_MS,
    onConnect({ connectionParams, extra }) {
      extra.identity = parts.auth.authenticate(authorizationOf(connectionParams, extra));
      return extra.identity !== undefined;
    },
    async onSubscribe(context, id, payload) {
      const { operations, line } = context.extra;
      if (id.length > MOST_ID_LENGTH) {
        line.close(CloseCode.BadRequest, 'The id of an operation is too long');
        return await never();
      }
      const operation = operations.begin(id);
      const result = await run(context, { ...payload }, parts);
      forget(payload);
      operation.answered(result);
      if (operation.isReplaced) return await never();
      if (!(result instanceof Subscription) && !('data' in result)) {
        operation.end();
        return result.errors ?? [];
      }
      const args = { schema: parts.schema, document: EXECUTED };
      results.set(args, new Delivery(result, { operation, id, line }));
      return args;
    },
    execute: (args) => results.get(args) ?? {},
  });
}

/**
 * The library keeps what was asked for as long as it is answered; nobody needs it any more, and
 * those who share an answer share one copy.
 */
function forget(payload: SubscribePayload): void {
  Object.assign(payload, { query: '', variables: undefined, extensions: undefined });
}

/** Where a result goes. */
interface Way {
  readonly operation: SocketOperation;
  readonly id: string;
  readonly line: WebSocketLine;
}

/**
 * A result as the library holds it: a stream. That of a subscription never has anything, because
 * what it has is written beside it, and ends when either side is through. So the library knows of
 * the operation from its beginning to its end, and of nothing in between. That of an operation
 * whose id is another's by now never ends, since the library would end the other.
 */
class Delivery implements AsyncIterableIterator<ExecutionResult, undefined> {
  readonly #way: Way;
  #result: ExecutionResult | Subscription | undefined;

  constructor(result: ExecutionResult | Subscription, way: Way) {
    this.#result = result;
    this.#way = way;
  }

  next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    const { operation, id, line } = this.#way;
    const result = this.#result;
    this.#result = undefined;
    if (result instanceof Subscription)
      result.start(new WebSocketOutlet(line, id, () => operation.end()));
    else if (result === undefined) operation.end();
    else return Promise.resolve({ done: false, value: result });
    return operation.finished.then(() => (operation.isReplaced ? never() : DONE));
  }

  return(): Promise<IteratorResult<ExecutionResult, undefined>> {
    this.#way.operation.end();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const DONE = { done: true, value: undefined } as const;

/** A new one each time: one for all would keep all who wait for it. */
function never(): Promise<never> {
  return new Promise(() => {});
}

async function run(
  context: Context<Payload, Connection>,
  operation: SubscribePayload,
  parts: ProtocolParts,
): Promise<ExecutionResult | Subscription> {
  const { identity } = context.extra;
  if (identity === undefined || !parts.auth.isValid(identity))
    return refused('UNAUTHENTICATED', 'the token of this connection is no longer good');
  const busy = whyBusy(context, parts);
  return busy === undefined
    ? await parts.engine.run(operation, identity.viewer)
    : refused('UNAVAILABLE', busy);
}

function refused(code: RequestErrorCode, message: string): ExecutionResult {
  return { errors: [requestError(code, message)] };
}

function whyBusy(
  { extra: { operations } }: Context<Payload, Connection>,
  { engine, limits, stopping }: ProtocolParts,
): string | undefined {
  if (stopping()) return 'the server is about to stop';
  if (operations.size > limits.operationsPerSocket)
    return `a connection has at most ${limits.operationsPerSocket} operations at once`;
  if (engine.running() >= limits.pendingOperations)
    return 'too many requests are under way; try again';
  return undefined;
}

/** Browsers cannot set headers of a WebSocket: the token comes in `connection_init`. */
function authorizationOf(parameters: Payload, { authorization }: Connection): string | undefined {
  const given = parameters?.['Authorization'] ?? parameters?.['authorization'];
  return typeof given === 'string' ? given : authorization;
}
