import {
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  parse,
  validate,
} from 'graphql';
import { expect, test } from 'vitest';
import { schema } from '../../schema/index.ts';

// What a generated client sends: everything there is, in one document, without an alias.

test('one subscription selects every field of every noun', () => {
  const nouns = Object.values(objectType('Subject').getFields())
    .map((field) => `${field.name} ${everything(getNamedType(field.type) as GraphQLObjectType)}`)
    .join('\n');
  const text = `subscription ($after: Cursor, $filter: ChangeFilter) {
    changes(after: $after, filter: $filter) {
      __typename cursor prev
      ... on FeedState { more subjects { ${nouns} } }
      ... on FeedChanges {
        changes { type id kind at from to cause reason actor job subject { ${nouns} } }
      }
      ... on FeedResync { reason }
    }
  }`;
  expect(problemsOf(text)).toEqual([]);
});

test('one mutation has every verb, with its success and its refusals', () => {
  const fields = Object.values(schema.getMutationType()?.getFields() ?? {});
  const variables = fields.map((one) => `$${one.name}: ${String(one.args[0]?.type)}`);
  const verbs = fields.map(
    (one) => `${one.name}(input: $${one.name}) {
      __typename ... on UserError { code message } ${refusalFields(one)}
      ... on ${successOf(one).name} ${everything(successOf(one))}
    }`,
  );
  expect(verbs).toHaveLength(25);
  expect(problemsOf(`mutation (${variables.join(' ')}) { ${verbs.join('\n')} }`)).toEqual([]);
});

test('one query reads every root field', () => {
  const fields = Object.values(schema.getQueryType()?.getFields() ?? {});
  const args = fields.flatMap((one) => one.args.map((arg) => ({ one, arg })));
  const variables = args.map(({ one, arg }) => `$${one.name}_${arg.name}: ${String(arg.type)}`);
  const selections = fields.map((one) => {
    const given = one.args.map((arg) => `${arg.name}: $${one.name}_${arg.name}`).join(' ');
    return `${one.name}${given && `(${given})`} ${selectionOf(one, 3)}`;
  });
  expect(problemsOf(`query (${variables.join(' ')}) { ${selections.join('\n')} }`)).toEqual([]);
});

function problemsOf(text: string): string[] {
  return validate(schema, parse(text)).map(({ message }) => message);
}

function objectType(name: string): GraphQLObjectType {
  const type = schema.getType(name);
  if (!isObjectType(type)) throw new Error(`there is no object type ${name}`);
  return type;
}

/** All fields of a type; of the nouns it refers to, what they are known by. */
function everything(type: GraphQLObjectType, depth = 1): string {
  const fields = Object.values(type.getFields());
  return `{ ${fields.map((field) => `${field.name} ${selectionOf(field, depth)}`).join(' ')} }`;
}

function selectionOf(field: GraphQLField<unknown, unknown>, depth: number): string {
  const type = getNamedType(field.type);
  if (isInterfaceType(type)) return '{ __typename id }';
  if (!isObjectType(type)) return '';
  const isNoun = type.getInterfaces().some(({ name }) => name === 'Node');
  if (isNoun && depth === 0) return '{ id }';
  return everything(type, isNoun ? 0 : depth);
}

function successOf(field: GraphQLField<unknown, unknown>): GraphQLObjectType {
  const union = getNamedType(field.type);
  const members = isUnionType(union) ? union.getTypes() : [];
  const success = members.find((type) =>
    type.getInterfaces().every(({ name }) => name !== 'UserError'),
  );
  if (success === undefined) throw new Error(`${field.name} has no success`);
  return success;
}

/** What refusals tell besides code and message. */
function refusalFields(field: GraphQLField<unknown, unknown>): string {
  const union = getNamedType(field.type);
  const refusals = isUnionType(union)
    ? union.getTypes().filter((one) => one !== successOf(field))
    : [];
  return refusals
    .map((type) => {
      const own = Object.values(type.getFields()).filter((one) => !isShared(one.name));
      return `... on ${type.name} { __typename ${own.map(({ name }) => name).join(' ')} }`;
    })
    .join('\n');
}

function isShared(name: string): boolean {
  return name === 'code' || name === 'message';
}

test('no input field is of a type that clients cannot write', () => {
  const inputs = Object.values(schema.getTypeMap()).filter(isInputObjectType);
  const scalars = 'ID Int Float String Boolean Cursor DateTime'.split(' ');
  for (const field of inputs.flatMap((input) => Object.values(input.getFields()))) {
    const type = getNamedType(field.type);
    expect(isEnumType(type) || isInputObjectType(type) || scalars.includes(type.name)).toBe(true);
  }
});
