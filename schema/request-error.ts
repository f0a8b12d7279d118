import { GraphQLError } from 'graphql';

/** The codes of top-level errors; what a caller may expect is data instead, see `UserError`. */
export const REQUEST_ERROR_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'BAD_INPUT',
  'NOT_FOUND',
  'UNAVAILABLE',
  'INTERNAL',
] as const;

/** The `extensions.code` of a top-level error. */
export type RequestErrorCode = (typeof REQUEST_ERROR_CODES)[number];

/** A top-level error that callers are meant to read; every other error is masked. */
export function requestError(code: RequestErrorCode, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

/** What was sent is not of the form that the schema tells. */
export function badInput(message: string): GraphQLError {
  return requestError('BAD_INPUT', message);
}
