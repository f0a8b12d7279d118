import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import type { VmHostSettings } from '../vm-host/settings.ts';
import { Accelerators } from './accelerator.ts';
import { qemuVersion } from './availability.ts';
import { QemuHypervisor } from './hypervisor.ts';
import type { QemuSettings } from './settings.ts';

/** Finds out what QEMU is on this machine, and how guests run on it. */
export async function findHypervisor(options: {
  readonly world: World;
  /** Where it is remembered what was found out. */
  readonly stateDir: string;
  readonly settings: QemuSettings & VmHostSettings;
  readonly log: (line: string) => void;
}): Promise<QemuHypervisor> {
  const { world, stateDir, settings, log } = options;
  const found = await qemuVersion(settings.binary);
  if (found === null) {
    throw new ProviderError(`${settings.binary} is not installed`, { retryable: false });
  }
  const accelerators = await Accelerators.choose(settings, stateDir, log);
  return new QemuHypervisor({ world, settings, qemu: settings, found, accelerators });
}
