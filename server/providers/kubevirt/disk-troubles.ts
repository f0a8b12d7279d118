import { ProviderError } from '../provider.ts';
import { failed, lastWarnings, toldOf } from './errors.ts';
import type { Host } from './host.ts';
import { KubernetesError } from './kubernetes.ts';
import { CLAIMS, DATA_VOLUMES, fillingOf } from './objects.ts';

/** Of a few disks there is enough to read. */
const MOST_TOLD = 2;

/**
 * The same failure, and what is wrong with the disks of its namespace: a VM, a copy or a restore
 * that waits for a disk says that it waits, and the claim alone says why it does not come.
 */
export async function withDiskTroubles(
  host: Pick<Host, 'kubernetes'>,
  namespace: string,
  error: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  if (!(error instanceof ProviderError) || !error.retryable || signal.aborted) return error;
  const troubles = await diskTroubles(host, namespace, signal);
  if (troubles.length === 0) return error;
  const reason = [error.reason, ...troubles].join('; ');
  return failed(reason, error);
}

async function diskTroubles(
  host: Pick<Host, 'kubernetes'>,
  namespace: string,
  signal: AbortSignal,
): Promise<string[]> {
  try {
    const claims = await host.kubernetes.list(CLAIMS, { namespace }, signal);
    const volumes = await host.kubernetes.list(DATA_VOLUMES, { namespace }, signal);
    const pending = claims.filter(({ status }) => status?.phase === 'Pending');
    const unfilled = volumes.filter(({ status }) => status?.phase !== 'Succeeded');
    const told = [
      ...unfilled.map((disk) => ({ name: disk.metadata.name, is: fillingOf(disk) })),
      ...pending.map(({ metadata }) => ({ name: metadata.name, is: 'a claim that is Pending' })),
    ];
    return await Promise.all(
      told.slice(0, MOST_TOLD).map(async ({ name, is }) => {
        const warnings = await lastWarnings(host.kubernetes, { namespace, name }, signal);
        return `the disk ${name} is ${is}${toldOf(warnings)}`;
      }),
    );
  } catch (error) {
    // It only adorns a reason that is told anyway.
    if (error instanceof KubernetesError || signal.aborted) return [];
    throw error;
  }
}
