import type { World } from '../../world.ts';
import type { RunOptions, RunResult } from '../provider.ts';
import type { Kubernetes, ObjectName } from './kubernetes.ts';
import type { Pace } from './pace.ts';
import type { KubevirtSettings } from './settings.ts';
import type { Turns } from './turns.ts';

/** What every part of the provider works with, once it is connected. */
export interface Host {
  readonly world: World;
  readonly settings: KubevirtSettings;
  readonly kubernetes: Kubernetes;
  readonly guests: Guests;
  /** Whose turn it is to write or remove keys in the guests of a cluster, by its id. */
  readonly turns: Turns;
  /** Aborted when the provider is closed: nothing is mended any more then. */
  readonly closing: AbortSignal;
  /** The KubeVirt version of the cluster as `{ major, minor }`, read once. */
  readonly version: { readonly major: number; readonly minor: number };
  readonly log: (line: string) => void;
}

/** Commands in guests, by SSH through the API server. */
export interface Guests {
  /** Runs a command in a VMI; throws `ProviderError`, retryable, where the guest takes none. */
  run(vmi: ObjectName, argv: readonly string[], options: RunOptions): Promise<RunResult>;
  /** The public key that guests must accept, as in `authorized_keys`. */
  publicKey(signal: AbortSignal): Promise<string>;
  /** Forgets the connection to a VMI, as when it is stopped. */
  forget(vmi: ObjectName): void;
  /** When those are asked again that do not answer yet. */
  readonly pace: Pace;
  close(): Promise<void>;
}
