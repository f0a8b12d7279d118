// Loaded before virtual time begins, which does not wait for modules.
import '@kubernetes/client-node';
import 'ssh2';
import 'undici';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKubevirtProvider } from '../../server/providers/kubevirt/provider.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../server/providers/kubevirt/settings.ts';
import type { Provider } from '../../server/providers/provider.ts';
import type { World } from '../../server/world.ts';
import {
  openKubernetesSimulator,
  type KubernetesSimulator,
  type KubernetesSimulatorOptions,
} from '../kubernetes/simulator.ts';
import { watchLoopback, type Loopback } from './loopback.ts';
import { virtualWorld, type VirtualWorld } from './virtual-world.ts';

/** How a simulated Kubernetes is opened. */
export type VirtualKubernetesOptions = Omit<KubernetesSimulatorOptions, 'world'> & {
  /** Whether the seed also chooses the order of what is ready at the same time. */
  readonly shuffle?: boolean;
};

/** A simulated Kubernetes in a virtual time of its own, over real sockets. */
export class VirtualKubernetes {
  readonly world: VirtualWorld;
  readonly kubernetes: KubernetesSimulator;
  /** For files; goes with it. */
  readonly folder: string;
  readonly #loopback: Loopback;

  static async open(options: VirtualKubernetesOptions = {}): Promise<VirtualKubernetes> {
    const loopback = watchLoopback();
    const { seed = 1, shuffle = false } = options;
    const world = virtualWorld({ seed, shuffle, isBusy: loopback.isBusy });
    const kubernetes = await openKubernetesSimulator({ ...options, world });
    return new VirtualKubernetes(world, kubernetes, loopback);
  }

  private constructor(world: VirtualWorld, kubernetes: KubernetesSimulator, loopback: Loopback) {
    this.world = world;
    this.kubernetes = kubernetes;
    this.#loopback = loopback;
    const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    this.folder = mkdtempSync(join(place, 'snapyard-kubernetes-'));
  }

  /** Writes a kubeconfig that leads here, with this token or without any; answers its path. */
  kubeconfig(token?: string): string {
    const path = join(this.folder, `kubeconfig-${token ?? 'open'}`);
    writeFileSync(path, this.kubernetes.kubeconfig(token));
    return path;
  }

  /** Lets time pass until the promise settles. */
  done<T>(promise: Promise<T>, withinMs = 6 * 3_600_000): Promise<T> {
    return this.world.finish(promise, { withinMs });
  }

  /** Whoever was connected to it is closed already. */
  async close(): Promise<void> {
    await this.done(this.kubernetes.close());
    this.#loopback.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A provider with the usual settings, before the API server that a kubeconfig leads to. */
export function providerBefore(
  kubeconfig: string,
  of: {
    readonly world: World;
    readonly installation: string;
    readonly log?: (line: string) => void;
  },
): Provider {
  const settings = { ...DEFAULT_KUBEVIRT_SETTINGS, kubeconfig };
  const { world, installation, log = () => undefined } = of;
  return createKubevirtProvider({ world, installation, settings, log });
}
