import {
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
} from 'graphql';
import { createYoga, isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Viewer } from '../../schema/model/viewer.ts';
import { requestError } from '../../schema/request-error.ts';
import type { Contexts, OpenContext, OpenSubscription } from '../context.ts';
import { Place } from '../feed/place.ts';
import type { World } from '../world.ts';
import { documentCache, noErrorCache } from './document-cache.ts';
import { documentLimits } from './document-limits.ts';
import { Groups } from './groups.ts';
import { type Limits, LIMITS } from './limits.ts';
import type { Operation } from './operation.ts';
import { isStream, OperationStream, type ResultStream, type Source } from './result-stream.ts';
import { Sharing } from './sharing.ts';
import type { Shown } from './shown-error.ts';
import type { Subscription } from './subscription.ts';

/** Runs operations. There is one way to the schema, and every transport takes it. */
export interface Engine {
  /** Never rejects: whatever goes wrong is in the result, as its caller may read it. */
  run(operation: Operation, viewer: Viewer): Promise<ExecutionResult | Subscription>;
  /** How many operations have no answer yet; open subscriptions are not among them. */
  running(): number;
  /** Whether everybody with the same view who asks the same now would get this very result. */
  isForAll(result: ExecutionResult): boolean;
  /** The subscriptions that are open. */
  readonly groups: Groups;
}

/** What an engine is made of. */
export interface EngineParts {
  readonly schema: GraphQLSchema;
  readonly contexts: Contexts;
  readonly shown: Shown;
  readonly world: World;
  /** Subscriptions that may be open at once; those of the product when left out. */
  readonly limits?: Pick<Limits, 'subscriptions' | 'groupsPerCaller'>;
}

/** An operation on its way through the pipeline, with the context that was lent for it. */
interface Run {
  readonly operation: Operation;
  readonly viewer: Viewer;
  /** Where a subscription begins. */
  readonly place: Place;
  readonly lent: { once?: OpenContext; stream?: OpenSubscription };
  /** What a subscription has in common with others; undefined when it may not be shared. */
  shareKey?: string | undefined;
  /** Whether it is a query, and asks for nothing that is for one person only. */
  isForAll?: boolean;
}

/** The pipeline asks for a Fetch request, of which it reads no more than that it is a POST. */
const POST = new Request('http://localhost/graphql', { method: 'POST' });

/**
 * Makes the engine. Yoga's pipeline does the work: parse, validate, execute, each cached or
 * extended by plugins. Its HTTP layer, which costs more than all of that, is not used.
 */
export function createEngine(parts: EngineParts): Engine {
  const pipeline = createPipeline(parts);
  const forAll = new WeakSet<ExecutionResult>();
  const { subscriptions, groupsPerCaller } = parts.limits ?? LIMITS;
  const groups = new Groups(parts.world, groupsPerCaller);
  let running = 0;

  /** A source that was opened again stands beside others: only the first makes a subscription. */
  const open = async (run: Run): Promise<ExecutionResult | Source> => {
    running += 1;
    const result = await pipeline(run);
    running -= 1;
    return isStream(result) ? { stream: result, place: run.place } : result;
  };

  return {
    groups,
    running: () => running,
    isForAll: (result) => forAll.has(result) && result.errors === undefined,
    async run(operation, viewer) {
      const run = runOf(operation, viewer, new Place());
      const result = await open(run);
      if (!('stream' in result)) {
        if (run.isForAll === true) forAll.add(result);
        return result;
      }
      if (groups.subscriptions >= subscriptions) return await refuse(result, FULL, parts.shown);
      const again = async (place: Place) => {
        const source = await open(runOf(operation, viewer, place));
        const isOther = 'stream' in source && place.about !== run.place.about;
        return isOther ? await refuse(source, GONE, parts.shown) : source;
      };
      const asked = { key: keyOf(run), caller: viewer.name, open: again };
      return groups.subscribe(asked, result) ?? (await refuse(result, TOO_MANY, parts.shown));
    },
  };
}

const FULL = requestError('UNAVAILABLE', 'too many subscriptions are open; try again later');
const TOO_MANY = requestError(
  'UNAVAILABLE',
  'too many different subscriptions of this caller are open; close some first',
);
const GONE = requestError('NOT_FOUND', 'what was watched is gone; something else has its name');

async function refuse(
  { stream }: Source,
  why: GraphQLError,
  shown: Shown,
): Promise<ExecutionResult> {
  await stream.return();
  return shown.failure(why);
}

/** Equal questions are about the same as long as the names in them mean the same. */
function keyOf({ shareKey, place }: Run): string | undefined {
  return shareKey === undefined ? undefined : `${shareKey} ${place.about}`;
}

function runOf(operation: Operation, viewer: Viewer, place: Place): Run {
  return { operation, viewer, place, lent: {} };
}

/** Parses, validates and executes; never rejects. */
function createPipeline({ schema, contexts, shown }: EngineParts) {
  const { getResultForParams } = createYoga<{ run: Run }>({
    schema,
    logging: false,
    maskedErrors: false,
    parserAndValidationCache: { documentCache: documentCache(), errorCache: noErrorCache },
    plugins: [
      introspectionForAdmins,
      documentLimits(),
      executeInLentContext(contexts, new Sharing(schema)),
    ],
  });
  return async (run: Run): Promise<ExecutionResult | ResultStream> => {
    const params: object = run.operation;
    try {
      const result = await getResultForParams({ params, request: POST }, { run });
      if (isAsyncIterable(result))
        return new OperationStream(result[Symbol.asyncIterator](), run.lent.stream, shown);
      run.lent.stream?.close();
      return shown.result(result ?? {});
    } catch (error) {
      run.lent.stream?.close();
      return shown.failure(error);
    } finally {
      run.lent.once?.close();
    }
  };
}

/** Whoever is not an admin asks for what it knows by name. */
const introspectionForAdmins: Plugin<{ run: Run }> = {
  onValidate({ context, addValidationRule }) {
    if (context.run.viewer.role !== 'ADMIN') addValidationRule(NoSchemaIntrospectionCustomRule);
  },
};

/** What the pipeline found in an operation's text. */
type Parsed = Pick<ExecutionArgs, 'document' | 'operationName'>;

/** Opens a context only for what has passed validation, and resolves it there. */
function executeInLentContext(contexts: Contexts, sharing: Sharing): Plugin<{ run: Run }> {
  return {
    async onExecute({ args, context: { run }, executeFn, setExecuteFn }) {
      const parsed: Parsed = args;
      run.isForAll = sharing.isQueryForAll(parsed.document, parsed.operationName);
      const open = await contexts.open(run.viewer);
      run.lent.once = open;
      setExecuteFn((args): unknown => executeFn({ ...args, contextValue: open.context }));
    },
    async onSubscribe({ args, context: { run }, subscribeFn, setSubscribeFn }) {
      const open = await contexts.openForSubscription(run.viewer, run.place);
      const parsed: Parsed = args;
      run.shareKey = sharing.keyOf(run.operation, parsed.document, run.viewer);
      run.lent.stream = open;
      setSubscribeFn((args): unknown => subscribeFn({ ...args, contextValue: open.context }));
    },
  };
}
