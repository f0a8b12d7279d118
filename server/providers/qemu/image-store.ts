import type { World } from '../../world.ts';
import type { ImageStore } from '../image-store.ts';
import { openImageStore } from '../vm-host/image-store.ts';
import { openCatalogue } from '../vm-host/image/catalogue.ts';
import type { ExchangeSettings } from '../vm-host/image/exchange.ts';
import { DEFAULT_VM_HOST_SETTINGS, type VmHostSettings } from '../vm-host/settings.ts';
import { findHypervisor } from './find-hypervisor.ts';
import { DEFAULT_QEMU_SETTINGS, type QemuSettings } from './settings.ts';

/** What a store of images is made with. */
export interface QemuImageStoreOptions {
  readonly world: World;
  /** Where it is remembered how guests run on this machine. */
  readonly stateDir: string;
  /** Where the images are. Its path must be short: guests that build them have sockets below. */
  readonly imageDir: string;
  /** A file of images that can be built besides the built-in ones: SNAPYARD_IMAGES. */
  readonly catalogue: string | undefined;
  readonly exchange: ExchangeSettings;
  readonly log?: ((line: string) => void) | undefined;
  readonly settings?: Partial<QemuSettings & VmHostSettings> | undefined;
}

/**
 * Opens the images of this machine; those with build steps are built in guests of QEMU, which is
 * looked for when one is needed. Without it, images can still be fetched and published.
 */
export function createQemuImageStore(options: QemuImageStoreOptions): Promise<ImageStore> {
  const { world, stateDir, imageDir: imagesDir, exchange, log = () => {} } = options;
  const settings = { ...DEFAULT_VM_HOST_SETTINGS, ...DEFAULT_QEMU_SETTINGS, ...options.settings };
  const hypervisor = () => findHypervisor({ world, stateDir, settings, log });
  const catalogue = openCatalogue(options.catalogue, log);
  return openImageStore({ world, imagesDir, settings, hypervisor, log, catalogue, exchange });
}
