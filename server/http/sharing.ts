import {
  type DefinitionNode,
  type DocumentNode,
  getOperationAST,
  type GraphQLSchema,
  isObjectType,
  Kind,
  OperationTypeNode,
  visit,
} from 'graphql';
import { type Viewer, viewOf } from '../../schema/model/viewer.ts';
import type { Operation } from './operation.ts';

/** What sharing depends on in a document. */
interface Traits {
  /** Whether it asks for something that is read for one person only. */
  readonly isPersonal: boolean;
  /** The variable that says where to begin, and nothing else. */
  readonly beginning: string | undefined;
}

/**
 * Tells what can be made once for several. Whatever is read for one person only (a field whose
 * `extensions.personal` is true) never is, because such reads are recorded under that one's name,
 * or tell it who it is.
 */
export class Sharing {
  readonly #personal: ReadonlySet<string>;
  readonly #known = new WeakMap<DocumentNode, Traits>();

  constructor(schema: GraphQLSchema) {
    this.#personal = personalFields(schema);
  }

  /** Whether all with the same view get the same of this operation, and asking changes nothing. */
  isQueryForAll(document: DocumentNode, operationName: string | null | undefined): boolean {
    const operation = getOperationAST(document, operationName)?.operation;
    return operation === OperationTypeNode.QUERY && !this.#traitsOf(document).isPersonal;
  }

  /**
   * Equal keys, equal results: the same document, the same variables but for the one that says
   * where to begin, and the same view. Undefined when nobody may share it.
   */
  keyOf(
    { query, operationName, variables }: Operation,
    document: DocumentNode,
    viewer: Viewer,
  ): string | undefined {
    const { isPersonal, beginning } = this.#traitsOf(document);
    if (isPersonal) return undefined;
    const given = Object.entries(variables ?? {}).filter(([name]) => name !== beginning);
    given.sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([viewOf(viewer), operationName ?? null, given, query]);
  }

  #traitsOf(document: DocumentNode): Traits {
    const traits = this.#known.get(document) ?? traitsOf(document, this.#personal);
    this.#known.set(document, traits);
    return traits;
  }
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
