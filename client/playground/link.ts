import type { Fetcher, FetcherParams } from '@graphiql/toolkit';
import { getOperationAST, type OperationDefinitionNode, OperationTypeNode, parse } from 'graphql';
import { fetchWith } from '../http.ts';
import { Line } from '../socket.ts';
import { TokenKeeper } from '../token-keeper.ts';
import type { Message } from './message-scroll.ts';
import { fieldsOf } from './outside.ts';
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
    const operation = operationOf(params);
    const payload = payloadOf(params, operation);
    const { onStream: onState } = this.#options;
    if (operation?.operation === OperationTypeNode.SUBSCRIPTION)
      return streamOf({ line: this.#line, payload, onState });
    const answer = await this.#ask(payload);
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

function payloadOf(
  { query, operationName, variables }: FetcherParams,
  operation: OperationDefinitionNode | undefined,
) {
  const name = operation?.name?.value ?? operationName ?? null;
  return { query, operationName: name, variables: fieldsOf(variables) };
}

/**
 * What is to be run: just after a change of tabs GraphiQL still names what the tab before has, and
 * then the only operation of this one is meant. Undefined where nobody can tell, or for a text that
 * is no document; the server says what is wrong with it.
 */
function operationOf({ query, operationName }: FetcherParams): OperationDefinitionNode | undefined {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document) ?? undefined;
  } catch {
    return undefined;
  }
}

function asMessage(answer: unknown): Message {
  if (typeof answer === 'object' && answer !== null) return { ...answer };
  throw new TypeError('no answer of a GraphQL server');
}
