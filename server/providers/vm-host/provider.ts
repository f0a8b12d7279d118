import { availableParallelism } from 'node:os';
import type { Duplex } from 'node:stream';
import type { ProviderKind } from '../../../schema/model/provider-kind.ts';
import type { CaptureMode } from '../../../schema/model/snapshot.ts';
import type { World } from '../../world.ts';
import type { Capabilities, CapturedSnapshot, ClusterRef, ClusterSource } from '../provider.ts';
import type { OutsideObject, Provider, ResetResult, RunOptions, RunResult } from '../provider.ts';
import type { SessionRef, SetRef, SetSource, Sighting, Step } from '../provider.ts';
import type { StreamKind, VmRef } from '../provider.ts';
import type { ClusterTurn } from './cluster-stream.ts';
import { Clusters } from './clusters.ts';
import { toldOfDisk, toldOfRoom } from './disk-trouble.ts';
import { type Folders, removeLeftovers } from './folders.ts';
import { goOn, letGoOn } from './go-on.ts';
import type { Host } from './host.ts';
import type { Hypervisor } from './hypervisor.ts';
import { inventory } from './inventory.ts';
import { Links } from './links.ts';
import { refuseAccess } from './no-network.ts';
import { refuseIntruder } from './ownership.ts';
import { type Prebuilt, fetchMs } from './prebuilt.ts';
import { removeSet } from './set-draft.ts';
import { proveSets } from './prove-sets.ts';
import { MemoryProofs } from './set-store.ts';
import { ensureSet } from './sets.ts';
import { transferMs, type VmHostSettings } from './settings.ts';
import { sightCluster } from './sight.ts';
import { Streams } from './streams.ts';
import { removeTorn } from './torn-records.ts';
import { Turns } from './turns.ts';
import { isRunning, removeVm } from './running-vm.ts';
import { type VmRecord, listRecords, recordsOf } from './vm-record.ts';
import { refuseIfGivenUp } from './within.ts';

/** What a provider is made with. */
export interface VmHostOptions {
  readonly world: World;
  readonly hypervisor: Hypervisor;
  /** Made by `makeFolders`, and locked for this process by `unlock`'s maker. */
  readonly folders: Folders;
  readonly unlock: () => void;
  /** Where images are found. */
  readonly imagesDir: string;
  /** Where sets that were captured elsewhere come from; left out, all are captured here. */
  readonly prebuilt?: Prebuilt | undefined;
  /** Only objects of this installation are listed; of all, where it is left out. */
  readonly installation?: string | undefined;
  readonly log: (line: string) => void;
  readonly settings: VmHostSettings;
}

/**
 * Makes a provider that runs VMs on this machine, one process of its hypervisor for each, which
 * outlives us. Takes up the VMs it finds in its folders.
 */
export async function createVmHost(options: VmHostOptions): Promise<Provider> {
  const { world, hypervisor, folders, imagesDir, prebuilt, log, settings, unlock } = options;
  await removeLeftovers(folders);
  await removeTorn(world, folders, log);
  const dirty = new Set<(clusterId: string) => void>();
  const links = new Links(world, settings, hypervisor, folders, (record) => tell(dirty, record));
  const host = { world, settings, hypervisor, folders, imagesDir, prebuilt, links, log };
  await adopt(host);
  return new VmHost(host, options.installation, dirty, unlock);
}

class VmHost implements Provider {
  readonly kind: ProviderKind;
  readonly capabilities: Capabilities;
  readonly #host: Host;
  readonly #installation: string | undefined;
  readonly #dirty: Set<(clusterId: string) => void>;
  readonly #unlock: () => void;
  readonly #clusters: Clusters;
  readonly #streams: Streams;
  readonly #turns = new Turns();
  readonly #proving: Promise<void>;
  #isClosing = false;

  constructor(
    host: Host,
    installation: string | undefined,
    dirty: Set<(clusterId: string) => void>,
    unlock: () => void,
  ) {
    this.kind = host.hypervisor.kind;
    this.#host = host;
    this.#installation = installation;
    this.#dirty = dirty;
    this.#unlock = unlock;
    const proofs = new MemoryProofs();
    this.#clusters = new Clusters(host, proofs);
    this.#streams = new Streams(host);
    this.#proving = proveSets(host, proofs, () => this.#isClosing);
    this.capabilities = capabilitiesOf(host.settings, host.hypervisor, fetchMs(host.prebuilt));
  }

