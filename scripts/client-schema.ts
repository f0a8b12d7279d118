import { minifyIntrospection, outputIntrospectionFile } from '@gql.tada/internal';
import {
  buildSchema,
  introspectionFromSchema,
  type IntrospectionNamedTypeRef,
  type IntrospectionQuery,
  type IntrospectionType,
  type IntrospectionTypeRef,
} from 'graphql';

/** What the client knows of the schema, as files by their paths; made of the printed schema. */
export function clientSchemaFiles(printed: string): ReadonlyMap<string, string> {
  const introspection = introspectionFromSchema(buildSchema(printed), { descriptions: false });
  return new Map([
    ['client/generated/introspection.ts', typesFile(introspection)],
    ['client/generated/schema.ts', schemaFile(introspection)],
  ]);
}

/** For the compiler only: from it gql.tada reads the types of operations. */
function typesFile(introspection: IntrospectionQuery): string {
  const minified = minifyIntrospection(introspection);
  const text = outputIntrospectionFile(minified, { fileType: '.d.ts', shouldPreprocess: true });
  const declarations = text.match(/^export type \w+ = \{$.*?^\};$/gms) ?? [];
  if (declarations.length !== 2) throw new Error(`not the types of the schema:\n${text}`);
  const told = '/** The schema as types, for gql.tada. Printed by "npm run generate". */';
  return declarations.map((declaration) => `${told}\n${declaration}\n`).join('\n');
}

/** For the cache, at run time: which types there are, and where their fields lead. */
function schemaFile({ __schema }: IntrospectionQuery): string {
  const { queryType, mutationType, subscriptionType } = __schema;
  const types = __schema.types.flatMap(briefly);
  const roots = [queryType, mutationType, subscriptionType].map((type) => type?.name ?? null);
  return [
    '/** The schema as the cache needs it, one row a type. Printed by "npm run generate". */',
    `export const ROOTS = ${JSON.stringify(roots)} as const;`,
    '/** Kind, name, what it implements or consists of, and its fields with their types. */',
    'export const TYPES: readonly (readonly [string, string, string, string])[] = [',
    ...types.map((row) => `  ${JSON.stringify(row)},`),
    '];',
    '',
  ].join('\n');
}

type Row = readonly [kind: string, name: string, others: string, fields: string];

/** A type in one row; scalars, enums and inputs are leaves to a cache and need none. */
function briefly(type: IntrospectionType): Row[] {
  if (type.name.startsWith('__')) return [];
  if (type.kind === 'UNION') return [['UNION', type.name, namesOf(type.possibleTypes), '']];
  if (type.kind !== 'OBJECT' && type.kind !== 'INTERFACE') return [];
  const others = type.kind === 'OBJECT' ? type.interfaces : type.possibleTypes;
  const fields = type.fields.map((field) => `${field.name}:${spell(field.type)}`);
  return [[type.kind, type.name, namesOf(others), fields.join(' ')]];
}

function namesOf(types: readonly IntrospectionNamedTypeRef[]): string {
  return types.map(({ name }) => name).join(' ');
}

/** A type as in the schema language; leaves have no name. */
function spell(type: IntrospectionTypeRef): string {
  if (type.kind === 'NON_NULL') return `${spell(type.ofType)}!`;
  if (type.kind === 'LIST') return `[${spell(type.ofType)}]`;
  return type.kind === 'SCALAR' || type.kind === 'ENUM' ? '' : type.name;
}
