import { TYPES } from '../../client/generated/schema.ts';
import { isObject } from '../../client/socket.ts';

/** The same data with the name of each object's type, as a server adds it when asked to. */
export function withTypeNames(value: unknown, typeName: string): unknown {
  if (Array.isArray(value)) return value.map((item) => withTypeNames(item, typeName));
  if (!isObject(value)) return value;
  const own = typeof value['__typename'] === 'string' ? value['__typename'] : typeName;
  const fields = Object.entries(value).map(([name, field]) => [
    name,
    withTypeNames(field, typeOf(own, name)),
  ]);
  return { ...Object.fromEntries(fields), __typename: own };
}

function typeOf(typeName: string, fieldName: string): string {
  const fields = TYPES.find(([, name]) => name === typeName)?.[3].split(' ') ?? [];
  const field = fields.find((text) => text.startsWith(`${fieldName}:`)) ?? '';
  return field.slice(fieldName.length + 1).replaceAll(/[[\]!]/g, '');
}
