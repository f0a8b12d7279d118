import type { IncomingMessage } from 'node:http';
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
import { isStream, type ResultStream } from './result-stream.ts';

/** What is kept of a connection. */
export interface Connection {
  readonly request: IncomingMessage;
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
    async onSubscribe(context, _id, payload) {
      const result = await run(context, payload, parts);
      if (!isStream(result) && !('data' in result)) return result.errors ?? [];
      const args = { schema: parts.schema, document: EXECUTED };
      results.set(args, result);
      return args;
    },
    execute: (args) => results.get(args) ?? {},
  });
}

async function run(
  context: Context<Payload, Connection>,
  operation: SubscribePayload,
  parts: ProtocolParts,
): Promise<ExecutionResult | ResultStream> {
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
function authorizationOf(parameters: Payload, { request }: Connection): string | undefined {
  const given = parameters?.['Authorization'] ?? parameters?.['authorization'];
  return typeof given === 'string' ? given : request.headers.authorization;
}
