import { LATENCY, latency } from '../latency.ts';
import type { Simulated } from '../ports.ts';
import { diskUids } from './claims.ts';
import { cloudInitData } from './cloud-init.ts';
import { launcherOf, setLauncher } from './launcher.ts';
import type { Machine, Nodes } from './nodes.ts';
import type { Condition, Vmi } from './shapes.ts';
import { endMachine } from './vmi-end.ts';
import { lookAtGuest } from './vmi-guest.ts';
import { changeStatus, NO_GUEST, notSynchronized } from './vmi-status.ts';

/** After how long the scheduler or the node tries again. */
const AGAIN_MS = 5_000;

/** The share of a start after which the pod is up and the node takes over. */
const SCHEDULED_AT = 0.6;

/** From a pod to a running machine: room on a node, image, secrets, QEMU. */
export function boot(sim: Simulated, nodes: Nodes, vmi: Vmi): number | undefined {
  const machine = nodes.machineOf(vmi);
  const pod = launcherOf(sim, vmi);
  if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) {
    endMachine(sim, nodes, vmi, 'Failed');
    return undefined;
  }
  if (nodes.struck(vmi, 'unschedulable') || !nodes.place(machine)) return noRoom(sim, vmi);
  if (nodes.struck(vmi, 'image-pull')) return noImage(sim, vmi, machine);
  const data = cloudInitData(sim, vmi.metadata.namespace ?? '', vmi.spec);
  if ('missing' in data) return noSecret(sim, vmi, machine, data.missing);
  return advance(sim, nodes, vmi, machine);
}

function noRoom(sim: Simulated, vmi: Vmi): number {
  const reason = 'Unschedulable';
  const message = '0/1 nodes are available: 1 Insufficient devices.kubevirt.io/kvm.';
  const unscheduled: Condition = { type: 'PodScheduled', status: 'False', reason, message };
  changeStatus(sim, vmi, { set: [NO_GUEST, unscheduled] });
  return AGAIN_MS;
}

function noImage(sim: Simulated, vmi: Vmi, machine: Machine): number {
  const since = sim.world.elapsed() - (machine.placedAt ?? 0);
  const reason = since < 2 * AGAIN_MS ? 'ErrImagePull' : 'ImagePullBackOff';
  const message = 'Back-off pulling image "quay.io/kubevirt/virt-launcher"';
  changeStatus(sim, vmi, { set: [NO_GUEST, notSynchronized(reason, message)], drop: SCHEDULED });
  return AGAIN_MS;
}

const SCHEDULED = ['PodScheduled'];

/** The pod stays in creation while a volume of it cannot be mounted. */
function noSecret(sim: Simulated, vmi: Vmi, machine: Machine, secret: string): undefined {
  const pod = launcherOf(sim, vmi);
  const message = `MountVolume.SetUp failed for volume: secret "${secret}" not found`;
  if (pod !== undefined) sim.objects.event(pod, 'Warning', 'FailedMount', message);
  machine.placedAt = sim.world.elapsed();
}

function advance(sim: Simulated, nodes: Nodes, vmi: Vmi, machine: Machine): number | undefined {
  const passed = sim.world.elapsed() - (machine.placedAt ?? 0);
  const scheduledAt = machine.startMs * SCHEDULED_AT;
  if (passed < scheduledAt) {
    changeStatus(sim, vmi, { phase: 'Scheduling', set: [NO_GUEST], drop: SCHEDULED });
    return scheduledAt - passed;
  }
  const ready: Condition = { type: 'Ready', status: 'False', reason: 'ContainersNotReady' };
  setLauncher(sim, vmi, { phase: 'Running', machine, ready });
  const scheduled = changeStatus(sim, vmi, {
    phase: 'Scheduled',
    set: [NO_GUEST],
    drop: SCHEDULED,
    fields: { nodeName: 'node-1' },
  });
  if (scheduled === undefined || nodes.struck(vmi, 'vm-never-starts')) return undefined;
  if (passed < machine.startMs) return machine.startMs - passed;
  if (nodes.struck(vmi, 'crash-loop')) {
    endMachine(sim, nodes, scheduled, 'Failed');
    return undefined;
  }
  return run(sim, nodes, scheduled, machine);
}

/** QEMU starts: the guest boots from its disks, at a new address. */
function run(sim: Simulated, nodes: Nodes, vmi: Vmi, machine: Machine): number | undefined {
  const { uid, name, namespace = '' } = vmi.metadata;
  const data = cloudInitData(sim, namespace, vmi.spec);
  if ('missing' in data) return undefined;
  machine.runningAt = sim.world.elapsed();
  const startedIn = machine.runningAt - (machine.placedAt ?? 0);
  sim.tell(LATENCY, `${namespace}/${name}`, latency(sim.world, 'START', startedIn));
  const volumes = diskUids(sim, namespace, vmi.spec);
  const { ip } = machine;
  const mac = macOf(vmi);
  sim.guests.start({ uid, name, namespace, ip, mac, volumes, ...data });
  const running = changeStatus(sim, vmi, {
    phase: 'Running',
    fields: { interfaces: interfacesOf(vmi, machine), guestOSInfo: {} },
  });
  sim.objects.event(vmi, 'Normal', 'Started', 'VirtualMachineInstance started.');
  return running === undefined ? undefined : lookAtGuest(sim, nodes, running);
}

/** What is known of its network before an agent tells more: the address of its pod. */
function interfacesOf(vmi: Vmi, { ip }: Machine): readonly object[] {
  const [first] = vmi.spec.domain.devices.interfaces ?? [];
  if (first === undefined) return [];
  const mac = macOf(vmi);
  const { name } = first;
  return [{ name, ipAddress: ip, ipAddresses: [ip], mac, infoSource: 'domain', queueCount: 1 }];
}

/** The address of its first device; where the spec names none, that of its pod, which is new. */
function macOf({ metadata: { uid }, spec }: Vmi): string {
  const digits = uid.replaceAll('-', '').slice(-6).match(/../g) ?? [];
  const [first] = spec.domain.devices.interfaces ?? [];
  return (first?.macAddress ?? ['02', '00', '00', ...digits].join(':')).toLowerCase();
}
