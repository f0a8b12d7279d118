import type { World } from '../../world.ts';
import type { Folders } from './folders.ts';
import type { Hypervisor } from './hypervisor.ts';
import type { Links } from './links.ts';
import type { Prebuilt } from './prebuilt.ts';
import type { VmHostSettings } from './settings.ts';

/** What every part of a host of VMs works with. */
export interface Host {
  readonly world: World;
  readonly settings: VmHostSettings;
  readonly hypervisor: Hypervisor;
  readonly folders: Folders;
  readonly imagesDir: string;
  readonly links: Links;
  readonly log: (line: string) => void;
  /** Where sets that were captured elsewhere come from; left out, all are captured here. */
  readonly prebuilt?: Prebuilt | undefined;
}
