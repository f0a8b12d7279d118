import type { ClusterAccess } from '../provider.ts';
import { actOn, pause, perform, presentCluster } from './act.ts';
import { chance } from './chance.ts';
import type { Target } from './creation.ts';
import { withSessionKey } from './disk.ts';
import { requireAnswer } from './guests.ts';
import { takeOver, writeCluster, type Simulation } from './simulation.ts';
import { sightingOf, type SimulatedVm } from './vm.ts';

/** Who logs in to simulated guests. */
const USER = 'snapyard';

/** Lets a key into every guest, and tells of ways in that look as real ones do. */
export function giveAccess(
  sim: Simulation,
  target: Target,
  publicKey: string,
): Promise<ClusterAccess> {
  const act = actOn(sim, 'access', target.cluster, target.step.signal);
  return perform(sim, act, 'write', async (slowness) => {
    await pause(sim, act, sim.latency('command', act.name) * slowness);
    takeOver(sim, target.cluster, target.step);
    const cluster = presentCluster(sim, target);
    for (const vm of cluster.vms) requireAnswer(sim, vm);
    const vms = cluster.vms.map((vm) => ({
      ...vm,
      files: withSessionKey(vm.files, USER, publicKey),
    }));
    writeCluster(sim, { ...cluster, vms }, target.step);
    return waysInto(sim, cluster.name, vms);
  });
}

function waysInto(sim: Simulation, cluster: string, vms: readonly SimulatedVm[]): ClusterAccess {
  const at = vms.map((vm) => ({ role: vm.role, ip: sightingOf(vm, sim.now()).ipAddress ?? '' }));
  const server = at.find(({ role }) => role === 'CONTROL_PLANE');
  const api = server === undefined ? undefined : `https://${server.ip}:6443`;
  return {
    sshUser: USER,
    kubeconfig: api === undefined ? null : kubeconfigOf(cluster, api),
    endpoints: [
      ...at.map(({ role, ip }) => ({ role, name: 'ssh', url: `ssh://${USER}@${ip}:22` })),
      ...(api === undefined
        ? []
        : [{ role: 'CONTROL_PLANE', name: 'kubernetes', url: api } as const]),
    ],
  };
}

/** As kubeadm writes one, but for the certificates: nothing answers at this address. */
function kubeconfigOf(cluster: string, server: string): string {
  return `apiVersion: v1
kind: Config
clusters:
  - name: ${cluster}
    cluster:
      server: ${server}
      insecure-skip-tls-verify: true
contexts:
  - name: admin@${cluster}
    context:
      cluster: ${cluster}
      user: admin
current-context: admin@${cluster}
users:
  - name: admin
    user:
      token: simulated.${tokenOf(cluster)}
`;
}

function tokenOf(cluster: string): string {
  const part = (place: number) =>
    Math.floor(chance(cluster, 'token', place) * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return [0, 1, 2, 3].map(part).join('');
}
