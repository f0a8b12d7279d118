import { z } from 'zod';
import { KubernetesError } from './kubernetes.ts';

const MOST_TEXT = 300;

/** What the API server says of a refusal. */
const STATUS = z.object({
  kind: z.literal('Status'),
  code: z.number().optional().catch(undefined),
  reason: z.string().default('').catch(''),
  message: z.string().default('').catch(''),
  details: z
    .object({
      causes: z
        .array(
          z.object({
            reason: z.string().default(''),
            message: z.string().default(''),
            field: z.string().default(''),
          }),
        )
        .default([])
        .catch([]),
      retryAfterSeconds: z.number().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

/** An answer that is no success, however it is worded. */
export interface Refused {
  /** What was asked, for answers without words: `GET /api/v1/nodes`. */
  readonly what: string;
  readonly status: number;
  readonly text: string;
  readonly retryAfter?: string | undefined;
  /** Epoch milliseconds, for a `Retry-After` that is a date. */
  readonly now: number;
}

/** Reads a refusal: a `Status`, or the plain words of KubeVirt and of proxies on the way. */
export function refusal(refused: Refused): KubernetesError {
  const found = STATUS.safeParse(parseOrUndefined(refused.text));
  const retryAfterMs = retryAfter(refused.retryAfter, refused.now);
  if (found.success) return refusalOfStatus(found.data, refused, retryAfterMs);
  const words = firstWords(refused.text);
  return new KubernetesError(
    `${refused.what} was answered by ${refused.status}${words === '' ? '' : `: ${words}`}`,
    { status: refused.status, retryAfterMs },
  );
}

/** Reads the `Status` that a watch sends in an ERROR event, inside an answer of 200. */
export function refusalInWatch(object: unknown, what: string): KubernetesError {
  const found = STATUS.safeParse(object);
  const refused = { what, status: 500, text: '', now: 0 };
  if (found.success) return refusalOfStatus(found.data, refused, undefined);
  return new KubernetesError(`${what} ended by an error without words`, { status: 500 });
}

function refusalOfStatus(
  status: z.infer<typeof STATUS>,
  refused: Refused,
  retryAfterMs: number | undefined,
): KubernetesError {
  const seconds = status.details?.retryAfterSeconds;
  return new KubernetesError(
    status.message || `${refused.what} was answered by ${status.reason || refused.status}`,
    {
      status: status.code ?? refused.status,
      reason: status.reason,
      causes: status.details?.causes ?? [],
      retryAfterMs: retryAfterMs ?? (seconds === undefined ? undefined : seconds * 1_000),
    },
  );
}

function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The beginning of a text, on one line. */
function firstWords(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, MOST_TEXT);
}
