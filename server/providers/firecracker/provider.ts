import type { World } from '../../world.ts';
import { type Provider, ProviderError } from '../provider.ts';
import { makeFolders } from '../vm-host/folders.ts';
import { createVmHost } from '../vm-host/provider.ts';
import { DEFAULT_VM_HOST_SETTINGS, type VmHostSettings } from '../vm-host/settings.ts';
import { lockState } from '../vm-host/state-lock.ts';
import { FirecrackerHypervisor } from './hypervisor.ts';
import { DEFAULT_FIRECRACKER_SETTINGS, type FirecrackerSettings } from './settings.ts';
import { faultOfVersion, firecrackerVersion } from './version.ts';

/** What the provider is made with. */
export interface FirecrackerOptions {
  readonly world: World;
  /**
   * Where VMs and sets are kept; no other provider may have it. Its path must be short: sockets
   * are in it.
   */
  readonly stateDir: string;
  /** Where sets are kept, if not there. */
  readonly snapshotDir?: string | undefined;
  /** Where images are found. */
  readonly imageDir: string;
  /** Only objects of this installation are listed; of all, where it is left out. */
  readonly installation?: string | undefined;
  readonly log?: ((line: string) => void) | undefined;
  readonly settings?: Partial<FirecrackerSettings & VmHostSettings> | undefined;
}

/**
 * Makes the provider that runs VMs by Firecracker on this machine. Takes the state folder for
 * itself, and takes up the VMs it finds in it.
 */
export async function createFirecrackerProvider(options: FirecrackerOptions): Promise<Provider> {
  const { world, installation, imageDir: imagesDir, log = () => {} } = options;
  const settings = {
    ...DEFAULT_VM_HOST_SETTINGS,
    ...DEFAULT_FIRECRACKER_SETTINGS,
    ...options.settings,
  };
  const found = await firecrackerVersion(settings.binary);
  if (found === null) {
    const reason = `${settings.binary} is not a Firecracker program`;
    throw new ProviderError(reason, { retryable: false });
  }
  const fault = faultOfVersion(found);
  if (fault !== null) {
    throw new ProviderError(`Firecracker ${found.text} is ${fault}`, { retryable: false });
  }
  const folders = makeFolders(options.stateDir, options.snapshotDir);
  const unlock = lockState(world, folders.state);
  try {
    const here = { world, settings, firecracker: settings, found };
    const hypervisor = new FirecrackerHypervisor(here);
    const host = { world, hypervisor, folders, unlock, imagesDir, installation, log, settings };
    return await createVmHost(host);
  } catch (error) {
    unlock();
    throw error;
  }
}
