import { z } from 'zod';
import { KubernetesError, type ObjectKind } from './kubernetes.ts';

/** What every object has, as far as this client needs it itself. */
export const OBJECT = z.looseObject({
  metadata: z.object({
    /** Absent in a bookmark. */
    name: z.string().default(''),
    namespace: z.string().optional(),
    uid: z.string().default(''),
    resourceVersion: z.string().default(''),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
});

/** An object before it is read as one of its kind. */
export type RawObject = z.infer<typeof OBJECT>;

const MOST_TOLD = 1_000;

/**
 * Reads what the server sends. An object that is not as its kind should be is left out of lists,
 * so that one odd object does not hide all others, and is told of once.
 */
export class ObjectReader {
  readonly #log: (line: string) => void;
  readonly #told = new Set<string>();

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** The object; one that cannot be read is a failure. */
  one<T>(kind: ObjectKind<T>, sent: unknown): T {
    const read = kind.schema.safeParse(sent);
    if (read.success) return read.data;
    throw new KubernetesError(`the server sent a ${kind.kind} that is none: ${why(read.error)}`, {
      status: 200,
      reason: 'Unreadable',
    });
  }

  /** The object, or undefined where it cannot be read. */
  oneOfMany<T>(kind: ObjectKind<T>, sent: unknown): T | undefined {
    const read = kind.schema.safeParse(sent);
    if (read.success) return read.data;
    this.#tell(`${kind.kind} ${placeOf(sent)}`, why(read.error));
    return undefined;
  }

  /** The object as every object is, or undefined where it is none. */
  raw(kind: ObjectKind<unknown>, sent: unknown): RawObject | undefined {
    const read = OBJECT.safeParse(sent);
    if (read.success) return read.data;
    this.#tell(`a ${kind.kind}`, why(read.error));
    return undefined;
  }

  #tell(which: string, reason: string): void {
    if (this.#told.has(which) || this.#told.size >= MOST_TOLD) return;
    this.#told.add(which);
    this.#log(`${which} is left out, it cannot be read: ${reason}`);
  }
}

function placeOf(sent: unknown): string {
  const read = OBJECT.safeParse(sent);
  if (!read.success) return 'without a name';
  const { namespace, name } = read.data.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function why(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? '?' : `${issue.path.join('.')}: ${issue.message}`;
}
