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
  /** The reason says why it is not the prebuilt one though that was wanted; null if it was not. */
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
  if (repository === undefined) {
    return baseImage(hasBaseImage, 'SNAPSHOT_REGISTRY is not set, so nothing was fetched', false);
  }
  const reference = `${repository}:${tag}`;
  if (fetched === undefined) return { kind: 'FETCH', reference };
  if (fetched.kind === 'HERE') {
    return { kind: 'USE', source: 'PREBUILT', reason: null, digest: fetched.digest };
  }
  const reason = `The prebuilt image ${reference} could not be used: ${fetched.reason}`;
  return baseImage(hasBaseImage, reason, fetched.retryable);
}

function baseImage(isThere: boolean, reason: string | null, retryable: boolean): PrebuiltDecision {
  if (isThere) return { kind: 'USE', source: 'IMAGE', reason };
  const why = reason ?? 'USE_PREBUILT_SNAPSHOT is false, so nothing was fetched';
  const what = 'there is no base image on this machine either (npm run qemu:image builds it)';
  return { kind: 'ERROR', reason: `${why}; ${what}`, retryable };
}
