import {
  type RegistryReference,
  TAG,
  isAllowed,
  readReference,
} from '../../../../schema/model/registry-reference.ts';
import { ProviderError } from '../../provider.ts';

/** Where images may come from and go to. */
export interface AllowedPlaces {
  /** The repository of the settings, `host/owner/name`; undefined without one. */
  readonly repository: string | undefined;
  /** What else is allowed: `host/owner`, with everything below it. */
  readonly allowed: readonly string[];
}

/**
 * The place that a person means: a tag alone is one of the repository of the settings, everything
 * else a whole address. A place that the settings do not allow is refused here, before anybody
 * is spoken to.
 */
export function resolveReference(text: string, places: AllowedPlaces): RegistryReference {
  const read = readReference(wholeAddress(text, places.repository));
  if ('wrong' in read) throw refusal(read.wrong);
  refuseUnlisted(read.reference, places);
  return read.reference;
}

/** Stops at a place that the settings do not allow. */
export function refuseUnlisted(reference: RegistryReference, places: AllowedPlaces): void {
  const { repository, allowed } = places;
  const prefixes = repository === undefined ? allowed : [repository, ...allowed];
  if (isAllowed(reference, prefixes)) return;
  const place = `${reference.host}/${reference.repository}`;
  const list = prefixes.length === 0 ? 'nothing' : prefixes.join(', ');
  throw refusal(
    `${place} is not a place that images may come from or go to: SNAPSHOT_REGISTRY and ` +
      `SNAPYARD_REGISTRIES allow ${list}`,
  );
}

function wholeAddress(text: string, repository: string | undefined): string {
  if (!TAG.test(text)) return text;
  if (repository !== undefined) return `${repository}:${text}`;
  throw refusal(`"${text}" is a tag, and SNAPSHOT_REGISTRY does not say of which repository`);
}

function refusal(reason: string): ProviderError {
  return new ProviderError(reason, { retryable: false });
}
