import type { World } from '../../../server/world.ts';
import type { FileSystem } from './file-system.ts';

/** A guest that runs, as the programs in it see it. */
export interface Computer {
  readonly world: World;
  readonly files: FileSystem;
  readonly namespace: string;
  /** The name of its machine, which its disk does not know. */
  readonly machine: string;
  readonly ip: string;
  readonly mac: string;
  /** Aborted when the power goes. */
  readonly power: AbortSignal;
  /** Programs and services that run since this boot. */
  readonly services: Set<string>;
  /** How far cloud-init is. */
  cloudInit: 'running' | 'done';
  /** Since this boot; what is left of it is only in memory. */
  readonly bootedAt: number;
  hostname(): string;
  draw(key: string, between: readonly [least: number, most: number]): number;
  strikes(mishap: string): boolean;
  tell(what: string, details?: Readonly<Record<string, unknown>>): void;
  /** A line of the boot log and of the serial console. */
  log(line: string): void;
  reboot(): void;
  powerOff(): void;
  /** The other computers of its namespace that run, and itself. */
  neighbours(): Computer[];
  /** The address a name stands for, as the cluster's DNS and `/etc/hosts` know it. */
  resolve(name: string): string | undefined;
  /** Something that a controller may look at has changed. */
  changed(): void;
}
