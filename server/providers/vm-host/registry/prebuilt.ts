/** What the settings say of images that were made elsewhere. */
export interface PrebuiltSettings {
  /** USE_PREBUILT_SNAPSHOT. */
  readonly wanted: boolean;
  /** SNAPSHOT_REGISTRY. */
  readonly repository: string | undefined;
  /** SNAPSHOT_TAG. */
  readonly tag: string;
}

/** What came of fetching; `reason` is a sentence without its full stop. */
export type Fetched =
  | { readonly kind: 'HERE'; readonly digest: string }
  | { readonly kind: 'FAILED'; readonly reason: string; readonly retryable: boolean };

/** What is to be done, or what a set is made of and why. */
export type PrebuiltDecision =
  | { readonly kind: 'FETCH'; readonly reference: string }
  | {
      readonly kind: 'USE';
      readonly source: 'PREBUILT';
      readonly reason: null;
      readonly digest: string;
    }
  /** The reason says why it is not the prebuilt one though one was named; null if none was. */
  | { readonly kind: 'USE'; readonly source: 'IMAGE'; readonly reason: string | null }
  | { readonly kind: 'ERROR'; readonly reason: string; readonly retryable: boolean };

/**
 * What a pool is served from: the prebuilt image, else the base image, else nothing. Asked first
 * without `fetched`; where it answers FETCH, the caller fetches and asks again with what came of
 * it. It answers FETCH to nobody who has switched prebuilt images off.
 */
export function decidePrebuilt(
  settings: PrebuiltSettings,
  hasBaseImage: boolean,
  fetched?: Fetched,
): PrebuiltDecision {
  const { wanted, repository, tag } = settings;
  if (!wanted) return baseImage(hasBaseImage, null, false);
  // Nobody named a registry: what is made here is what was wanted, and no fallback.
  if (repository === undefined) return baseImage(hasBaseImage, null, false);
  const reference = `${repository}:${tag}`;
  if (fetched === undefined) return { kind: 'FETCH', reference };
  if (fetched.kind === 'HERE') {
    return { kind: 'USE', source: 'PREBUILT', reason: null, digest: fetched.digest };
  }
  const { reason, retryable } = fetched;
  const told = reason.includes(reference) ? reason : `${reference}: ${reason}`;
  return baseImage(hasBaseImage, told, retryable);
}

function baseImage(isThere: boolean, reason: string | null, retryable: boolean): PrebuiltDecision {
  if (isThere) return { kind: 'USE', source: 'IMAGE', reason };
  const what = 'there is no base image on this machine (npm run qemu:image builds it)';
  const why =
    reason === null
      ? 'nothing was fetched, which USE_PREBUILT_SNAPSHOT and SNAPSHOT_REGISTRY decide'
      : `the prebuilt snapshot could not be used: ${reason}`;
  return { kind: 'ERROR', reason: `${what}; ${why}`, retryable };
}
