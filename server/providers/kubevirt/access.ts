import { parseDocument } from 'yaml';
import type { ClusterAccess, ClusterRef, Endpoint, Step } from '../provider.ts';
import { takeOver } from './anchor.ts';
import { failed } from './errors.ts';
import { askCommand, hasNodes } from './guest-questions.ts';
import type { Host } from './host.ts';
import { findMachines, type Machine } from './machines.ts';
import { nameOf } from './objects.ts';
import { letSessionIn } from './session-keys.ts';
import { addressOf } from './sight.ts';

const ADMIN = '/etc/kubernetes/admin.conf';
const API_PORT = 6443;
/** A name that kubeadm puts into every certificate of an API server. */
const CERTIFIED_NAME = 'kubernetes';

/**
 * Lets a session into the guests of its cluster. Guests that take no commands take no key from us
 * either, and nothing is known of who may log in there.
 */
export async function giveAccess(
  host: Host,
  ref: ClusterRef,
  publicKey: string,
  step: Step,
): Promise<ClusterAccess> {
  await takeOver(host, ref, step);
  if (ref.readiness === 'PROBE') return { sshUser: null, kubeconfig: null, endpoints: [] };
  const machines = await findMachines(host, ref, step.signal);
  if (machines.length < ref.vms.length) throw failed(`not all VMs of ${ref.name} are there`);
  const [kubeconfigs] = await Promise.all([
    Promise.all(machines.map((machine) => kubeconfigOf(host, ref, machine, step.signal))),
    ...machines.map((machine) => letSessionIn(host, machine, publicKey, step.signal)),
  ]);
  const { sshUser } = host.settings;
  return {
    sshUser,
    kubeconfig: kubeconfigs.find((text) => text !== null) ?? null,
    endpoints: machines.flatMap((machine) => endpointsOf(ref, machine, sshUser)),
  };
}

function endpointsOf(ref: ClusterRef, machine: Machine, user: string): Endpoint[] {
  const { role } = machine;
  const place = placeOf(machine);
  const ssh = { role, name: 'ssh', url: `ssh://${user}@${place}:22` };
  if (!hasNodes(ref, machine)) return [ssh];
  return [ssh, { role, name: 'kubernetes', url: `https://${place}:${API_PORT}` }];
}

/** The address of a VM as it stands in a URL. */
function placeOf(machine: Machine): string {
  const address = addressOf(machine);
  if (address === null) throw failed(`${machine.vm.metadata.name} has no address yet`);
  return address.includes(':') ? `[${address}]` : address;
}

async function kubeconfigOf(
  host: Host,
  ref: ClusterRef,
  machine: Machine,
  signal: AbortSignal,
): Promise<string | null> {
  if (!hasNodes(ref, machine)) return null;
  const { name } = nameOf(machine.vm);
  const argv = ['sudo', '-n', 'cat', ADMIN];
  const { exitCode, stdout, stderr } = await askCommand(host, machine, argv, signal);
  if (exitCode !== 0) throw failed(`the kubeconfig of ${name}: ${stderr.trim()}`);
  return seenFromOutside(stdout, `https://${placeOf(machine)}:${API_PORT}`, name);
}

/**
 * In the guest the file names the address of the tunnel between its guests, which nobody else
 * reaches. The VM's own address is in no certificate, since it is another after each start, so
 * the file also says by which name the server proves itself.
 */
function seenFromOutside(kubeconfig: string, server: string, vm: string): string {
  const document = parseDocument(kubeconfig);
  const at = ['clusters', 0, 'cluster'];
  // What the parser complains of may quote the file, so it is not told.
  if (document.errors.length > 0 || !document.hasIn([...at, 'server'])) {
    throw failed(`the kubeconfig of ${vm} is none`);
  }
  document.setIn([...at, 'server'], server);
  document.setIn([...at, 'tls-server-name'], CERTIFIED_NAME);
  return document.toString({ lineWidth: 0 });
}
