import {
  type DefinitionNode,
  type DocumentNode,
  type GraphQLSchema,
  isObjectType,
  Kind,
  visit,
} from 'graphql';
import { type Viewer, viewOf } from '../../schema/model/viewer.ts';
import type { Operation } from './operation.ts';

/** Tells which subscriptions can be told together. */
export type ShareKeyOf = (
  operation: Operation,
  document: DocumentNode,
  viewer: Viewer,
) => string | undefined;

/** What sharing depends on in a document. */
interface Traits {
  /** Whether it asks for something that is read for one person only. */
  readonly isPersonal: boolean;
  /** The variable that says where to begin, and nothing else. */
  readonly beginning: string | undefined;
}

/**
 * Equal keys, equal results: the same document, the same variables but for the one that says
 * where to begin, and the same view. Undefined for what is read for one person only (a field
 * whose `extensions.personal` is true), because such reads are recorded under that one's name.
 */
export function shareKeys(schema: GraphQLSchema): ShareKeyOf {
  const personal = personalFields(schema);
  const known = new WeakMap<DocumentNode, Traits>();
  return ({ query, operationName, variables }, document, viewer) => {
    const traits = known.get(document) ?? traitsOf(document, personal);
    known.set(document, traits);
    if (traits.isPersonal) return undefined;
    const given = Object.entries(variables ?? {}).filter(([name]) => name !== traits.beginning);
    given.sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([viewOf(viewer), operationName ?? null, given, query]);
  };
}

function personalFields(schema: GraphQLSchema): ReadonlySet<string> {
  const types = Object.values(schema.getTypeMap()).filter(isObjectType);
  const fields = types.flatMap((type) => Object.values(type.getFields()));
  return new Set(
    fields.filter(({ extensions }) => extensions['personal'] === true).map(({ name }) => name),
  );
}

function traitsOf(document: DocumentNode, personal: ReadonlySet<string>): Traits {
  const uses = new Map<string, number>();
  let isPersonal = false;
  visit(document, {
    Field: ({ name }) => void (isPersonal ||= personal.has(name.value)),
    VariableDefinition: () => false,
    Variable: ({ name }) => void uses.set(name.value, (uses.get(name.value) ?? 0) + 1),
  });
  const beginning = document.definitions.flatMap(beginningsOf).find((name) => uses.get(name) === 1);
  return { isPersonal, beginning };
}

/** Variables in the `after` of a root field. Lists further down have one too, which is no place. */
function beginningsOf(definition: DefinitionNode): string[] {
  if (definition.kind !== Kind.OPERATION_DEFINITION) return [];
  const roots = definition.selectionSet.selections.filter((one) => one.kind === Kind.FIELD);
  const given = roots.flatMap(({ arguments: args = [] }) => args);
  return given.flatMap(({ name, value }) =>
    name.value === 'after' && value.kind === Kind.VARIABLE ? [value.name.value] : [],
  );
}
