import { z } from 'zod';
import { ProviderError } from '../provider.ts';
import { KubernetesError, type Kubernetes, type ObjectKind } from './kubernetes.ts';

/**
 * What the reconcilers are told of a failed call: a sentence of what was tried on which object
 * (`what`), what came back, and the newest warnings about the object. Everything that is no
 * `KubernetesError` is handed back as it is: it is a `ProviderError` already, or a bug.
 */
export function providerError(error: unknown, what: string, events: readonly string[] = []): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!(error instanceof KubernetesError)) return error;
  return new ProviderError(`${what}: ${said(error)}${toldOf(events)}`, {
    retryable: mayPass(error),
    cause: error,
  });
}

/** Warnings as the end of a reason; nothing where there are none. */
export function toldOf(warnings: readonly string[]): string {
  return warnings.length === 0 ? '' : ` (warnings: ${warnings.join('; ')})`;
}

/** A refusal that no repetition changes. */
export function refused(reason: string): ProviderError {
  return new ProviderError(reason, { retryable: false });
}

/** A failure that another try may not have. */
export function failed(reason: string, cause?: unknown): ProviderError {
  return new ProviderError(reason, { retryable: true, cause });
}

/** What went wrong, as a part of a sentence. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Whether the API did not do what it was asked because of itself, and not because of us: so the
 * same call may be made again. A 409 is the caller's to understand.
 */
export function isOutage(error: unknown): boolean {
  const cause = error instanceof ProviderError ? error.cause : error;
  if (!(cause instanceof KubernetesError) || cause.status === 409) return false;
  return error instanceof ProviderError ? error.retryable : mayPass(cause);
}

/** Whether this is the refusal of a status, such as 404 or 409. */
export function isRefusal(
  error: unknown,
  status: number,
  reason?: string,
): error is KubernetesError {
  if (!(error instanceof KubernetesError) || error.status !== status) return false;
  return reason === undefined || error.reason === reason;
}

/** The newest three warnings about an object, the newest first; none where they cannot be read. */
export async function lastWarnings(
  kubernetes: Kubernetes,
  about: { namespace?: string | undefined; name?: string; uid?: string },
  signal: AbortSignal,
): Promise<string[]> {
  const fields =
    about.uid === undefined
      ? { type: 'Warning', 'involvedObject.name': about.name ?? '' }
      : { type: 'Warning', 'involvedObject.uid': about.uid };
  try {
    const events = await kubernetes.list(EVENTS, { namespace: about.namespace, fields }, signal);
    const newestFirst = events.toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)));
    // Many say the same again and again.
    return [...new Set(newestFirst.map(lineOf))].slice(0, MOST_WARNINGS);
  } catch (error) {
    // Warnings only adorn a reason that is told anyway.
    if (error instanceof KubernetesError || signal.aborted) return [];
    throw error;
  }
}

const MOST_WARNINGS = 3;
const LONGEST_TEXT = 500;

/** Events, as far as reasons are made of them. */
const EVENTS = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
  schema: z.object({
    type: z.string().optional(),
    reason: z.string().default(''),
    message: z.string().default(''),
    lastTimestamp: z.string().nullish(),
    eventTime: z.string().nullish(),
    metadata: z.object({ name: z.string(), creationTimestamp: z.string().nullish() }),
  }),
} satisfies ObjectKind<unknown>;

type KubernetesEvent = z.infer<(typeof EVENTS)['schema']>;

function timeOf(event: KubernetesEvent): string {
  return event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? '';
}

function lineOf(event: KubernetesEvent): string {
  return shortened(`${event.reason}: ${event.message}`);
}

function said(error: KubernetesError): string {
  if (error.status === 0) return shortened(error.message);
  const causes = error.causes.map(({ field, message }) =>
    field ? `${field}: ${message}` : message,
  );
  const more = causes.filter((cause) => cause !== '' && !error.message.includes(cause));
  return shortened([`${error.message} (${error.status})`, ...more].join('; '));
}

function shortened(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

/** Statuses that say that the same call may succeed later: the time, the load or a login passes. */
const PASSING = new Set([0, 401, 408, 410, 429]);

function mayPass(error: KubernetesError): boolean {
  if (PASSING.has(error.status) || error.status >= 500) return true;
  if (error.status === 409) return error.reason !== 'AlreadyExists' || isBeingDeleted(error);
  return error.causes.some(({ reason }) => reason === 'NamespaceTerminating');
}

/** A name is still taken by something that is on its way out. */
function isBeingDeleted(error: KubernetesError): boolean {
  return error.message.includes('being deleted');
}
