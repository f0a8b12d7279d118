import type { Cause, Schema } from '../ports.ts';
import { type Fields, isFields } from './fields.ts';
import { quantityOf } from '../quantity.ts';

/** What a check of an object against its schema finds. */
export interface Checked {
  /** The object without the fields that the schema does not know. */
  readonly pruned: Fields;
  /** Paths of those fields. */
  readonly unknown: readonly string[];
  readonly causes: readonly Cause[];
}

/** Fields that every object has, whatever its schema says. */
const COMMON: Readonly<Record<string, Schema>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: {
    type: 'object',
    fields: {
      name: { type: 'string' },
      generateName: { type: 'string' },
      namespace: { type: 'string' },
      uid: { type: 'string' },
      resourceVersion: { type: 'string' },
      selfLink: { type: 'string' },
      creationTimestamp: { type: 'any' },
      deletionTimestamp: { type: 'any' },
      deletionGracePeriodSeconds: { type: 'any' },
      generation: { type: 'integer' },
      labels: { type: 'map', values: { type: 'string' } },
      annotations: { type: 'map', values: { type: 'string' } },
      finalizers: { type: 'array', items: { type: 'string' } },
      ownerReferences: { type: 'array', items: { type: 'any' } },
      managedFields: { type: 'any' },
    },
  },
};

/** Checks a whole object; a status that the schema does not describe may be anything. */
export function checkObject(object: Fields, schema: Schema): Checked {
  const fields = schema.type === 'object' ? schema.fields : {};
  const whole: Schema = {
    ...(schema.type === 'object' ? schema : { type: 'object' }),
    fields: { status: { type: 'any' }, ...fields, ...COMMON },
  };
  const found: Findings = { unknown: [], causes: [], isOpen: schema.type === 'any' };
  const pruned = check(object, whole, '', found);
  return { pruned: isFields(pruned) ? pruned : {}, ...found };
}

interface Findings {
  readonly unknown: string[];
  readonly causes: Cause[];
  /** Whether fields at the top that are not named are kept. */
  readonly isOpen: boolean;
}

function check(value: unknown, schema: Schema, path: string, found: Findings): unknown {
  // As in Kubernetes: null where nothing may be null is as if it were not there.
  if (schema.type === 'any' || value === null || value === undefined) return value;
  if (schema.type === 'object') return checkFields(value, schema, path, found);
  if (schema.type === 'map') {
    if (!isFields(value)) return wrongType(value, 'object', path, found);
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([name, one]) => [name, check(one, schema.values, join(path, name), found)]),
    );
  }
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return wrongType(value, 'array', path, found);
    return value.map((one, index) => check(one, schema.items, `${path}[${index}]`, found));
  }
  return checkPlain(value, schema, path, found);
}

function checkFields(
  value: unknown,
  schema: Extract<Schema, { type: 'object' }>,
  path: string,
  found: Findings,
): unknown {
  if (!isFields(value)) return wrongType(value, 'object', path, found);
  for (const name of schema.required ?? []) {
    if (value[name] !== undefined && value[name] !== null) continue;
    const field = join(path, name);
    found.causes.push({ reason: 'FieldValueRequired', message: 'Required value', field });
  }
  const kept: [string, unknown][] = [];
  for (const [name, one] of Object.entries(value)) {
    const inner = schema.fields[name];
    if (inner !== undefined) kept.push([name, check(one, inner, join(path, name), found)]);
    else if (path === '' && found.isOpen) kept.push([name, one]);
    else found.unknown.push(join(path, name));
  }
  return Object.fromEntries(kept);
}

function checkPlain(
  value: unknown,
  schema: Exclude<Schema, { type: 'object' | 'array' | 'map' | 'any' }>,
  path: string,
  found: Findings,
): unknown {
  if (schema.type === 'quantity') {
    const isQuantity = typeof value === 'string' || typeof value === 'number';
    return isQuantity && !Number.isNaN(quantityOf(value))
      ? value
      : wrongType(value, 'quantity', path, found);
  }
  const isRight =
    schema.type === 'integer' ? Number.isInteger(value) : typeof value === schema.type;
  if (!isRight) return wrongType(value, schema.type, path, found);
  if (schema.type === 'string' && schema.enum && !schema.enum.some((one) => one === value)) {
    const values = schema.enum.map((one) => `"${one}"`).join(', ');
    const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${values}`;
    found.causes.push({ reason: 'FieldValueNotSupported', message, field: path });
  }
  return value;
}

function wrongType(value: unknown, wanted: string, path: string, found: Findings): unknown {
  const plain = Number.isInteger(value) ? 'integer' : typeof value;
  const is = Array.isArray(value) ? 'array' : plain;
  const must = `${path} in body must be of type ${wanted}: "${is}"`;
  const message = `Invalid value: "${is}": ${must}`;
  found.causes.push({ reason: 'FieldValueTypeInvalid', message, field: path });
  return value;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
