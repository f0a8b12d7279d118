import { LATENCY, latency } from '../latency.ts';
import type { Simulated } from '../ports.ts';
import { removeLauncher, setLauncher } from './launcher.ts';
import type { Machine, Nodes } from './nodes.ts';
import { isFinal, type Vmi } from './shapes.ts';
import { changeStatus, POD_ENDS } from './vmi-status.ts';

/** What killing a machine, and clearing up after one that has ended, takes. */
const KILL_MS = [1_000, 5_000] as const;
const CLEAR_MS = [200, 1_000] as const;
/** What a guest takes to shut down when it is asked. */
const GUEST_MS = [3_000, 15_000] as const;
/** For how long a machine that hangs outlives the power cut. */
const HANGS_MS = 600_000;

/** A machine came to its end by itself: QEMU has ended, its pod with it. */
export function endMachine(
  sim: Simulated,
  nodes: Nodes,
  vmi: Vmi,
  phase: 'Succeeded' | 'Failed',
): void {
  nodes.switchOff(vmi.metadata.uid);
  setLauncher(sim, vmi, { phase });
  const reason = phase === 'Failed' ? 'Stopped' : 'ShuttingDown';
  const type = phase === 'Failed' ? 'Warning' : 'Normal';
  sim.objects.event(vmi, type, reason, `The VirtualMachineInstance ended: ${phase}.`);
  changeStatus(sim, vmi, { phase, set: [POD_ENDS], drop: ['AgentConnected', 'Paused'] });
}

/** A deleted instance: its guest is asked to shut down, then its power is cut. */
export function stopMachine(sim: Simulated, nodes: Nodes, vmi: Vmi): number | undefined {
  const machine = nodes.machineOf(vmi);
  const now = sim.world.elapsed();
  const guestMs = sim.draw(`shutdown ${machine.uid}`, GUEST_MS);
  machine.stopping ??= { since: now, guestMs };
  const left = machine.stopping.since + stopMs(sim, nodes, vmi, machine) - now;
  if (left > 0) {
    changeStatus(sim, vmi, { set: [POD_ENDS] });
    return left;
  }
  const stoppedIn = now - machine.stopping.since;
  sim.tell(
    LATENCY,
    `${vmi.metadata.namespace}/${vmi.metadata.name}`,
    latency(sim.world, 'STOP', stoppedIn),
  );
  if (!isFinal(vmi)) endMachine(sim, nodes, vmi, 'Succeeded');
  clear(sim, nodes, vmi);
  return undefined;
}

/**
 * From the deletion until the machine is gone. What the guest does not manage within its grace is
 * cut short; a shorter grace that is asked for meanwhile holds.
 */
function stopMs(sim: Simulated, nodes: Nodes, vmi: Vmi, machine: Machine): number {
  const clear = sim.draw(`clear ${machine.uid}`, CLEAR_MS);
  if (machine.runningAt === undefined) return clear;
  const kill = sim.draw(`kill ${machine.uid}`, KILL_MS);
  const grace = (vmi.spec.terminationGracePeriodSeconds ?? 30) * 1_000;
  if (nodes.struck(vmi, 'stop-hangs')) return grace + HANGS_MS;
  const guestMs = machine.stopping?.guestMs ?? 0;
  return Math.min(guestMs + clear, grace + kill);
}

function clear(sim: Simulated, nodes: Nodes, vmi: Vmi): void {
  removeLauncher(sim, vmi);
  nodes.forget(vmi.metadata.uid);
  sim.objects.update(vmi, (last) => ({
    ...last,
    metadata: { ...last.metadata, finalizers: [] },
  }));
}

/** The instance vanishes under its VM, as when somebody takes its finalizers and deletes it. */
export function loseMachine(sim: Simulated, nodes: Nodes, vmi: Vmi): void {
  sim.tell('vmi lost', `${vmi.metadata.namespace}/${vmi.metadata.name}`);
  clear(sim, nodes, vmi);
  sim.objects.remove(vmi);
}
