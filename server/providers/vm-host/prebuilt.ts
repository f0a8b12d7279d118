import type { Step } from '../provider.ts';
import type { Image } from './image-manifest.ts';
import type { PrebuiltSettings } from './registry/prebuilt.ts';
import type { StoredSnapshot } from './set-store.ts';

/** Where sets that were captured elsewhere come from. */
export interface Prebuilt {
  readonly settings: PrebuiltSettings;
  readonly transferMs: number;
  /** Fetches the image of an address with its snapshots into a folder, or finds it there. */
  readonly fetch: (reference: string, step: Step) => Promise<FetchedSet>;
}

/** What was fetched, and the folder in which it is. */
export interface FetchedSet {
  readonly folder: string;
  readonly digest: string;
  readonly image: Image;
  readonly snapshots: readonly StoredSnapshot[];
}

/** How long fetching may take before a set is made; nothing where nothing is fetched. */
export function fetchMs(prebuilt: Prebuilt | undefined): number {
  const isAsked = prebuilt?.settings.wanted === true && prebuilt.settings.repository !== undefined;
  // Three short questions come before the transfer, and each may take as long.
  return isAsked ? 4 * prebuilt.transferMs : 0;
}