  async look(cluster: ClusterRef, signal: AbortSignal): Promise<Sighting> {
    refuseIfGivenUp(signal, `Looking at ${cluster.name}`);
    const sight = () =>
      sightCluster(this.#host, cluster, signal, () => this.#turns.isTaken(cluster.id));
    const first = await sight();
    if (first.stands) await this.#turn(cluster, () => letGoOn(this.#host, cluster));
    const { vms, marks } = first.stands ? await sight() : first;
    return { vms, marks };
  }

  async list(signal: AbortSignal): Promise<OutsideObject[]> {
    refuseIfGivenUp(signal, 'Listing VMs');
    return inventory(this.#host, this.#installation);
  }

  ensureCluster(cluster: ClusterRef, source: ClusterSource, step: Step): Promise<Sighting> {
    return this.#turn(cluster, () => this.#clusters.ensure(cluster, source, step));
  }

  wake(cluster: ClusterRef, session: SessionRef, step: Step): Promise<Sighting> {
    return this.#turn(cluster, () => this.#clusters.wake(cluster, session, step));
  }

  ensureReset(cluster: ClusterRef, set: SetRef, step: Step): Promise<ResetResult> {
    return this.#turn(cluster, () => this.#clusters.reset(cluster, set, step));
  }

  ensureSet(
    source: SetSource,
    set: SetRef,
    _mode: CaptureMode,
    step: Step,
  ): Promise<CapturedSnapshot[]> {
    // The cluster is held only while its VMs stand still, not while the set is made of them.
    const turn: ClusterTurn = (work) =>
      source.kind === 'CLUSTER' ? this.#turn(source.cluster, work) : work();
    const { sets } = this.#host.folders;
    return this.#turn(set, () =>
      ensureSet(this.#host, source, set, step, turn).catch(async (error: unknown) => {
        throw await toldOfRoom(toldOfDisk(error, sets), sets, set.roles);
      }),
    );
  }

  access(cluster: ClusterRef): Promise<never> {
    return refuseAccess(cluster);
  }

  mark(cluster: ClusterRef, mark: string, step: Step): Promise<void> {
    return this.#turn(cluster, () => this.#clusters.mark(cluster, mark, step));
  }

  ensureGone(object: OutsideObject, step: Step): Promise<void> {
    return this.#turn(object, async () => {
      if (object.kind === 'SET') return removeSet(this.#host, object, step);
      const records = recordsOf(this.#host.folders, object);
      for (const record of records) refuseIntruder(record, step);
      for (const record of records) await removeVm(this.#host, record);
    });
  }

  run(vm: VmRef, argv: readonly string[], options: RunOptions): Promise<RunResult> {
    return this.#clusters.run(vm, argv, options);
  }

  open(vm: VmRef, stream: StreamKind, signal: AbortSignal): Promise<Duplex> {
    return this.#streams.open(vm, stream, signal);
  }

  watch(onDirty: (clusterId: string) => void): () => void {
    this.#dirty.add(onDirty);
    return () => this.#dirty.delete(onDirty);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#dirty.clear();
    await Promise.all([this.#turns.idle(), this.#proving, this.#streams.close()]);
    await this.#host.links.close();
    this.#unlock();
  }

  /** Identifiers are unique over clusters and sets alike. */
  #turn<T>(object: { readonly id: string }, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(object.id, work).catch((error: unknown) => {
      throw toldOfDisk(error, this.#host.folders.state);
    });
  }
}

/** Takes up the VMs that run: only those we are connected to can tell when they end. */
async function adopt(host: Host): Promise<void> {
  const running = listRecords(host.folders).filter(
    (record) => record.state !== 'MAKING' && isRunning(record),
  );
  const links = await Promise.allSettled(running.map((record) => takeUp(host, record)));
  for (const [index, link] of links.entries()) {
    if (link.status === 'rejected')
      host.log(`${running[index]?.name ?? ''}: ${String(link.reason)}`);
  }
}

/** A VM that a control plane stopped and did not live to let go on, goes on now. */
function takeUp(host: Host, record: VmRecord): Promise<unknown> {
  return record.stoppedFor === null ? host.links.to(record) : goOn(host, record);
}

function tell(listeners: ReadonlySet<(clusterId: string) => void>, { owner }: VmRecord): void {
  if (owner.kind !== 'CLUSTER') return;
  for (const listener of listeners) listener(owner.id);
}

/** The memory of a guest whose capture still fits its deadline on the slowest disk. */
const CAPTURED_BYTES = 16 * 2 ** 30;

/** What the provider can do, and how long it may take, with these settings. */
export function capabilitiesOf(
  settings: VmHostSettings,
  hypervisor: Pick<Hypervisor, 'capturesRunning' | 'fits' | 'streams'>,
  fetching = 0,
): Capabilities {
  const { capturesRunning = false, fits = false, streams = [] } = hypervisor;
  // Systems that come on a disk take their time; how long each has is said at its boot.
  const boot = fits ? Math.max(settings.bootMs, settings.diskBootMs) : settings.bootMs;
  const parallel = settings.parallel ?? Math.min(2, availableParallelism());
  const { restoreMs, wakeMs, quitMs, answerMs, orderMs } = settings;
  const restore = 4 * restoreMs + quitMs + orderMs;
  return {
    goldenState: 'POOL',
    wakes: true,
    captureModes: capturesRunning ? ['OFFLINE', 'ONLINE'] : ['OFFLINE'],
    savesSessions: capturesRunning,
    streams,
    access: false,
    parallel: { create: parallel, wake: 8, reset: parallel, capture: 1, remove: 4, look: 8 },
    deadlineMs: {
      create: boot + restore,
      wake: wakeMs + 2 * orderMs,
      reset: restore,
      // Memory passes twice: out of the guest, and into the one that its set is baked in.
      capture: fetching + boot + restore + 2 * transferMs(settings, CAPTURED_BYTES),
      remove: quitMs + 2 * orderMs,
      look: 2 * answerMs,
    },
  };
}
