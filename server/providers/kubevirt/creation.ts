import type { World } from '../../world.ts';
import { isRefusal } from './errors.ts';
import { KubernetesError, type Manifest, type ObjectKind } from './kubernetes.ts';
import { OBJECT, type RawObject } from './object-reader.ts';
import { pathOfKind, pathOfObject } from './paths.ts';
import { backOff, isUncertain, wasNotTaken } from './retry.ts';

/** How one creation reaches the server. */
export interface CreationCalls {
  readonly world: World;
  readonly signal: AbortSignal;
  readonly post: (path: string, body: object) => Promise<unknown>;
  readonly get: (path: string) => Promise<unknown>;
}

const MOST_ATTEMPTS = 5;

/**
 * Creates an object once. When it is not known whether an attempt was carried out, the object is
 * looked for by its name, and only one with all our labels is taken for ours. A name that the
 * server is to choose cannot be looked for, so such a creation is not repeated then.
 */
export async function createOnce(
  calls: CreationCalls,
  kind: ObjectKind<unknown>,
  manifest: Manifest,
): Promise<unknown> {
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  const body = { apiVersion, kind: kind.kind, ...manifest };
  const path = pathOfKind(
    kind,
    { namespace: manifest.metadata.namespace },
    { fieldValidation: 'Strict' },
  );
  let isUnknown = false;
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await calls.post(path, body);
    } catch (error) {
      if (!mayGoOn(error, manifest, isUnknown)) throw error;
      isUnknown ||= isUncertain(error);
      const ours = isUnknown ? await whatWeMade(calls, kind, manifest) : undefined;
      if (ours !== undefined) return ours;
      if (attempts >= MOST_ATTEMPTS) throw error;
      await calls.world.sleep(backOff(calls.world, attempts, error), calls.signal);
    }
  }
}

/** Whether to look or to try again after this failure. */
function mayGoOn(error: unknown, manifest: Manifest, isUnknown: boolean): boolean {
  if (wasNotTaken(error)) return true;
  if (manifest.metadata.name === undefined) return false;
  // After an attempt of unknown end this may be that attempt's own work.
  return isUncertain(error) || (isUnknown && isRefusal(error, 409, 'AlreadyExists'));
}

/** The object, if there is one now and it is ours; throws where it is somebody else's. */
async function whatWeMade(
  calls: CreationCalls,
  kind: ObjectKind<unknown>,
  { metadata }: Manifest,
): Promise<unknown> {
  const { namespace, name = '', labels = {} } = metadata;
  const found = await calls.get(pathOfObject(kind, { namespace, name }));
  if (found === undefined) return undefined;
  const read = OBJECT.safeParse(found);
  if (read.success && carries(read.data, labels)) return found;
  throw new KubernetesError(`${kind.plural} "${name}" already exists and is not ours`, {
    status: 409,
    reason: 'AlreadyExists',
  });
}

/** An object without labels says nothing about its maker, and one that is going is none. */
function carries({ metadata }: RawObject, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(labels);
  if (wanted.length === 0 || metadata.deletionTimestamp !== undefined) return false;
  return wanted.every(([name, value]) => metadata.labels?.[name] === value);
}
