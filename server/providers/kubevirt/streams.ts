import type { Duplex } from 'node:stream';
import { ProviderError, type RunOptions, type RunResult } from '../provider.ts';
import type { StreamKind, VmRef } from '../provider.ts';
import { about } from './calls.ts';
import { refused } from './errors.ts';
import type { Host } from './host.ts';
import { findMachines, type Machine } from './machines.ts';
import { nameOf } from './objects.ts';

/** What KubeVirt calls these streams. */
const PATHS: Readonly<Record<StreamKind, string>> = {
  SERIAL: 'console',
  VNC: 'vnc',
  SSH: 'portforward/22/tcp',
};

/** Opens a stream to a VM that runs. Whoever opens a console or a screen takes it from others. */
export async function openStream(
  host: Host,
  vm: VmRef,
  stream: StreamKind,
  signal: AbortSignal,
): Promise<Duplex> {
  const of = nameOf((await runningMachine(host, vm, signal)).vm);
  const group = '/apis/subresources.kubevirt.io/v1';
  const path = `${group}/namespaces/${of.namespace}/virtualmachineinstances/${of.name}`;
  return about(host, of, `opening the ${stream} stream of ${of.name}`, signal, () =>
    host.kubernetes.stream(`${path}/${PATHS[stream]}`, signal),
  );
}

/** Runs a command in a guest that takes commands. */
export async function runCommand(
  host: Host,
  vm: VmRef,
  argv: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  if (vm.cluster.readiness === 'PROBE') {
    const reason = `${vm.cluster.name} is made of guests that take no commands`;
    throw refused(reason);
  }
  const machine = await runningMachine(host, vm, options.signal);
  return host.guests.run(nameOf(machine.vm), argv, options);
}

async function runningMachine(host: Host, vm: VmRef, signal: AbortSignal): Promise<Machine> {
  const machines = await findMachines(host, vm.cluster, signal);
  const machine = machines.find(({ role }) => role === vm.role);
  if (machine?.vmi?.status?.phase === 'Running') return machine;
  const name = machine?.vm.metadata.name ?? `${vm.cluster.name}, ${vm.role}`;
  const reason = machine === undefined ? `there is no VM ${name}` : `${name} does not run`;
  throw new ProviderError(reason, { retryable: machine !== undefined });
}
