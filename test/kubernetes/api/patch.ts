import { ApiError, type Kind } from '../ports.ts';
import { type Fields, fieldsOf, isFields, textOf } from './fields.ts';
import { isCustom } from './kinds.ts';
import { badRequest } from './refusals.ts';

const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
/** Server-side apply: taken as a merge that also creates. */
export const APPLY = 'application/apply-patch+yaml';

/** What a patch makes of an object; refuses patches of a type that the kind does not take. */
export function patched(kind: Kind, now: Fields, type: string, patch: unknown): Fields {
  if (type === JSON_PATCH) return fieldsOf(applyOperations(now, patch));
  if (type === MERGE || type === APPLY) return fieldsOf(merged(now, patch));
  if (type === STRATEGIC && !isCustom(kind)) return fieldsOf(merged(now, withoutOrders(patch)));
  const types = [JSON_PATCH, MERGE, APPLY, ...(isCustom(kind) ? [] : [STRATEGIC])].join(', ');
  const why = 'the body of the request was in an unknown format';
  const message = `${why} - accepted media types include: ${types}`;
  throw new ApiError(415, 'UnsupportedMediaType', message);
}

/** RFC 7386: what a patch names is replaced, and what it names null goes. */
function merged(now: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const next: Record<string, unknown> = { ...fieldsOf(now) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(next, name);
    else next[name] = merged(next[name], value);
  }
  return next;
}

/** What a strategic merge says of the order of lists is not needed when lists are replaced. */
function withoutOrders(patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const entries = Object.entries(patch).filter(([name]) => !name.startsWith('$'));
  return Object.fromEntries(entries.map(([name, value]) => [name, withoutOrders(value)]));
}

/** RFC 6902. */
function applyOperations(now: Fields, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations');
  let root: unknown = structuredClone(now);
  for (const operation of patch.map(fieldsOf)) root = applied(root, operation);
  return root;
}

function applied(root: unknown, operation: Fields): unknown {
  const path = pointer(operation['path']);
  const from = () => pointer(operation['from']);
  switch (operation['op']) {
    case 'add':
      return put(root, path, operation['value'], true);
    case 'replace':
      read(root, path);
      return put(root, path, operation['value'], false);
    case 'remove':
      return taken(root, path);
    case 'test':
      if (JSON.stringify(read(root, path)) === JSON.stringify(operation['value'])) return root;
      throw unprocessable();
    case 'move':
      return put(taken(root, from()), path, read(root, from()), true);
    case 'copy':
      return put(root, path, structuredClone(read(root, from())), true);
    default:
      throw badRequest(`unknown operation ${String(operation['op'])} in a JSON patch`);
  }
}

function pointer(path: unknown): string[] {
  const names = (textOf(path) ?? '').split('/').slice(1);
  return names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(root: unknown, path: readonly string[]): unknown {
  return path.reduce((inner: unknown, name) => {
    const found: unknown = Array.isArray(inner) ? inner[Number(name)] : fieldsOf(inner)[name];
    if (found === undefined) throw unprocessable();
    return found;
  }, root);
}

/** A copy of the root in which a value lies at a path. */
function put(root: unknown, path: readonly string[], value: unknown, insert: boolean): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  if (Array.isArray(root)) {
    const list: unknown[] = [...(root as unknown[])];
    const index = name === '-' ? list.length : Number(name);
    if (!Number.isInteger(index) || index > list.length) throw unprocessable();
    if (rest.length > 0) list[index] = put(list[index], rest, value, insert);
    else list.splice(index, insert ? 0 : 1, value);
    return list;
  }
  if (!isFields(root)) throw unprocessable();
  return { ...root, [name]: put(root[name], rest, value, insert) };
}

function taken(root: unknown, path: readonly string[]): unknown {
  read(root, path);
  const [name = '', ...rest] = path;
  if (Array.isArray(root)) {
    const list: unknown[] = [...(root as unknown[])];
    if (rest.length > 0) list[Number(name)] = taken(list[Number(name)], rest);
    else list.splice(Number(name), 1);
    return list;
  }
  const fields: Record<string, unknown> = { ...fieldsOf(root) };
  if (rest.length > 0) fields[name] = taken(fields[name], rest);
  else Reflect.deleteProperty(fields, name);
  return fields;
}

/** What the real server says of any operation that fails. */
function unprocessable(): ApiError {
  const message = 'the server rejected our request due to an error in our request';
  return new ApiError(422, 'Invalid', message);
}
