import { ProviderError, type ClusterRef, type ClusterSource } from '../provider.ts';
import type { Sighting, Step } from '../provider.ts';
import { untilAnswering } from './answering.ts';
import { bootstrapCluster } from './bootstrap.ts';
import { about } from './calls.ts';
import { withDiskTroubles } from './disk-troubles.ts';
import { FailedMachine } from './failures.ts';
import { createFromSet } from './from-set.ts';
import type { Host } from './host.ts';
import { findMachines } from './machines.ts';
import { checkNames } from './names.ts';
import { ensureNamespace } from './namespace.ts';
import { nameOf, VMS } from './objects.ts';
import { endOf } from './within.ts';

/**
 * Makes a cluster's VMs run and answer. What there is of it is kept and mended, by whomever it was
 * begun; only what cannot become right is removed, so that the next attempt begins afresh.
 */
export async function ensureCluster(
  host: Host,
  ref: ClusterRef,
  source: ClusterSource,
  step: Step,
): Promise<Sighting> {
  checkNames(ref, step.installation);
  step.progress('preparing the namespace');
  await ensureNamespace(host, ref, step);
  if (source.kind === 'SET') return createFromSet(host, ref, source.set, step);
  try {
    await bootstrapCluster(host, ref, step);
    step.progress('waiting for guests');
    return await untilAnswering(host, ref, step);
  } catch (error) {
    if (!isHopeless(host, error, step)) throw error;
    const told = await withDiskTroubles(host, ref.namespace, error, step.signal);
    await orderRemoval(host, ref, step);
    throw told;
  }
}

/** A VM that failed, or that has not come to answer in all the time there was. */
function isHopeless(host: Host, error: unknown, step: Step): boolean {
  if (error instanceof FailedMachine) return true;
  const isLate = host.world.elapsed() >= (endOf(host, step) ?? Infinity);
  return error instanceof ProviderError && error.retryable && isLate;
}

/** The next attempt waits until they are gone, and removes what they leave. */
async function orderRemoval(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  step.progress('removing VMs that could not be set up');
  const { signal } = step;
  for (const { vm } of await findMachines(host, ref, signal)) {
    const of = nameOf(vm);
    const { uid } = vm.metadata;
    await about(host, of, `deleting the VM ${of.name}`, signal, () =>
      host.kubernetes.remove(VMS, of, { uid, signal }),
    );
  }
}
