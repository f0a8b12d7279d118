import { isRefusal, lastWarnings, providerError, refused } from './errors.ts';
import type { Host } from './host.ts';
import type { Manifest, ObjectKind, ObjectName } from './kubernetes.ts';
import { LABEL } from './names.ts';
import { OBJECT } from './object-reader.ts';

/** Does a call about an object; a refusal becomes a sentence with the object's last warnings. */
export async function about<T>(
  host: Pick<Host, 'kubernetes'>,
  object: ObjectName,
  what: string,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const told = providerError(error, what);
    if (told === error || signal.aborted) throw error;
    throw providerError(error, what, await lastWarnings(host.kubernetes, object, signal));
  }
}

/** Creates an object unless it is there already; answers it as it is. */
export async function ensureObject<T>(
  { kubernetes }: Pick<Host, 'kubernetes'>,
  kind: ObjectKind<T>,
  manifest: Manifest & { readonly metadata: { readonly name: string } },
  signal: AbortSignal,
): Promise<T> {
  const { namespace, name } = manifest.metadata;
  const of = { namespace, name };
  return about({ kubernetes }, of, `creating the ${kind.kind} ${name}`, signal, async () => {
    const present = await kubernetes.get(kind, of, signal);
    if (present !== undefined) return ours(present, manifest);
    try {
      return await kubernetes.create(kind, manifest, signal);
    } catch (error) {
      // Somebody else was first: what is there now is what we wanted.
      const made = isRefusal(error, 409) ? await kubernetes.get(kind, of, signal) : undefined;
      if (made === undefined) throw error;
      return ours(made, manifest);
    }
  });
}

function ours<T>(present: T, { metadata }: Manifest): T {
  const wanted = metadata.labels?.[LABEL.installation];
  if (wanted !== undefined) refuseForeign(present, wanted);
  return present;
}

/**
 * Throws where an object is of another installation: in a namespace that is shared it may have the
 * very name that we would give.
 */
export function refuseForeign(object: unknown, installation: string): void {
  const metadata = OBJECT.safeParse(object).data?.metadata;
  const owner = metadata?.labels?.[LABEL.installation];
  if (owner === undefined || owner === installation) return;
  throw refused(`${metadata?.name} does not belong to this installation`);
}
