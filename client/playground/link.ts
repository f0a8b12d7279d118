import type { Fetcher, FetcherParams } from '@graphiql/toolkit';
import { getOperationAST, type OperationTypeNode, parse } from 'graphql';
import { fetchWith } from '../http.ts';
import { Line } from '../socket.ts';
import { TokenKeeper } from '../token-keeper.ts';
import type { Message } from './message-scroll.ts';
import { type StreamState, streamOf } from './stream.ts';
import { type Viewing, viewingOf } from './viewing.ts';

/** What a link tells while it is used. */
export interface LinkOptions {
  readonly token: string | null;
  readonly onStream: (state: StreamState) => void;
  /** The token was good and is not any more. */
  readonly onRefused: () => void;
  /** An answer that is no stream. */
  readonly onAnswer: (answer: Message) => void;
}

const AWAY = 'The server does not answer. Is it running?';

/** The playground's way to the server, by one token: requests by HTTP, streams by WebSocket. */
export class Link {
  readonly #options: LinkOptions;
  readonly #line: Line;
  readonly #fetch: typeof fetch;

  constructor(options: LinkOptions) {
    this.#options = options;
    const keeper = new TokenKeeper({ token: options.token }, options.onRefused);
    this.#fetch = fetchWith(keeper);
    const ignore = () => {};
    const url = new URL('/graphql', location.href).href;
    this.#line = new Line({ url, keeper, onOpened: ignore, onClosed: ignore });
  }

  /** What GraphiQL asks through. */
  readonly fetcher: Fetcher = async (params) => {
    if (kindOf(params) === 'subscription')
      return streamOf({
        line: this.#line,
        payload: payloadOf(params),
        onState: this.#options.onStream,
      });
    const answer = await this.#ask(payloadOf(params));
    this.#options.onAnswer(answer);
    return answer;
  };

  /** Whom the server takes us for. */
  async viewing(): Promise<Viewing> {
    return viewingOf(await this.#ask({ query: '{ viewer { name role } }' }));
  }

  /** Ends what still streams. */
  close(): void {
    this.#line.close();
  }

  async #ask(payload: object): Promise<Message> {
    try {
      const response = await this.#fetch('/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(payload),
      });
      return asMessage(await response.json());
    } catch {
      return { errors: [{ message: AWAY }] };
    }
  }
}

function payloadOf({ query, operationName, variables }: FetcherParams) {
  return { query, operationName: operationName ?? null, variables: asVariables(variables) };
}

function asVariables(variables: unknown): Record<string, unknown> {
  return typeof variables === 'object' && variables !== null ? { ...variables } : {};
}

/** Undefined for a text that is no document; the server says what is wrong with it. */
function kindOf({ query, operationName }: FetcherParams): OperationTypeNode | undefined {
  try {
    return getOperationAST(parse(query), operationName)?.operation;
  } catch {
    return undefined;
  }
}

function asMessage(answer: unknown): Message {
  if (typeof answer === 'object' && answer !== null) return { ...answer };
  throw new TypeError('no answer of a GraphQL server');
}
