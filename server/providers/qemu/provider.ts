import type { World } from '../../world.ts';
import type { Provider } from '../provider.ts';
import { makeFolders } from '../vm-host/folders.ts';
import type { ExchangeSettings } from '../vm-host/image/exchange.ts';
import { openPrebuilt } from '../vm-host/prebuilt-set.ts';
import type { PrebuiltSettings } from '../vm-host/registry/prebuilt.ts';
import { createVmHost } from '../vm-host/provider.ts';
import { DEFAULT_VM_HOST_SETTINGS, type VmHostSettings } from '../vm-host/settings.ts';
import { lockState } from '../vm-host/state-lock.ts';
import { findHypervisor } from './find-hypervisor.ts';
import { DEFAULT_QEMU_SETTINGS, type QemuSettings } from './settings.ts';

/** What the provider is made with. */
export interface QemuOptions {
  readonly world: World;
  /** Where VMs and sets are kept. Its path must be short: sockets are in it. */
  readonly stateDir: string;
  /** Where sets are kept, if not there. */
  readonly snapshotDir?: string | undefined;
  /** Where images are found. */
  readonly imageDir: string;
  /** What the settings say of sets that were captured elsewhere; left out, none are fetched. */
  readonly prebuilt?: (PrebuiltSettings & { readonly exchange: ExchangeSettings }) | undefined;
  /** Only objects of this installation are listed; of all, where it is left out. */
  readonly installation?: string | undefined;
  readonly log?: ((line: string) => void) | undefined;
  readonly settings?: Partial<QemuSettings & VmHostSettings> | undefined;
}

/**
 * Makes the provider that runs VMs by QEMU on this machine. Takes the state folder for itself, and
 * takes up the VMs it finds in it.
 */
export async function createQemuProvider(options: QemuOptions): Promise<Provider> {
  const { world, installation, imageDir: imagesDir, log = () => {} } = options;
  const settings = { ...DEFAULT_VM_HOST_SETTINGS, ...DEFAULT_QEMU_SETTINGS, ...options.settings };
  const folders = makeFolders(options.stateDir, options.snapshotDir);
  const unlock = lockState(world, folders.state);
  try {
    const hypervisor = await findHypervisor({ world, stateDir: folders.state, settings, log });
    const prebuilt = options.prebuilt && openPrebuilt(world, imagesDir, options.prebuilt);
    const host = { world, hypervisor, folders, unlock, imagesDir, installation, log, settings };
    return await createVmHost({ ...host, prebuilt });
  } catch (error) {
    unlock();
    throw error;
  }
}
