import type { ClusterAccess, ClusterRef, Endpoint, Step } from '../provider.ts';
import { takeOver } from './anchor.ts';
import { failed } from './errors.ts';
import { kubeconfigFor } from './guest-kubeconfig.ts';
import { askCommand, hasNodes } from './guest-questions.ts';
import type { Host } from './host.ts';
import { findMachines, type Machine } from './machines.ts';
import { nameOf } from './objects.ts';
import { letSessionIn } from './session-keys.ts';
import { refuseWhileTaken } from './shots.ts';
import { addressOf } from './sight.ts';
import { together } from './together.ts';
import { within } from './within.ts';

const ADMIN = '/etc/kubernetes/admin.conf';
const API_PORT = 6443;

/** A capture takes minutes: who waits for one asks again later, and meanwhile says why. */
const TURN_MS = 15_000;

/**
 * Lets a session into the guests of its cluster. Guests that take no commands take no key from us
 * either, and nothing is known of who may log in there. While the cluster is captured nobody is
 * let in: the set would have the key, and let its owner into every cluster that is made from it.
 */
export async function giveAccess(
  host: Host,
  ref: ClusterRef,
  publicKey: string,
  step: Step,
): Promise<ClusterAccess> {
  if (ref.readiness === 'PROBE') {
    await takeOver(host, ref, step);
    return { sshUser: null, kubeconfig: null, endpoints: [] };
  }
  const what = `waiting for the capture of ${ref.name}`;
  const limit = { what, ms: TURN_MS, signal: step.signal };
  const leave = await within(host, limit, (signal) => host.turns.begin(ref.id, signal));
  try {
    await takeOver(host, ref, step);
    // A capture that another life of this server began has no turn here.
    await refuseWhileTaken(host, ref, step);
    return await letIn(host, ref, publicKey, step);
  } finally {
    leave();
  }
}

async function letIn(
  host: Host,
  ref: ClusterRef,
  publicKey: string,
  step: Step,
): Promise<ClusterAccess> {
  const machines = await findMachines(host, ref, step.signal);
  if (machines.length < ref.vms.length) throw failed(`not all VMs of ${ref.name} are there`);
  const [kubeconfigs = []] = await together(step, [
    (by) =>
      together(
        by,
        machines.map((each) => (one: Step) => kubeconfigOf(host, ref, each, one)),
      ),
    async (by) => {
      const jobs = machines.map(
        (each) => (one: Step) => letSessionIn(host, each, publicKey, one.signal),
      );
      await together(by, jobs);
      return [];
    },
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
  { signal }: Step,
): Promise<string | null> {
  if (!hasNodes(ref, machine)) return null;
  const { name } = nameOf(machine.vm);
  const argv = ['sudo', '-n', 'cat', ADMIN];
  const { exitCode, stdout, stderr } = await askCommand(host, machine, argv, signal);
  if (exitCode !== 0) throw failed(`the kubeconfig of ${name}: ${stderr.trim()}`);
  const server = `https://${placeOf(machine)}:${API_PORT}`;
  return kubeconfigFor({ name: ref.name, server }, stdout);
}
