import {
  type DocumentNode,
  type ExecutionResult,
  getOperationAST,
  GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type Source,
  validate,
  type ValidationRule,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { badInput } from '../../schema/request-error.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { type Cost, costOf } from './document-cost.ts';
import { assertShape } from './document-shape.ts';
import { assertValues, parseWithin } from './document-values.ts';
import { assertVariables } from './document-variables.ts';
import { DOCUMENT_LIMITS, type DocumentLimits } from './limits.ts';
import { withoutUntoldNames } from './untold-names.ts';

/** What the limits know of an operation on its way. */
interface Asked {
  readonly run: { readonly viewer: Viewer };
}

/** What is about to be executed. */
interface Executed {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variableValues?: Readonly<Record<string, unknown>> | null | undefined;
}

/**
 * Refuses documents that ask for too much before anything is done for them, and tells those who
 * are no admins of no name that they did not write themselves. It belongs before the plugin that
 * opens contexts: what is refused takes no connection to the database.
 *
 * What can be known of a document alone is found out once; only a cost that hangs on variables is
 * worked out each time. A document that is refused for its shape is not kept by any cache.
 */
export function documentLimits(limits: DocumentLimits = DOCUMENT_LIMITS): Plugin<Asked> {
  return {
    onParams({ params, setResult }) {
      const refusal = refusalOf(() => assertVariables(params.variables, limits));
      if (refusal !== undefined) setResult({ errors: [refusal] });
    },
    ...atParsing(limits),
    ...atValidation(limits),
    ...atExecution(limits),
  };
}

function atParsing(limits: DocumentLimits): Pick<Plugin<Asked>, 'onParse'> {
  const accepted = new WeakSet<DocumentNode>();
  return {
    onParse({ setParseFn }) {
      setParseFn((source: string | Source) => parseWithin(source, limits));
      return ({ result, replaceParseResult }) => {
        const document: unknown = result;
        if (!isDocument(document) || accepted.has(document)) return;
        const refusal = refusalOf(() => {
          assertShape(document, limits);
          assertValues(document, limits);
        });
        if (refusal === undefined) accepted.add(document);
        else replaceParseResult(refusal);
      };
    },
  };
}

function isDocument(result: unknown): result is DocumentNode {
  return result !== null && !(result instanceof Error);
}

/** What an assertion says; whatever is no refusal goes on its way. */
function refusalOf(assert: () => void): GraphQLError | undefined {
  try {
    assert();
    return undefined;
  } catch (error) {
    if (error instanceof GraphQLError) return error;
    throw error;
  }
}

function atValidation(limits: DocumentLimits): Pick<Plugin<Asked>, 'onValidate'> {
  const validateFor =
    (hideSuggestions: boolean) =>
    (schema: GraphQLSchema, document: DocumentNode, rules?: readonly ValidationRule[]) => {
      const options = { maxErrors: limits.mistakes, hideSuggestions };
      const mistakes = validate(schema, document, rules, options);
      return hideSuggestions ? withoutUntoldNames(mistakes, document) : mistakes;
    };
  return {
    onValidate: ({ context, setValidationFn }) => setValidationFn(validateFor(isStranger(context))),
  };
}

/** The cost is told with each answer; not with messages, where it would be the same each time. */
function atExecution(limits: DocumentLimits): Pick<Plugin<Asked>, 'onExecute' | 'onSubscribe'> {
  const costs = new WeakMap<OperationDefinitionNode, Cost>();
  return {
    onExecute({ context, args, setResultAndStopExecution }) {
      const cost = { requested: requestedBy(args, costs), limit: limits.cost };
      const refusal = tooDear(cost);
      if (refusal !== undefined) return setResultAndStopExecution(refusal);
      hideSuggestionsFrom(context, args);
      return {
        onExecuteDone({ result, setResult }) {
          if (Symbol.asyncIterator in result) return;
          if (result.data === undefined) setResult(fewMistakes(result, context, args, limits));
          else setResult({ ...result, extensions: { ...result.extensions, cost } });
        },
      };
    },
    onSubscribe({ context, args, setResultAndStopExecution }) {
      const cost = { requested: requestedBy(args, costs), limit: limits.cost };
      const refusal = tooDear(cost);
      if (refusal !== undefined) return setResultAndStopExecution(refusal);
      hideSuggestionsFrom(context, args);
      return {
        onSubscribeResult({ result, setResult }) {
          if (Symbol.asyncIterator in result) return;
          setResult(fewMistakes(result, context, args, limits));
        },
      };
    },
  };
}

function requestedBy(
  { schema, document, operationName, variableValues }: Executed,
  known: WeakMap<OperationDefinitionNode, Cost>,
): number {
  const operation = getOperationAST(document, operationName);
  if (!operation) return 0;
  const kept = known.get(operation);
  if (kept !== undefined && !kept.varies) return kept.requested;
  const cost = costOf(schema, document, operation, variableValues ?? {});
  known.set(operation, cost);
  return cost.requested;
}

function tooDear({ requested, limit }: { requested: number; limit: number }) {
  if (requested <= limit) return undefined;
  const message = `the operation costs ${requested}; ${limit} are allowed: ask for smaller pages`;
  return { errors: [badInput(message)] };
}

function isStranger({ run }: Asked): boolean {
  return run.viewer.role !== 'ADMIN';
}

/** The executor takes this with its arguments: it writes what is wrong with variables. */
function hideSuggestionsFrom(context: Asked, args: object): void {
  Object.assign(args, { hideSuggestions: isStranger(context) });
}

/** What is wrong with the variables, no more than one can read. */
function fewMistakes(
  { errors = [], ...result }: ExecutionResult,
  context: Asked,
  { document, operationName, variableValues }: Executed,
  limits: DocumentLimits,
): ExecutionResult {
  const few = errors.slice(0, limits.mistakes);
  if (!isStranger(context)) return { ...result, errors: few };
  return { ...result, errors: withoutUntoldNames(few, document, variableValues, operationName) };
}
