import type { Kubernetes, ObjectName, View } from './kubernetes.ts';
import { machineViews } from './machines.ts';
import { LABEL } from './names.ts';
import {
  conditionOf,
  isLeaving,
  nameOf,
  type AnyObject,
  type VirtualMachine,
  type VirtualMachineInstance,
} from './objects.ts';

/**
 * Tells of clusters to which something happened: a VM or instance came or went, or its state is
 * another than it was. What was so at the first look is no news. Answers how to stop.
 */
export function watchMachines(
  kubernetes: Kubernetes,
  installation: string,
  onDirty: (clusterId: string) => void,
): () => void {
  const { vms, vmis } = machineViews({ kubernetes }, installation);
  const stops = [tellChanges(vms, stateOfVm, onDirty), tellChanges(vmis, stateOfVmi, onDirty)];
  return () => {
    for (const stop of stops) stop();
  };
}

function tellChanges<T extends AnyObject>(
  view: View<T>,
  stateOf: (object: T) => string,
  onDirty: (clusterId: string) => void,
): () => void {
  let known: Map<string, Seen> | undefined;
  const seenNow = (object: T): Seen => seen(object, stateOf(object));
  return view.onChange((name) => {
    const before = known;
    if (before === undefined || name === undefined) {
      known = new Map(view.all().map((each) => [keyOf(nameOf(each)), seenNow(each)]));
      if (before !== undefined) for (const id of changed(before, known)) onDirty(id);
      return;
    }
    const key = keyOf(name);
    const [was, now] = [before.get(key), view.get(name)];
    const is = now && seenNow(now);
    if (is === undefined) before.delete(key);
    else before.set(key, is);
    const id = (is ?? was)?.clusterId;
    if (was?.state !== is?.state && id !== undefined) onDirty(id);
  });
}

interface Seen {
  readonly clusterId: string | undefined;
  readonly state: string;
}

function changed(before: ReadonlyMap<string, Seen>, now: ReadonlyMap<string, Seen>): Set<string> {
  const keys = new Set([...before.keys(), ...now.keys()]);
  const dirty = [...keys].filter((key) => before.get(key)?.state !== now.get(key)?.state);
  const ids = dirty.map((key) => (now.get(key) ?? before.get(key))?.clusterId);
  return new Set(ids.filter((id) => id !== undefined));
}

function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}

function seen({ metadata }: AnyObject, state: string): Seen {
  return { clusterId: metadata.labels[LABEL.cluster], state };
}

function stateOfVm(vm: VirtualMachine): string {
  return [vm.metadata.uid, isLeaving(vm), vm.status?.printableStatus].join();
}

function stateOfVmi(vmi: VirtualMachineInstance): string {
  const ready = conditionOf(vmi.status, 'Ready')?.status;
  return [vmi.metadata.uid, isLeaving(vmi), vmi.status?.phase, ready].join();
}
