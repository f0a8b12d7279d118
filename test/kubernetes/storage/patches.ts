import { RestoreError } from './restoring.ts';

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** The document with JSON patches applied, each the text of one operation. */
export function applyPatches(document: object, patches: readonly string[]): object {
  const copy = structuredClone(document);
  for (const patch of patches) applyOne(copy, parsed(patch));
  return copy;
}

function parsed(patch: string): Operation {
  try {
    return JSON.parse(patch) as Operation;
  } catch {
    throw new RestoreError(`error patching VM: cannot decode vm patches ${patch}`);
  }
}

function applyOne(document: object, { op, path, value }: Operation): void {
  const steps = path.split('/').slice(1);
  const keys = steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop() ?? '';
  let place: unknown = document;
  for (const key of keys) place = child(place, key);
  if (typeof place !== 'object' || place === null) throw missing(path);
  if (op === 'test') return;
  if (Array.isArray(place)) changeList(place, last, op, value);
  else if (op === 'remove') Reflect.deleteProperty(place, last);
  else Reflect.set(place, last, value);
}

function changeList(list: unknown[], key: string, op: string, value: unknown): void {
  const index = key === '-' ? list.length : Number(key);
  if (op === 'remove') list.splice(index, 1);
  else list.splice(index, op === 'add' ? 0 : 1, value);
}

function child(place: unknown, key: string): unknown {
  return typeof place === 'object' && place !== null ? Reflect.get(place, key) : undefined;
}

function missing(path: string): RestoreError {
  return new RestoreError(`error patching VM: doc is missing path: ${path}`);
}
