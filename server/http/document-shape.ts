import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { badInput } from '../../schema/request-error.ts';
import type { DocumentLimits } from './limits.ts';

/** How much an operation, or a part of it, asks for, with every fragment put in its place. */
export interface Shape {
  readonly depth: number;
  readonly selections: number;
  readonly repeats: number;
  readonly aliases: number;
  readonly directives: number;
  readonly rootFields: number;
}

const NOTHING: Shape = {
  depth: 0,
  selections: 0,
  repeats: 0,
  aliases: 0,
  directives: 0,
  rootFields: 0,
};

const LIMITED = ['depth', 'selections', 'repeats', 'aliases', 'directives', 'rootFields'] as const;

const NAMES: Readonly<Record<keyof Shape, string>> = {
  depth: 'levels of fields',
  selections: 'selections',
  repeats: 'repeated selections',
  aliases: 'aliases',
  directives: 'directives',
  rootFields: 'root fields',
};

/**
 * Refuses a document of which any part is too large, before it is validated: some rules of
 * validation compare fields with one another. Fragments that nothing spreads are judged too, for
 * they are validated all the same.
 */
export function assertShape(document: DocumentNode, limits: DocumentLimits): void {
  assertFewFragments(document, limits);
  const shapes = new Shapes(document);
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION)
      assertWithin(shapes.ofOperation(definition), limits);
    else if (definition.kind === Kind.FRAGMENT_DEFINITION)
      // Its fields are at the root of nothing until an operation spreads it there.
      assertWithin({ ...shapes.ofFragment(definition.name.value), rootFields: 0 }, limits);
  }
}

function assertFewFragments({ definitions }: DocumentNode, limits: DocumentLimits): void {
  const found = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).length;
  if (found > limits.fragments)
    throw badInput(`the document has ${found} fragments; ${limits.fragments} are allowed`);
}

function assertWithin(shape: Shape, limits: Shape): void {
  const limit = LIMITED.find((one) => shape[one] > limits[one]);
  if (limit === undefined) return;
  const found = shape[limit] > 1e6 ? 'more than a million' : String(shape[limit]);
  throw badInput(`the document has ${found} ${NAMES[limit]}; ${limits[limit]} are allowed`);
}

/** Measures each fragment once, so that one that multiplies others costs no more than itself. */
class Shapes {
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #known = new Map<string, Shape | 'UNDER_WAY'>();

  constructor(document: DocumentNode) {
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION)
        this.#fragments.set(definition.name.value, definition);
    }
  }

  ofOperation(operation: OperationDefinitionNode): Shape {
    const { directives, variableDefinitions = [], selectionSet } = operation;
    const own = [directives, ...variableDefinitions.map((one) => one.directives)];
    return withDirectives(this.#ofSet(selectionSet), ...own);
  }

  /** What a fragment adds where it is spread; one that is not there is found by validation. */
  ofFragment(name: string): Shape {
    const known = this.#known.get(name);
    if (known === 'UNDER_WAY') throw badInput(`the fragment "${name}" spreads itself`);
    if (known !== undefined) return known;
    const fragment = this.#fragments.get(name);
    if (fragment === undefined) return NOTHING;
    this.#known.set(name, 'UNDER_WAY');
    const shape = withDirectives(this.#ofSet(fragment.selectionSet), fragment.directives);
    this.#known.set(name, shape);
    return shape;
  }

  #ofSet(set: SelectionSetNode | undefined): Shape {
    const selections = set?.selections ?? [];
    const repeats = selections.length - new Set(selections.map(nameOf)).size;
    return selections.reduce((sum, one) => plus(sum, this.#of(one)), { ...NOTHING, repeats });
  }

  #of(selection: SelectionNode): Shape {
    const inner = this.#inside(selection);
    const isField = selection.kind === Kind.FIELD;
    const shape = {
      ...inner,
      depth: inner.depth + (isField ? 1 : 0),
      selections: inner.selections + 1,
      aliases: inner.aliases + (isField && selection.alias !== undefined ? 1 : 0),
      rootFields: isField ? 1 : inner.rootFields,
    };
    return withDirectives(shape, selection.directives);
  }

  #inside(selection: SelectionNode): Shape {
    return selection.kind === Kind.FRAGMENT_SPREAD
      ? this.ofFragment(selection.name.value)
      : this.#ofSet(selection.selectionSet);
  }
}

/** What makes a selection the same as another beside it. */
function nameOf(selection: SelectionNode): string {
  if (selection.kind === Kind.FIELD) return (selection.alias ?? selection.name).value;
  if (selection.kind === Kind.FRAGMENT_SPREAD) return `...${selection.name.value}`;
  return `... on ${selection.typeCondition?.name.value}`;
}

function plus(one: Shape, other: Shape): Shape {
  return {
    depth: Math.max(one.depth, other.depth),
    selections: one.selections + other.selections,
    repeats: one.repeats + other.repeats,
    aliases: one.aliases + other.aliases,
    directives: one.directives + other.directives,
    rootFields: one.rootFields + other.rootFields,
  };
}

function withDirectives(shape: Shape, ...lists: (readonly unknown[] | undefined)[]): Shape {
  const count = lists.reduce<number>((sum, list) => sum + (list?.length ?? 0), 0);
  return { ...shape, directives: shape.directives + count };
}
