import type { Duplex } from 'node:stream';
import type { CaptureMode } from '../../../schema/model/snapshot.ts';
import type { World } from '../../world.ts';
import type { Capabilities, CapturedSnapshot, ClusterAccess, ClusterRef } from '../provider.ts';
import type { ClusterSource, OutsideObject, Provider, ResetResult } from '../provider.ts';
import type { RunOptions, RunResult } from '../provider.ts';
import type { SessionRef, SetRef, SetSource, Sighting, Step, StreamKind } from '../provider.ts';
import type { VmRef } from '../provider.ts';
import { giveAccess } from './access.ts';
import { ensureSet } from './capture.ts';
import { connectKubernetes } from './client.ts';
import { ensureCluster } from './clusters.ts';
import { watchMachines } from './dirty.ts';
import { failed, providerError } from './errors.ts';
import { makeGuests } from './guests.ts';
import type { Guests, Host } from './host.ts';
import { inventory } from './inventory.ts';
import type { Kubernetes } from './kubernetes.ts';
import { markCluster } from './marks.ts';
import { patient } from './patient.ts';
import { ensureGone } from './removal.ts';
import { LONGEST_RESET_MS, resetCluster } from './reset.ts';
import type { KubevirtSettings } from './settings.ts';
import { sightCluster } from './sight.ts';
import { inSnapshotVersion } from './snapshot-version.ts';
import { openStream, runCommand } from './streams.ts';
import { Turns } from './turns.ts';
import { readVersion } from './version.ts';
import { within } from './within.ts';

/** What the provider is made with. */
export interface KubevirtOptions {
  readonly world: World;
  readonly settings: KubevirtSettings;
  /** Whose objects are listed and watched; steps say it again for what they make. */
  readonly installation: string;
  readonly log: (line: string) => void;
}

const MINUTE_MS = 60_000;
/** A look ends before its deadline, so that it can tell what it was waiting for. */
const LOOK_MS = 28_000;

/** What the provider can do, and how long it may take. */
export const KUBEVIRT_CAPABILITIES: Capabilities = {
  goldenState: 'CLUSTER',
  wakes: false,
  // Consistent with any image; snapshots of what runs need a guest agent.
  captureModes: ['OFFLINE', 'ONLINE'],
  savesSessions: false,
  streams: ['SERIAL', 'VNC', 'SSH'],
  access: true,
  // Most of the time of each is a guest's boot; what storage does of it, its controllers queue.
  parallel: { create: 12, wake: 1, reset: 12, capture: 4, remove: 8, look: 8 },
  deadlineMs: {
    create: 45 * MINUTE_MS,
    wake: MINUTE_MS,
    reset: LONGEST_RESET_MS,
    capture: 45 * MINUTE_MS,
    remove: 10 * MINUTE_MS,
    look: 30_000,
  },
};

/**
 * Makes the provider whose VMs run on KubeVirt, in a cluster that the settings lead to. It
 * connects when it is first used, so a cluster that is away keeps nobody from starting.
 */
export function createKubevirtProvider(options: KubevirtOptions): Provider {
  return new KubevirtProvider(options);
}

class KubevirtProvider implements Provider {
  readonly kind = 'KUBEVIRT';
  readonly capabilities = KUBEVIRT_CAPABILITIES;
  readonly #options: KubevirtOptions;
  readonly #kubernetes: Kubernetes;
  readonly #guests: Guests;
  readonly #turns = new Turns();
  readonly #closing = new AbortController();
  #version: Host['version'] | undefined;

  constructor(options: KubevirtOptions) {
    const { world, settings, installation, log } = options;
    const client = connectKubernetes({ world, settings, log });
    this.#options = options;
    this.#kubernetes = inSnapshotVersion(client, settings.snapshotApi);
    this.#guests = makeGuests({ world, settings, kubernetes: this.#kubernetes, installation });
  }

