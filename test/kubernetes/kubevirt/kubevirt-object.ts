import type { KubeObject, Simulated } from '../ports.ts';

/** The version that the configured release calls itself. */
export function gitVersion(sim: Simulated): string {
  return `v${sim.kubevirt.major}.${sim.kubevirt.minor}.0`;
}

/**
 * The object that KubeVirt's operator keeps: its gates are what an administrator switched on, its
 * status says which release answers. Before 1.9 snapshots have a gate that must be listed.
 */
export function installKubevirt(sim: Simulated): KubeObject {
  const gates = sim.kubevirt.minor >= 9 ? [] : ['Snapshot'];
  const made = sim.objects.create('KubeVirt', {
    apiVersion: 'kubevirt.io/v1',
    kind: 'KubeVirt',
    metadata: { name: 'kubevirt', namespace: 'kubevirt' },
    spec: { configuration: { developerConfiguration: { featureGates: gates } } },
  });
  const version = gitVersion(sim);
  const status = {
    phase: 'Deployed',
    observedKubeVirtVersion: version,
    targetKubeVirtVersion: version,
    operatorVersion: version,
    conditions: [{ type: 'Available', status: 'True', reason: 'AllComponentsReady' }],
  };
  return sim.objects.update(made, (now) => ({ ...now, status })) ?? made;
}
