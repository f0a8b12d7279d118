import { type ClusterRef, ProviderError } from '../provider.ts';

/** Guests here have no network, so a key would open nothing; their console is the way in. */
export function refuseAccess({ name }: Pick<ClusterRef, 'name'>): Promise<never> {
  const reason = `${name} has no network: its console is the way in`;
  return Promise.reject(new ProviderError(reason, { retryable: false }));
}
