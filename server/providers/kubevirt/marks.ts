import type { ClusterRef, Step } from '../provider.ts';
import { takeOver } from './anchor.ts';
import { failed, refused } from './errors.ts';
import { MARKS_FOLDER } from './guest-data/places.ts';
import { askCommand } from './guest-questions.ts';
import type { Host } from './host.ts';
import { findMachines, type Machine } from './machines.ts';

const MARK = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Writes the file and has it on the disk before it counts as there. */
const WRITE = 'mkdir -p "$1" && touch "$1/$2" && sync';

/** Leaves a turn mark in every guest; guests that take no commands hold none. */
export async function markCluster(
  host: Host,
  ref: ClusterRef,
  mark: string,
  step: Step,
): Promise<void> {
  if (!MARK.test(mark)) {
    throw refused(`"${mark}" cannot be a turn mark`);
  }
  await takeOver(host, ref, step);
  if (ref.readiness === 'PROBE') return;
  const machines = await findMachines(host, ref, step.signal);
  if (machines.length < ref.vms.length) {
    throw failed(`not all VMs of ${ref.name} are there to be marked`);
  }
  await Promise.all(machines.map((machine) => writeMark(host, machine, mark, step)));
}

async function writeMark(host: Host, machine: Machine, mark: string, step: Step): Promise<void> {
  const argv = ['sudo', '-n', 'sh', '-c', WRITE, 'sh', MARKS_FOLDER, mark];
  const { exitCode, stderr } = await askCommand(host, machine, argv, step.signal);
  if (exitCode === 0) return;
  const reason = `marking ${machine.vm.metadata.name}: ${stderr.trim()} (exit code ${exitCode})`;
  throw failed(reason);
}
