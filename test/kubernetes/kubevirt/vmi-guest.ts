import { guestOsInfo } from '../guest/os-info.ts';
import type { Simulated } from '../ports.ts';
import { diskUids } from './claims.ts';
import { holds } from './conditions.ts';
import { launcherOf, setLauncher } from './launcher.ts';
import type { Machine, Nodes } from './nodes.ts';
import type { Condition, Vmi } from './shapes.ts';
import { endMachine, loseMachine } from './vmi-end.ts';
import { changeStatus, NOT_PROBED, READY, type StatusChange } from './vmi-status.ts';

/** What is added to every probe's first delay, for the start of the machine itself. */
const STARTUP_DELAY_S = 10;
/** How often a node looks at a machine that nothing is asked of: while it boots, and later. */
const LOOK_MS = [10_000, 30_000] as const;
/** After how long an agent is first asked what it runs on. */
const FIRST_POLL_MS = 10_000;

/** A running machine: is its guest there, its agent, and does it answer its probe. */
export function lookAtGuest(sim: Simulated, nodes: Nodes, vmi: Vmi): number | undefined {
  const pod = launcherOf(sim, vmi);
  if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) {
    endMachine(sim, nodes, vmi, 'Failed');
    return undefined;
  }
  if (sim.mishaps.strikes('vmi-lost', vmi.metadata)) {
    loseMachine(sim, nodes, vmi);
    return undefined;
  }
  const machine = nodes.machineOf(vmi);
  const ready = readiness(sim, vmi, machine);
  setLauncher(sim, vmi, { phase: 'Running', machine, ready });
  const agent = agentStatus(sim, vmi, machine);
  changeStatus(sim, vmi, { ...agent, set: [ready, ...(agent.set ?? [])] });
  return Math.max(1, untilNextLook(sim, vmi, machine));
}

/** Its guest told of a change, without being asked. */
export function guestChanged(sim: Simulated, nodes: Nodes, vmi: Vmi, isOff: boolean): void {
  if (vmi.status?.phase !== 'Running') return;
  if (isOff) endMachine(sim, nodes, vmi, 'Succeeded');
  else changeStatus(sim, vmi, agentStatus(sim, vmi, nodes.machineOf(vmi)));
}

function agentStatus(sim: Simulated, vmi: Vmi, machine: Machine): StatusChange {
  if (!sim.guests.agentConnected(machine.uid)) {
    return { drop: ['AgentConnected'], fields: { guestOSInfo: {} } };
  }
  const connected: Condition = { type: 'AgentConnected', status: 'True' };
  const isPolled = sim.world.elapsed() - (machine.runningAt ?? 0) >= FIRST_POLL_MS;
  return isPolled
    ? { set: [connected], fields: { guestOSInfo: agentInfo(sim, vmi)['os'] ?? {} } }
    : { set: [connected] };
}

/** What the agent says of the system that the machine boots from. */
export function agentInfo(sim: Simulated, vmi: Vmi): Readonly<Record<string, unknown>> {
  const [disk] = diskUids(sim, vmi.metadata.namespace ?? '', vmi.spec);
  return disk === undefined || !sim.disks.exists(disk) ? {} : guestOsInfo(sim.disks, disk);
}

function readiness(sim: Simulated, vmi: Vmi, machine: Machine): Condition {
  const probe = vmi.spec.readinessProbe;
  if (probe === undefined) return READY;
  const now = sim.world.elapsed();
  const wasReady = holds(vmi, 'Ready');
  const first = firstProbeAt(vmi, machine);
  machine.nextProbeAt ??= first;
  if (now < machine.nextProbeAt) return wasReady ? READY : NOT_PROBED;
  machine.nextProbeAt = now + (probe.periodSeconds ?? 10) * 1_000;
  const isThere = !holds(vmi, 'Paused') && sim.guests.probe(machine.uid, probe);
  machine.failedProbes = isThere ? 0 : machine.failedProbes + 1;
  if (isThere) return READY;
  return wasReady && machine.failedProbes < (probe.failureThreshold ?? 3) ? READY : NOT_PROBED;
}

function firstProbeAt(vmi: Vmi, machine: Machine): number {
  const delay = (vmi.spec.readinessProbe?.initialDelaySeconds ?? 0) + STARTUP_DELAY_S;
  return (machine.runningAt ?? 0) + delay * 1_000;
}

function untilNextLook(sim: Simulated, vmi: Vmi, machine: Machine): number {
  const now = sim.world.elapsed();
  const isYoung = now - (machine.runningAt ?? 0) < 60_000;
  const look = isYoung ? LOOK_MS[0] : LOOK_MS[1];
  if (vmi.spec.readinessProbe === undefined) return look;
  return Math.min((machine.nextProbeAt ?? 0) - now, look);
}
