import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/** Compares our narrow schemas of outside objects with the CRDs of real releases. */

/** The schema of a version of a custom resource, as CRDs and JSON Schema write it. */
export interface Shape {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

const definition = z.object({
  kind: z.literal('CustomResourceDefinition'),
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(
      z.object({
        name: z.string(),
        served: z.boolean(),
        schema: z.object({ openAPIV3Schema: z.custom<Shape>() }),
      }),
    ),
  }),
});

/** The served versions of the CRDs in a folder of YAML files, by `group/version/kind`. */
export function readCrds(folder: string): ReadonlyMap<string, Shape> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return new Map(
    files.flatMap((name) => {
      const { spec } = definition.parse(parse(readFileSync(join(folder, name), 'utf8')));
      const served = spec.versions.filter((version) => version.served);
      return served.map((version): [string, Shape] => [
        `${spec.group}/${version.name}/${spec.names.kind}`,
        version.schema.openAPIV3Schema,
      ]);
    }),
  );
}

/** What we take from objects: everything named must be there. What we send: also be whole. */
export type Direction = 'read' | 'sent';

/** Where a schema of ours asks or sends what the CRD does not have, a line each. */
export function differencesOf(ours: z.ZodType, crd: Shape, direction: Direction): string[] {
  const shape = z.toJSONSchema(ours, { io: 'input', unrepresentable: 'any' }) as Shape;
  return compare(shape, crd, direction, '');
}

function compare(ours: Shape, crd: Shape, direction: Direction, path: string): string[] {
  if (crd['x-kubernetes-preserve-unknown-fields'] === true) return [];
  // Every object has it, and CRDs say nothing of what is in it.
  if (path === '.metadata') return [];
  const some = ours.anyOf?.filter(({ type }) => type !== 'null');
  if (some !== undefined) return some.flatMap((one) => compare(one, crd, direction, path));
  return [
    ...typeDifference(ours, crd, direction, path),
    ...valueDifference(ours, crd, path),
    ...fieldDifferences(ours, crd, direction, path),
    ...(direction === 'sent' ? lacking(ours, crd, path) : []),
    ...(ours.items === undefined || crd.items === undefined
      ? []
      : compare(ours.items, crd.items, direction, `${path}[]`)),
  ];
}

/** What we send must all be taken; of what we read one must be what they send. */
function typeDifference(ours: Shape, crd: Shape, direction: Direction, path: string): string[] {
  const types = typesOf(ours);
  const unknown = types.filter((type) => !isOneOf(type, crd));
  const isTaken = direction === 'sent' ? unknown.length === 0 : unknown.length < types.length;
  if (types.length === 0 || isTaken) return [];
  const theirs = typesOf(crd).join(' or ') || 'without a type';
  return [`${path}: ours is ${types.join(' or ')}, theirs ${theirs}`];
}

function isOneOf(type: string, crd: Shape): boolean {
  const theirs = typesOf(crd);
  const isNumber = type === 'integer' || type === 'number';
  if (crd['x-kubernetes-int-or-string'] === true) return isNumber || type === 'string';
  if (isNumber) return theirs.includes('integer') || theirs.includes('number');
  return theirs.includes(type);
}

function typesOf({ type }: Shape): readonly string[] {
  const types = type === undefined || typeof type === 'string' ? [type ?? 'null'] : type;
  return types.filter((one) => one !== 'null');
}

function valueDifference(ours: Shape, crd: Shape, path: string): string[] {
  const values = ours.enum ?? (ours.const === undefined ? [] : [ours.const]);
  const unknown = values.filter((value) => crd.enum !== undefined && !crd.enum.includes(value));
  return unknown.map((value) => `${path}: ${String(value)} is not one of theirs`);
}

function fieldDifferences(ours: Shape, crd: Shape, direction: Direction, path: string): string[] {
  const ofMap = typeof crd.additionalProperties === 'object' ? crd.additionalProperties : undefined;
  const named = Object.entries(ours.properties ?? {}).flatMap(([name, field]) => {
    const theirs = crd.properties?.[name] ?? ofMap;
    const where = `${path}.${name}`;
    return theirs === undefined
      ? [`${where}: is not theirs`]
      : compare(field, theirs, direction, where);
  });
  if (typeof ours.additionalProperties !== 'object') return named;
  if (ofMap === undefined) return [...named, `${path}: ours is a map, theirs is none`];
  return [...named, ...compare(ours.additionalProperties, ofMap, direction, `${path}.*`)];
}

/** What they demand and we may leave out. */
function lacking(ours: Shape, crd: Shape, path: string): string[] {
  if (ours.type !== 'object' || ours.properties === undefined) return [];
  const left = (crd.required ?? []).filter((name) => !(ours.required ?? []).includes(name));
  return left.map((name) => `${path}.${name}: they demand it, we may leave it out`);
}
