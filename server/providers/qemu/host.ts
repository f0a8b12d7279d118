import type { World } from '../../world.ts';
import type { Accelerators } from './accelerator.ts';
import type { QemuVersion } from './availability.ts';
import type { Folders } from './folders.ts';
import type { Links } from './links.ts';
import type { QemuSettings } from './settings.ts';

/** What every part of the provider works with. */
export interface Host {
  readonly world: World;
  readonly settings: QemuSettings;
  readonly version: QemuVersion;
  readonly folders: Folders;
  readonly imagesDir: string;
  readonly links: Links;
  readonly accelerators: Accelerators;
  readonly log: (line: string) => void;
}
