/** A field of what came from outside; undefined where there is none. */
export function fieldOf(from: unknown, name: string): unknown {
  const isThere = typeof from === 'object' && from !== null && Object.hasOwn(from, name);
  return isThere ? (from as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** A list that came from outside; empty where there is none. */
export function listOf(from: unknown): readonly unknown[] {
  return Array.isArray(from) ? from : [];
}

/** The fields of an object that came from outside; none where it is no object. */
export function fieldsOf(from: unknown): Readonly<Record<string, unknown>> {
  return typeof from === 'object' && from !== null ? { ...from } : {};
}
