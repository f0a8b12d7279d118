import type { VmRole } from '../../../schema/model/template.ts';
import type { CapturedSnapshot } from '../provider.ts';
import type { Files } from './disk.ts';
import type { SimulatedVm } from './vm.ts';

/** A cluster of the outside world. */
export interface SimulatedCluster {
  readonly id: string;
  readonly name: string;
  readonly poolId: string;
  readonly installation: string;
  readonly fence: number;
  /** When it was last written, on the outside world's clock. */
  readonly at: number;
  /** How often its disks were made or restored. */
  readonly generation: number;
  /** The set its disks came from; null for the image. */
  readonly sourceId: string | null;
  /** The reset it was last put through. */
  readonly reset: SimulatedReset | null;
  /** When it will be gone; null while nobody has deleted it. */
  readonly goneAt: number | null;
  readonly vms: readonly SimulatedVm[];
}

/** How far a reset has come: each stage was ordered, and is done when its VMs' times say so. */
export interface SimulatedReset {
  readonly fence: number;
  readonly setId: string;
  readonly stage: 'STOPPED' | 'RESTORED' | 'RECREATED';
}

/**
 * A snapshot set of the outside world. It has no fence: it is made once and never written again,
 * and fences tell only workers at the same cluster apart.
 */
export interface SimulatedSet {
  readonly id: string;
  readonly name: string;
  readonly poolId: string;
  readonly installation: string;
  readonly at: number;
  /** The cluster it belongs to, with which it goes; null for a set of the pool. */
  readonly clusterId: string | null;
  /** When it can be used. */
  readonly readyAt: number;
  readonly goneAt: number | null;
  readonly disks: readonly SimulatedDisk[];
}

/** The captured disk of one role. */
export interface SimulatedDisk extends CapturedSnapshot {
  readonly role: VmRole;
  readonly files: Files;
}

/** One change of the outside world. Each replaces all that was known of its object. */
export type OutsideChange =
  | { readonly cluster: SimulatedCluster }
  | { readonly set: SimulatedSet }
  | { readonly clusterGone: string }
  | { readonly setGone: string };

/** Told of each change before it holds; throws to refuse it. */
export type OutsideListener = (change: OutsideChange) => void;

/**
 * The outside world: all that exists, found by id in constant time. It outlives servers; tests
 * hand the one of a crashed server to the next, and a world file keeps it on disk.
 */
export class SimulatorWorld {
  readonly #clusters = new Map<string, SimulatedCluster>();
  readonly #sets = new Map<string, SimulatedSet>();
  readonly #idsByName = new Map<string, string>();
  readonly #setsOfCluster = new Map<string, readonly string[]>();
  #latest = 0;
  #listener: OutsideListener = () => undefined;

  /** The latest time at which something was written. */
  get latest(): number {
    return this.#latest;
  }

  /** How many objects there are. */
  get size(): number {
    return this.#clusters.size + this.#sets.size;
  }

  /** Lets a world file write changes down before they hold. */
  listen(listener: OutsideListener): void {
    this.#listener = listener;
  }

  cluster(id: string): SimulatedCluster | undefined {
    return this.#clusters.get(id);
  }

  clusterNamed(name: string): SimulatedCluster | undefined {
    const id = this.#idsByName.get(name);
    return id === undefined ? undefined : this.#clusters.get(id);
  }

  set(id: string): SimulatedSet | undefined {
    return this.#sets.get(id);
  }

  clusters(): Iterable<SimulatedCluster> {
    return this.#clusters.values();
  }

  sets(): Iterable<SimulatedSet> {
    return this.#sets.values();
  }

  setsOf(clusterId: string): readonly string[] {
    return this.#setsOfCluster.get(clusterId) ?? [];
  }

  /** Makes a change hold, and first known to the listener. */
  change(change: OutsideChange): void {
    this.#listener(change);
    this.replay(change);
  }

  /** Makes a change hold that is written down already. */
  replay(change: OutsideChange): void {
    if ('cluster' in change) this.#putCluster(change.cluster);
    else if ('set' in change) this.#putSet(change.set);
    else if ('clusterGone' in change) this.#dropCluster(change.clusterGone);
    else this.#dropSet(change.setGone);
  }

  #putCluster(cluster: SimulatedCluster): void {
    this.#clusters.set(cluster.id, cluster);
    this.#idsByName.set(cluster.name, cluster.id);
    this.#latest = Math.max(this.#latest, cluster.at);
  }

  #putSet(set: SimulatedSet): void {
    this.#sets.set(set.id, set);
    this.#latest = Math.max(this.#latest, set.at);
    if (set.clusterId === null) return;
    const siblings = this.setsOf(set.clusterId);
    if (!siblings.includes(set.id)) this.#setsOfCluster.set(set.clusterId, [...siblings, set.id]);
  }

  #dropCluster(id: string): void {
    const name = this.#clusters.get(id)?.name;
    this.#clusters.delete(id);
    if (name !== undefined && this.#idsByName.get(name) === id) this.#idsByName.delete(name);
  }

  #dropSet(id: string): void {
    const clusterId = this.#sets.get(id)?.clusterId ?? null;
    this.#sets.delete(id);
    if (clusterId === null) return;
    const others = this.setsOf(clusterId).filter((each) => each !== id);
    if (others.length > 0) this.#setsOfCluster.set(clusterId, others);
    else this.#setsOfCluster.delete(clusterId);
  }
}

/** An outside world in memory, in which nothing exists yet. */
export function createSimulatorWorld(): SimulatorWorld {
  return new SimulatorWorld();
}