  look(cluster: ClusterRef, signal: AbortSignal): Promise<Sighting> {
    const what = `looking at ${cluster.name}`;
    return this.#with(signal, what, (host) =>
      within(host, { what, ms: LOOK_MS, signal }, (by) => sightCluster(host, cluster, by)),
    );
  }

  list(signal: AbortSignal): Promise<OutsideObject[]> {
    const { installation } = this.#options;
    return this.#with(signal, 'listing what there is', (host) =>
      inventory(host, installation, signal),
    );
  }

  ensureCluster(cluster: ClusterRef, source: ClusterSource, step: Step): Promise<Sighting> {
    return this.#step(step.signal, `making ${cluster.name}`, (host) =>
      ensureCluster(host, cluster, source, step),
    );
  }

  /** Guests are handed over as they run. */
  wake(cluster: ClusterRef, _session: SessionRef, step: Step): Promise<Sighting> {
    return this.look(cluster, step.signal);
  }

  access(cluster: ClusterRef, publicKey: string, step: Step): Promise<ClusterAccess> {
    return this.#step(step.signal, `giving access to ${cluster.name}`, (host) =>
      giveAccess(host, cluster, publicKey, step),
    );
  }

  ensureReset(cluster: ClusterRef, set: SetRef, step: Step): Promise<ResetResult> {
    return this.#step(step.signal, `resetting ${cluster.name}`, (host) =>
      resetCluster(host, cluster, set, step),
    );
  }

  ensureSet(
    source: SetSource,
    set: SetRef,
    mode: CaptureMode,
    step: Step,
  ): Promise<CapturedSnapshot[]> {
    return this.#step(step.signal, `capturing set ${set.number} of ${set.poolName}`, (host) =>
      ensureSet(host, source, set, mode, step),
    );
  }

  mark(cluster: ClusterRef, mark: string, step: Step): Promise<void> {
    return this.#step(step.signal, `marking ${cluster.name}`, (host) =>
      markCluster(host, cluster, mark, step),
    );
  }

  ensureGone(object: OutsideObject, step: Step): Promise<void> {
    return this.#step(step.signal, `removing ${object.name}`, (host) =>
      ensureGone(host, object, step),
    );
  }

  run(vm: VmRef, argv: readonly string[], options: RunOptions): Promise<RunResult> {
    return this.#with(options.signal, `running a command in ${vm.cluster.name}`, (host) =>
      runCommand(host, vm, argv, options),
    );
  }

  open(vm: VmRef, stream: StreamKind, signal: AbortSignal): Promise<Duplex> {
    return this.#with(signal, `opening a stream to ${vm.cluster.name}`, (host) =>
      openStream(host, vm, stream, signal),
    );
  }

  watch(onDirty: (clusterId: string) => void): () => void {
    return watchMachines(this.#kubernetes, this.#options.installation, onDirty);
  }

  async close(): Promise<void> {
    this.#closing.abort(failed('the provider is closed'));
    await this.#guests.close();
    await this.#kubernetes.close();
  }

  /** Work that has time: an API that is away for a minute does not end it. */
  #step<T>(signal: AbortSignal, what: string, work: (host: Host) => Promise<T>): Promise<T> {
    return this.#with(signal, what, work, patient(this.#kubernetes, this.#options.world));
  }

  /** Does a piece of work with a host; a refusal that nobody has put into words is told here. */
  async #with<T>(
    signal: AbortSignal,
    what: string,
    work: (host: Host) => Promise<T>,
    kubernetes: Kubernetes = this.#kubernetes,
  ): Promise<T> {
    signal.throwIfAborted();
    try {
      return await work(await this.#host(kubernetes, signal));
    } catch (error) {
      if (signal.aborted) throw error;
      throw providerError(error, what);
    }
  }

  async #host(kubernetes: Kubernetes, signal: AbortSignal): Promise<Host> {
    const { world, settings, log } = this.#options;
    const parts = { world, settings, log, kubernetes, guests: this.#guests };
    this.#version ??= await readVersion(parts, signal);
    const { signal: closing } = this.#closing;
    return { ...parts, turns: this.#turns, closing, version: this.#version };
  }
}
