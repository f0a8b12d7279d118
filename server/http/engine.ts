import { type ExecutionResult, type GraphQLSchema, NoSchemaIntrospectionCustomRule } from 'graphql';
import { createYoga, isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Viewer } from '../../schema/model/viewer.ts';
import type { Contexts, OpenContext, OpenSubscription } from '../context.ts';
import { documentCache, noErrorCache } from './document-cache.ts';
import { documentLimits } from './document-limits.ts';
import type { Operation } from './operation.ts';
import { OperationStream, type ResultStream } from './result-stream.ts';
import type { Shown } from './shown-error.ts';

/** Runs operations. There is one way to the schema, and every transport takes it. */
export interface Engine {
  /** Never rejects: whatever goes wrong is in the result, as its caller may read it. */
  run(operation: Operation, viewer: Viewer): Promise<ExecutionResult | ResultStream>;
  /** How many operations have no answer yet; open subscriptions are not among them. */
  running(): number;
}

/** What an engine is made of. */
export interface EngineParts {
  readonly schema: GraphQLSchema;
  readonly contexts: Contexts;
  readonly shown: Shown;
}

/** An operation on its way through the pipeline, with the context that was lent for it. */
interface Run {
  readonly viewer: Viewer;
  readonly lent: { once?: OpenContext; stream?: OpenSubscription };
}

/** The pipeline asks for a Fetch request, of which it reads no more than that it is a POST. */
const POST = new Request('http://localhost/graphql', { method: 'POST' });

/**
 * Makes the engine. Yoga's pipeline does the work: parse, validate, execute, each cached or
 * extended by plugins. Its HTTP layer, which costs more than all of that, is not used.
 */
export function createEngine({ schema, contexts, shown }: EngineParts): Engine {
  const { getResultForParams } = createYoga<{ run: Run }>({
    schema,
    logging: false,
    maskedErrors: false,
    parserAndValidationCache: { documentCache: documentCache(), errorCache: noErrorCache },
    plugins: [introspectionForAdmins, documentLimits(), executeInLentContext(contexts)],
  });
  let running = 0;

  const answer = async (params: object, run: Run) => {
    const result = await getResultForParams({ params, request: POST }, { run });
    if (!isAsyncIterable(result)) return shown.result(result ?? {});
    return new OperationStream(result[Symbol.asyncIterator](), run.lent.stream, shown);
  };

  return {
    running: () => running,
    async run(operation, viewer) {
      const run: Run = { viewer, lent: {} };
      running += 1;
      try {
        const result = await answer(operation, run);
        if (!(result instanceof OperationStream)) run.lent.stream?.close();
        return result;
      } catch (error) {
        run.lent.stream?.close();
        return shown.failure(error);
      } finally {
        run.lent.once?.close();
        running -= 1;
      }
    },
  };
}

/** Whoever is not an admin asks for what it knows by name. */
const introspectionForAdmins: Plugin<{ run: Run }> = {
  onValidate({ context, addValidationRule }) {
    if (context.run.viewer.role !== 'ADMIN') addValidationRule(NoSchemaIntrospectionCustomRule);
  },
};

/** Opens a context only for what has passed validation, and resolves it there. */
function executeInLentContext(contexts: Contexts): Plugin<{ run: Run }> {
  return {
    async onExecute({ context: { run }, executeFn, setExecuteFn }) {
      const open = await contexts.open(run.viewer);
      run.lent.once = open;
      setExecuteFn((args): unknown => executeFn({ ...args, contextValue: open.context }));
    },
    async onSubscribe({ context: { run }, subscribeFn, setSubscribeFn }) {
      const open = await contexts.openForSubscription(run.viewer);
      run.lent.stream = open;
      setSubscribeFn((args): unknown => subscribeFn({ ...args, contextValue: open.context }));
    },
  };
}
