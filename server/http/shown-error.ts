import { type ExecutionResult, GraphQLError } from 'graphql';
import { TooManyReads } from '../../db/readers.ts';
import { REQUEST_ERROR_CODES, requestError } from '../../schema/request-error.ts';
import type { World } from '../world.ts';
import type { Log } from './log.ts';

/** Codes that the libraries give to documents and variables that do not fit the schema. */
const CALLERS_FAULT: readonly unknown[] = [
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
];

/** As much as anybody reads. */
const LONGEST_MESSAGE = 500;

/**
 * The one place that decides which errors callers read. Errors of ours that carry a code, and
 * what is wrong with the request itself, are shown; everything else is a fault: it is logged once
 * with an id, and the caller gets the id.
 */
export interface Shown {
  /** The result, fit to be shown; one without errors is answered as it is. */
  result(result: ExecutionResult): ExecutionResult;
  /** The result of an operation that broke off. */
  failure(error: unknown): ExecutionResult;
}

/** Makes results fit to be shown. */
export function shownResults(world: World, log: Log): Shown {
  const show = (error: GraphQLError) => shownAsItIs(error) ?? masked(error, world, log);
  return {
    result: (result) =>
      result.errors === undefined || result.errors.length === 0
        ? result
        : { ...result, errors: result.errors.map(show) },
    failure: (error) => ({ errors: [show(asGraphQLError(error))] }),
  };
}

function asGraphQLError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  return new GraphQLError(cause.message, { cause });
}

function shownAsItIs(error: GraphQLError): GraphQLError | undefined {
  const { code } = error.extensions;
  if (originOf(error) instanceof TooManyReads) return withCode(error, 'UNAVAILABLE');
  const known = REQUEST_ERROR_CODES.find((one) => one === code);
  if (known !== undefined) return withCode(error, known);
  const isRequestError = error.path === undefined && !(originOf(error) instanceof Error);
  return isRequestError || CALLERS_FAULT.includes(code) ? withCode(error, 'BAD_INPUT') : undefined;
}

function withCode(error: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(shortened(error.message), { ...placeOf(error), extensions: { code } });
}

/** Messages repeat what the caller sent, and several may repeat the same. */
function shortened(message: string): string {
  return message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}…` : message;
}

function masked(error: GraphQLError, world: World, log: Log): GraphQLError {
  const id = world.newId();
  log.error({ id, path: error.path, err: originOf(error) ?? error }, 'a request failed');
  const shown = requestError('INTERNAL', `Something went wrong here; the log knows it as ${id}.`);
  return new GraphQLError(shown.message, {
    ...placeOf(error),
    extensions: { ...shown.extensions, id },
  });
}

function placeOf({ nodes, source, positions, path }: GraphQLError) {
  return { nodes, source, positions, path };
}

/** What was thrown in the first place, if it was not an error of GraphQL. */
function originOf({ cause }: GraphQLError): unknown {
  return cause instanceof GraphQLError ? originOf(cause) : cause;
}
