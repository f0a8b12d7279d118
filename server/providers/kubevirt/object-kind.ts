import { z } from 'zod';
import type { ObjectKind } from './kubernetes.ts';

/** A map of texts; none is an empty one. */
export const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {});

const metadata = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().default(''),
  resourceVersion: z.string().default(''),
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
  labels: texts,
  annotations: texts,
  ownerReferences: z
    .array(z.object({ kind: z.string(), name: z.string(), uid: z.string() }))
    .nullish(),
});

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
});

/** The conditions of a status. */
export const conditions = z.array(condition).nullish();
/** Amounts by what they are of. */
export const quantities = z.record(z.string(), z.union([z.string(), z.number()])).nullish();
/** A reference by name alone. */
export const named = z.object({ name: z.string() });
/** What went wrong, as a status tells it. */
export const failure = z.object({ message: z.string().nullish() }).nullish();

/** One condition of an object's status. */
export type Condition = z.infer<typeof condition>;

/** The metadata of any object, as far as we read it. */
export type ObjectMetadata = z.infer<typeof metadata>;

/** Any object, when all we need of it is who it is. */
export interface AnyObject {
  readonly metadata: ObjectMetadata;
}

/** A kind of the core group. */
export function core<Shape extends z.ZodRawShape>(
  name: string,
  plural: string,
  namespaced: boolean,
  shape: Shape,
) {
  return { ...kind('', 'v1', name, plural, shape), namespaced };
}

/** A kind whose objects live in namespaces. */
export function kind<Shape extends z.ZodRawShape>(
  group: string,
  version: string,
  name: string,
  plural: string,
  shape: Shape,
) {
  const schema = z.object({ metadata, ...shape });
  return { group, version, kind: name, plural, namespaced: true, schema } satisfies ObjectKind<
    z.infer<typeof schema>
  >;
}
