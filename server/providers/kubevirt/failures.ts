import { ProviderError, type ClusterRef } from '../provider.ts';
import { FAILED_FILE } from './guest-data/places.ts';
import { askCommand } from './guest-questions.ts';
import type { Host } from './host.ts';
import type { Machine } from './machines.ts';
import type { VirtualMachine } from './objects.ts';
import { whyNot } from './sight.ts';

/** What KubeVirt prints of a VM that waiting does not help. */
const HOPELESS = new Set(['DataVolumeError']);

/** A VM that waiting does not help; it may go well when it is made again. */
export class FailedMachine extends ProviderError {
  constructor(reason: string) {
    super(reason, { retryable: true });
  }
}

/** Throws where KubeVirt says that a VM cannot become anything. */
export function refuseHopeless(vm: VirtualMachine): void {
  if (!HOPELESS.has(vm.status?.printableStatus ?? '')) return;
  throw new FailedMachine(`${vm.metadata.name}: ${whyNot(vm)}`);
}

/** Throws where a VM has failed in a way that waiting does not help, as its guest says too. */
export async function refuseFailedMachine(
  host: Host,
  ref: Pick<ClusterRef, 'readiness'>,
  machine: Machine,
  signal: AbortSignal,
): Promise<void> {
  const { vm, vmi } = machine;
  refuseHopeless(vm);
  if (vmi?.status?.phase !== 'Running' || ref.readiness === 'PROBE') return;
  const reason = await reasonIn(host, machine, signal);
  if (reason === null) return;
  const what = `the guest of ${vm.metadata.name} could not set itself up`;
  throw new FailedMachine(`${what}: ${reason}`);
}

/** What a guest says of its failure; null where it says nothing, or takes no commands yet. */
async function reasonIn(host: Host, machine: Machine, signal: AbortSignal): Promise<string | null> {
  try {
    const { exitCode, stdout } = await askCommand(host, machine, ['cat', FAILED_FILE], signal);
    return exitCode === 0 ? stdout.trim().slice(-500) : null;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ProviderError) return null;
    throw error;
  }
}
