import type { Fleet } from '../kit/fleet.ts';
import type { KubeObject } from '../kubernetes/ports.ts';

/** Of what there must never be two: by their labels, whatever they are called. */
const UNIQUE: Readonly<Record<string, readonly string[]>> = {
  Namespace: ['snapyard.io/cluster'],
  VirtualMachine: ['snapyard.io/cluster', 'cks.io/vm-role'],
  VirtualMachineInstance: ['snapyard.io/cluster', 'cks.io/vm-role'],
  VirtualMachineSnapshot: ['snapyard.io/set-id', 'cks.io/vm-role'],
};

/** Keeps account of what is made outside, and finds what is there twice at any moment. */
export class Ledger {
  readonly #fleet: Fleet;
  readonly #twice = new Set<string>();
  readonly #created = new Map<string, number>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    fleet.kubernetes.onChange(({ type, object }) => {
      if (type === 'ADDED') this.#add(object);
    });
  }

  /** What has been there twice at the same time. */
  get twice(): string[] {
    return [...this.#twice];
  }

  /** How many objects of each kind have been made since this was last asked. */
  take(): Record<string, number> {
    const taken = Object.fromEntries(this.#created);
    this.#created.clear();
    return taken;
  }

  #add({ kind, metadata }: KubeObject): void {
    this.#created.set(kind, (this.#created.get(kind) ?? 0) + 1);
    const labels = UNIQUE[kind];
    if (labels?.every((key) => metadata.labels?.[key] !== undefined) !== true) return;
    const { namespace } = metadata;
    const isSame = (other: KubeObject) =>
      labels.every((key) => other.metadata.labels?.[key] === metadata.labels?.[key]);
    const same = this.#fleet.kubernetes.objects.list(kind, { namespace }).filter(isSame);
    if (same.length < 2) return;
    this.#twice.add(`${kind}: ${same.map((one) => one.metadata.name).join(', ')}`);
  }
}
