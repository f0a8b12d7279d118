import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ObjectKind } from '../../../../server/providers/kubevirt/kubernetes.ts';
import { CREATED_KINDS } from '../../../../server/providers/kubevirt/manifests.ts';
import * as objects from '../../../../server/providers/kubevirt/objects.ts';
import { differencesOf, readCrds, type Shape } from '../../../kit/crd-differences.ts';

// What we send and what we read is what real releases know. The CRDs are not ours to keep, so a
// folder of them is named when they are to be compared.

const folder = process.env['SNAPYARD_CRDS'] ?? '';
const crds = folder === '' ? new Map<string, Shape>() : readCrds(folder);

function isKind(one: unknown): one is ObjectKind<unknown> {
  return typeof one === 'object' && one !== null && 'plural' in one && 'schema' in one;
}

/** Kinds that Kubernetes itself brings have no CRD. */
const isCustom = ({ group }: { group: string }) =>
  group.includes('.') && group !== 'storage.k8s.io';

const SENT = CREATED_KINDS.filter(({ kind }) => isCustom(kind));
const EXPORTED: readonly unknown[] = Object.values(objects);
const READ = EXPORTED.filter(isKind).filter(isCustom);
const nameOf = ({ group, version, kind }: ObjectKind<unknown>) => `${group}/${version}/${kind}`;

function crdOf(kind: ObjectKind<unknown>): Shape {
  const crd = crds.get(nameOf(kind));
  if (crd === undefined) throw new Error(`${folder} has no CRD that serves ${nameOf(kind)}`);
  return crd;
}

describe.skipIf(folder === '')('the CRDs (needs SNAPYARD_CRDS)', () => {
  test.each(SENT.map((one) => [nameOf(one.kind), one] as const))('take our %s', (_name, one) => {
    expect(differencesOf(one.schema, crdOf(one.kind), 'sent')).toEqual([]);
  });

  test.each(READ.map((one) => [nameOf(one), one] as const))('have what we read of %s', (_, one) => {
    expect(differencesOf(one.schema, crdOf(one), 'read')).toEqual([]);
  });
});

test('kinds are compared, not none', () => {
  expect(SENT.length).toBeGreaterThanOrEqual(4);
  expect(READ.length).toBeGreaterThanOrEqual(6);
});

describe('a comparison', () => {
  const crd: Shape = {
    type: 'object',
    required: ['spec'],
    properties: {
      metadata: { type: 'object' },
      spec: {
        type: 'object',
        required: ['source'],
        properties: {
          source: { type: 'string', enum: ['A', 'B'] },
          size: { 'x-kubernetes-int-or-string': true },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
          parts: {
            type: 'array',
            items: { type: 'object', properties: { n: { type: 'integer' } } },
          },
        },
      },
    },
  };
  const spec = {
    source: z.literal('A'),
    size: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    parts: z.array(z.strictObject({ n: z.int() })).optional(),
  };
  const sent = (changed: Record<string, z.ZodType>) => {
    const metadata = z.strictObject({ name: z.string() });
    const ours = z.strictObject({ metadata, spec: z.strictObject({ ...spec, ...changed }) });
    return differencesOf(ours, crd, 'sent');
  };

  test('finds nothing where all fits', () => {
    expect(sent({})).toEqual([]);
  });

  test.each<[Record<string, z.ZodType>, string]>([
    [{ sourse: z.string() }, '.spec.sourse: is not theirs'],
    [{ source: z.literal('C') }, '.spec.source: C is not one of theirs'],
    [{ source: z.literal('A').optional() }, '.spec.source: they demand it, we may leave it out'],
    [{ labels: z.array(z.string()) }, '.spec.labels: ours is array, theirs object'],
    [{ labels: z.record(z.string(), z.int()) }, '.spec.labels.*: ours is integer, theirs string'],
    [{ parts: z.array(z.strictObject({ m: z.int() })) }, '.spec.parts[].m: is not theirs'],
  ])('finds %#: %s', (changed, difference) => {
    expect(sent(changed)).toEqual([difference]);
  });
});
