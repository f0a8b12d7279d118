import { ROOTS, TYPES } from './generated/schema.ts';

interface TypeRef {
  readonly kind: string;
  readonly name: string | null;
  readonly ofType: TypeRef | null;
}

interface SchemaType {
  readonly kind: string;
  readonly name: string;
  readonly fields: readonly { name: string; type: TypeRef; args: readonly [] }[];
  readonly interfaces: readonly { kind: string; name: string }[];
  readonly possibleTypes: readonly { kind: string; name: string }[];
}

const [query, mutation, subscription] = ROOTS;

/** The schema in the form in which caches take it: without arguments, inputs and leaves. */
export const schema = {
  __schema: {
    queryType: { name: query },
    mutationType: { name: mutation },
    subscriptionType: { name: subscription },
    types: TYPES.map(toType),
  },
};

/** Objects without an id: they are part of what leads to them. */
export const EMBEDDED: readonly string[] = TYPES.filter(
  ([kind, name, others]) => kind === 'OBJECT' && others !== 'Node' && !isRoot(name),
).map(([, name]) => name);

/** The fields of a type; none for a type that there is not. */
export function fieldsOf(typeName: string): readonly string[] {
  const row = TYPES.find(([, name]) => name === typeName);
  return row === undefined ? [] : toFields(row[3]).map(({ name }) => name);
}

function isRoot(name: string): boolean {
  return ROOTS.some((root) => root === name);
}

function toType([kind, name, others, fields]: (typeof TYPES)[number]): SchemaType {
  const refs = others.split(' ').filter(Boolean);
  return {
    kind,
    name,
    fields: toFields(fields),
    interfaces: kind === 'OBJECT' ? refs.map((name) => ({ kind: 'INTERFACE', name })) : [],
    possibleTypes: kind === 'OBJECT' ? [] : refs.map((name) => ({ kind: 'OBJECT', name })),
  };
}

function toFields(text: string): SchemaType['fields'] {
  const fields = text.split(' ').filter(Boolean);
  return fields.map((field) => {
    const [name = '', type = ''] = field.split(':');
    return { name, type: toTypeRef(type), args: [] };
  });
}

/** Reads a type as the schema language spells it; leaves have no name there. */
function toTypeRef(text: string): TypeRef {
  if (text.endsWith('!')) return wrapping('NON_NULL', text.slice(0, -1));
  if (text.startsWith('[')) return wrapping('LIST', text.slice(1, -1));
  if (text === '') return { kind: 'SCALAR', name: 'Any', ofType: null };
  const kind = TYPES.find(([, name]) => name === text)?.[0] ?? 'OBJECT';
  return { kind, name: text, ofType: null };
}

function wrapping(kind: 'NON_NULL' | 'LIST', inner: string): TypeRef {
  return { kind, name: null, ofType: toTypeRef(inner) };
}
