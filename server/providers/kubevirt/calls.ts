import { isRefusal, lastWarnings, providerError } from './errors.ts';
import type { Host } from './host.ts';
import type { Manifest, ObjectKind, ObjectName } from './kubernetes.ts';

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
    if (present !== undefined) return present;
    try {
      return await kubernetes.create(kind, manifest, signal);
    } catch (error) {
      // Somebody else was first: what is there now is what we wanted.
      const made = isRefusal(error, 409) ? await kubernetes.get(kind, of, signal) : undefined;
      if (made === undefined) throw error;
      return made;
    }
  });
}
