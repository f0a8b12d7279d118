import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  getNullableType,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  isCompositeType,
  isListType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';

/** What a mutation costs besides what it answers: it waits for the disk. */
const MUTATION = 10;
/** What a page holds when nobody says, and at most; the fields themselves say so too. */
const PAGE = 50;
const LARGEST_PAGE = 100;
/** What a list is taken to hold that is no page: VMs of a cluster, steps of a job. */
const LIST = 10;

/** What an operation costs. */
export interface Cost {
  readonly requested: number;
  /** Whether it depends on the variables, and so has to be worked out each time. */
  readonly varies: boolean;
}

/**
 * Counts the objects that an operation leads to in the worst case, before it is executed: itself
 * and each object are 1, what is no object is 0, a page multiplies what is asked of each by its
 * `first`, a mutation is 10 more. Of a subscription it is the cost of one message. What is asked
 * of each of several types is added up. The schema's own description is free; only admins read
 * it, and validation bounds it.
 */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): Cost {
  const asked = new Asked(schema, document, operation, variables);
  const root = schema.getRootType(operation.operation);
  const objects = root ? asked.ofSet(operation.selectionSet, root, LIST) : 0;
  return { requested: 1 + objects, varies: asked.varies };
}

class Asked {
  readonly #schema: GraphQLSchema;
  readonly #operation: OperationDefinitionNode;
  readonly #variables: Readonly<Record<string, unknown>>;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  varies = false;

  constructor(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Readonly<Record<string, unknown>>,
  ) {
    this.#schema = schema;
    this.#operation = operation;
    this.#variables = variables;
    for (const one of document.definitions)
      if (one.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(one.name.value, one);
  }

  /** What is asked of one object, whose own lists hold so many. */
  ofSet(set: SelectionSetNode | undefined, type: GraphQLCompositeType, inList: number): number {
    let sum = 0;
    for (const one of set?.selections ?? []) {
      if (one.kind === Kind.FIELD) sum += this.#ofField(one, type, inList);
      else if (one.kind === Kind.INLINE_FRAGMENT)
        sum += this.#ofPart(one.selectionSet, one.typeCondition?.name.value, type, inList);
      else sum += this.#ofFragment(one.name.value, type, inList);
    }
    return sum;
  }

  #ofFragment(name: string, type: GraphQLCompositeType, inList: number): number {
    const fragment = this.#fragments.get(name);
    if (fragment === undefined) return 0;
    return this.#ofPart(fragment.selectionSet, fragment.typeCondition.name.value, type, inList);
  }

  #ofPart(
    set: SelectionSetNode,
    condition: string | undefined,
    type: GraphQLCompositeType,
    inList: number,
  ): number {
    const named = condition === undefined ? type : this.#schema.getType(condition);
    return isCompositeType(named) ? this.ofSet(set, named, inList) : 0;
  }

  #ofField(node: FieldNode, parent: GraphQLCompositeType, inList: number): number {
    const field = isUnionType(parent) ? undefined : parent.getFields()[node.name.value];
    if (field === undefined) return 0;
    const type = getNamedType(field.type);
    if (!isCompositeType(type)) return 0;
    const own = parent === this.#schema.getMutationType() ? 1 + MUTATION : 1;
    const each = own + this.ofSet(node.selectionSet, type, this.#pageOf(node, field) ?? LIST);
    return isListType(getNullableType(field.type)) ? each * inList : each;
  }

  /** How many a page of the field holds; undefined when it has no pages. */
  #pageOf(node: FieldNode, field: GraphQLField<unknown, unknown>): number | undefined {
    if (!field.args.some(({ name }) => name === 'first')) return undefined;
    const given = node.arguments?.find(({ name }) => name.value === 'first')?.value;
    const first = given && this.#valueOf(given);
    if (first === undefined || first === null) return PAGE;
    const isNumber = typeof first === 'number' && first >= 0;
    return isNumber ? Math.min(first, LARGEST_PAGE) : LARGEST_PAGE;
  }

  #valueOf(node: ValueNode): unknown {
    if (node.kind === Kind.INT) return Number(node.value);
    if (node.kind === Kind.NULL) return null;
    if (node.kind !== Kind.VARIABLE) return NaN;
    this.varies = true;
    const { value: name } = node.name;
    if (Object.hasOwn(this.#variables, name)) return this.#variables[name];
    const definition = this.#operation.variableDefinitions?.find(
      ({ variable }) => variable.name.value === name,
    );
    return definition?.defaultValue && this.#valueOf(definition.defaultValue);
  }
}
