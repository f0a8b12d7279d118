import { z } from 'zod';
import { badInput } from '../../schema/request-error.ts';

const json = z.record(z.string(), z.unknown());

const form = z.object({
  query: z.string(),
  operationName: z.string().nullish(),
  variables: json.nullish(),
  extensions: json.nullish(),
});

/** One operation as a caller sent it, whatever it was sent over. */
export type Operation = z.infer<typeof form>;

/** The operation in a message; several in one (a list) are not accepted. */
export function parseOperation(message: unknown): Operation {
  const parsed = form.safeParse(message);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') || 'the message';
  throw badInput(`not a GraphQL request: ${field}: ${issue?.message ?? 'not acceptable'}`);
}
