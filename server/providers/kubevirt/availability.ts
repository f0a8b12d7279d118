import { accessSync, constants } from 'node:fs';

/** Whether a Kubernetes cluster can be asked for, and through which account. */
export type KubevirtAvailability =
  | { readonly available: true; readonly account: string }
  | { readonly available: false };

/** The places to look for an account in; see the settings of the server. */
export interface AccountPlaces {
  readonly named: string | undefined;
  readonly usual: readonly string[];
  readonly inCluster: boolean;
}

/** Where Kubernetes puts the account of a pod. */
const POD_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Finds the account by which the cluster is asked, without asking it: a server that has no pool
 * there must start as fast as one without. Throws when the file that was named cannot be read,
 * since another account than the one that was meant must never be taken.
 */
export function kubevirtAvailability(
  places: AccountPlaces,
  podAccount: string = POD_ACCOUNT,
): KubevirtAvailability {
  if (places.named !== undefined) {
    accessSync(places.named, constants.R_OK);
    return { available: true, account: places.named };
  }
  const usual = places.usual.find(canRead);
  if (usual !== undefined) return { available: true, account: usual };
  if (places.inCluster && canRead(podAccount)) {
    return { available: true, account: 'the account of this pod' };
  }
  return { available: false };
}

function canRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
