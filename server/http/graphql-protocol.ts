import { type ExecutionArgs, type ExecutionResult, type GraphQLSchema, parse } from 'graphql';
import {
  type ConnectionInitMessage,
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
import { Subscription } from './subscription.ts';
import { type WebSocketLine, WebSocketOutlet } from './web-socket-line.ts';

/** What is kept of a connection. */
export interface Connection {
  readonly line: WebSocketLine;
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
      const result = await run(context, payload, parts);
      if (!(result instanceof Subscription) && !('data' in result)) return result.errors ?? [];
      const args = { schema: parts.schema, document: EXECUTED };
      results.set(args, asOperationResult(result, id, context.extra));
      return args;
    },
    execute: (args) => results.get(args) ?? {},
  });
}

function asOperationResult(
  result: ExecutionResult | Subscription,
  id: string,
  { line }: Connection,
): OperationResult {
  return result instanceof Subscription ? delivering(result, id, line) : result;
}

/**
 * A subscription as the library holds it: a stream that never has anything, because what it has
 * is written beside it, and that ends when either side is through. So the library knows of the
 * operation from its beginning to its end, and of nothing in between.
 */
function delivering(
  subscription: Subscription,
  id: string,
  line: WebSocketLine,
): AsyncIterableIterator<never, undefined> {
  const { promise, resolve } = Promise.withResolvers<IteratorReturnResult<undefined>>();
  const over = () => resolve({ done: true, value: undefined });
  let hasStarted = false;
  return {
    next() {
      if (!hasStarted) subscription.start(new WebSocketOutlet(line, id, over));
      hasStarted = true;
      return promise;
    },
    return() {
      subscription.end();
      over();
      return promise;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
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
  { subscriptions }: Context<Payload, Connection>,
  { engine, limits, stopping }: ProtocolParts,
): string | undefined {
  if (stopping()) return 'the server is about to stop';
  if (Object.keys(subscriptions).length > limits.operationsPerSocket)
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
