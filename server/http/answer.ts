import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { requestError, type RequestErrorCode } from '../../schema/request-error.ts';

/** A request that is refused before GraphQL sees it. */
export class HttpRefusal extends Error {
  readonly status: number;
  readonly error: GraphQLError;
  readonly headers: OutgoingHttpHeaders;

  constructor(
    status: number,
    code: RequestErrorCode,
    message: string,
    headers: OutgoingHttpHeaders = {},
  ) {
    super(message);
    this.status = status;
    this.error = requestError(code, message);
    this.headers = headers;
  }
}

/** Sends a whole answer; to a HEAD request its headers only. */
export function answer(
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: string | Buffer,
): void {
  response.writeHead(status, {
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Sends a line of text. */
export function answerText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const type = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
  answer(response, status, { ...type, ...headers }, `${text}\n`);
}

/** Sends the result of an operation. */
export function answerResult(
  response: ServerResponse,
  status: number,
  mediaType: string,
  result: ExecutionResult,
  headers: OutgoingHttpHeaders = {},
): void {
  answerJson(response, status, mediaType, JSON.stringify(result), headers);
}

/** Sends JSON. Nothing may keep it: it is what this caller may see now. */
export function answerJson(
  response: ServerResponse,
  status: number,
  mediaType: string,
  body: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const type = { 'content-type': `${mediaType}; charset=utf-8`, 'cache-control': 'no-store' };
  answer(response, status, { ...type, ...headers }, body);
}
