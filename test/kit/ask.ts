import { type ExecutionResult, graphql, parse, subscribe } from 'graphql';
import { schema } from '../../schema/index.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { fakeContext, type FakePorts } from './fake-context.ts';

/** Viewers of each role; alice has sessions, bob has none. */
export const ADMIN: Viewer = { name: 'root', role: 'ADMIN' };
/** See {@link ADMIN}. */
export const ALICE: Viewer = { name: 'alice', role: 'USER' };
/** See {@link ADMIN}. */
export const BOB: Viewer = { name: 'bob', role: 'USER' };
/** See {@link ADMIN}. */
export const WATCHER: Viewer = { name: 'wall', role: 'VIEWER' };

/** What a question is asked with. */
export interface Asking extends FakePorts {
  viewer?: Viewer;
  variables?: Record<string, unknown>;
}

/** Executes a query or mutation over fake ports, without a server. */
export function ask(source: string, asking: Asking = {}): Promise<ExecutionResult> {
  const { viewer = ADMIN, variables = {}, ...ports } = asking;
  const contextValue = fakeContext(viewer, ports);
  return graphql({ schema, source, contextValue, variableValues: variables });
}

/** The data of an answer that has no errors, as plain objects. */
export async function dataOf(source: string, asking: Asking = {}): Promise<unknown> {
  const { data, errors } = await ask(source, asking);
  if (errors !== undefined) throw errors[0] ?? new Error('no answer');
  return JSON.parse(JSON.stringify(data));
}

/** The codes of the top-level errors of an answer. */
export async function codesOf(source: string, asking: Asking = {}): Promise<unknown[]> {
  const { errors = [] } = await ask(source, asking);
  return errors.map(({ extensions }) => extensions['code']);
}

/** Subscribes over fake ports; a refusal is an answer with errors instead of a stream. */
export async function watch(
  source: string,
  asking: Asking = {},
): Promise<AsyncGenerator<ExecutionResult> | ExecutionResult> {
  const { viewer = ADMIN, variables = {}, ...ports } = asking;
  const contextValue = fakeContext(viewer, ports);
  return await subscribe({
    schema,
    document: parse(source),
    contextValue,
    variableValues: variables,
  });
}

/** A finished stream of the feed, for fakes. */
export async function* streamOf<Message>(...messages: Message[]): AsyncGenerator<Message> {
  yield* messages;
}
