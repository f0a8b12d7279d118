import type { Duplex } from 'node:stream';
import type { Simulated } from '../ports.ts';
import type { Vmi } from './shapes.ts';

/** From a launcher's pod to a running QEMU: half take 15 s, one of twenty more than 25 s. */
const START_MS = [5_000, 26_000] as const;

/** An instance, as the node it is on knows it. */
export interface Machine {
  readonly uid: string;
  /** Of its instance. */
  readonly namespace: string | undefined;
  readonly name: string;
  readonly ip: string;
  /** What its start takes, from when there is room for it until QEMU runs. */
  readonly startMs: number;
  /** When there was room for it; undefined before. */
  placedAt: number | undefined;
  /** When QEMU started. */
  runningAt: number | undefined;
  /** When it was asked to end, and how long its guest takes to shut down. */
  stopping: { readonly since: number; readonly guestMs: number } | undefined;
  nextProbeAt: number | undefined;
  failedProbes: number;
  /** Which mishaps have been asked for, and whether they struck: once for each machine. */
  readonly mishaps: Map<string, boolean>;
  /** Who looks at its screen or its console; one at a time. */
  readonly watched: Map<'console' | 'vnc', Duplex>;
}

/** The nodes of the cluster: what runs there, which outlives any look of a controller. */
export class Nodes {
  readonly #sim: Simulated;
  readonly #machines = new Map<string, Machine>();
  readonly #capacity: number;
  #addresses = 1;

  constructor(sim: Simulated, capacity: number) {
    this.#sim = sim;
    this.#capacity = capacity;
  }

  /** The machine behind an instance; a new one has a new address. */
  machineOf(vmi: Vmi): Machine {
    const { uid, namespace, name } = vmi.metadata;
    const known = this.#machines.get(uid);
    if (known !== undefined) return known;
    const made: Machine = {
      uid,
      namespace,
      name,
      ip: this.#nextAddress(),
      startMs: this.#sim.draw(`start ${uid}`, START_MS),
      placedAt: undefined,
      runningAt: undefined,
      stopping: undefined,
      nextProbeAt: undefined,
      failedProbes: 0,
      mishaps: new Map(),
      watched: new Map(),
    };
    this.#machines.set(uid, made);
    return made;
  }

  /** The instance of a machine that is switched on. */
  instanceOf(uid: string): Vmi | undefined {
    const machine = this.#machines.get(uid);
    if (machine === undefined) return undefined;
    const { namespace, name } = machine;
    const vmi = this.#sim.objects.get('VirtualMachineInstance', namespace, name);
    return vmi?.metadata.uid === uid ? (vmi as Vmi) : undefined;
  }

  /** Whether there is room for this machine; it takes the room. */
  place(machine: Machine): boolean {
    if (machine.placedAt !== undefined) return true;
    const placed = [...this.#machines.values()].filter(({ placedAt }) => placedAt !== undefined);
    if (placed.length >= this.#capacity) return false;
    machine.placedAt = this.#sim.world.elapsed();
    return true;
  }

  /** Whether a mishap happens to this machine; asked once, and so for its whole life. */
  struck(vmi: Vmi, mishap: string): boolean {
    const { mishaps } = this.machineOf(vmi);
    const struck = mishaps.get(mishap) ?? this.#sim.mishaps.strikes(mishap, vmi.metadata);
    mishaps.set(mishap, struck);
    return struck;
  }

  /** Cuts its power: whoever is connected to it is no longer. */
  switchOff(uid: string): void {
    const machine = this.#machines.get(uid);
    if (machine === undefined) return;
    for (const stream of machine.watched.values()) stream.destroy();
    machine.watched.clear();
    if (machine.runningAt !== undefined) this.#sim.guests.stop(uid);
    machine.runningAt = undefined;
    machine.placedAt = undefined;
  }

  /** The machine is gone for good. */
  forget(uid: string): void {
    this.switchOff(uid);
    this.#machines.delete(uid);
  }

  #nextAddress(): string {
    this.#addresses += 1;
    const [high, low] = [Math.floor(this.#addresses / 250) % 250, this.#addresses % 250];
    return `10.244.${high}.${low + 1}`;
  }
}
