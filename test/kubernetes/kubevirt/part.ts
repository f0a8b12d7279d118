import type { Part, Route, Simulated } from '../ports.ts';
import { instanceRoutes } from './instance-routes.ts';
import { kubevirtKinds } from './kinds.ts';
import { gitVersion, installKubevirt } from './kubevirt-object.ts';
import { lifecycleRoutes } from './lifecycle-routes.ts';
import { Nodes } from './nodes.ts';
import { streamRoutes } from './stream-routes.ts';
import { vmController } from './vm-controller.ts';
import { vmiController } from './vmi-controller.ts';
import { guestChanged } from './vmi-guest.ts';

/** What the cluster has room for. */
export interface KubevirtOptions {
  /** How many machines fit on its nodes. */
  readonly capacity?: number;
}

/**
 * KubeVirt's compute: VMs, instances and what can be done to them, with the webhooks, controllers
 * and latencies of the real thing. Its mishaps: `start-refused-409`, `start-refused-500`,
 * `vm-never-starts`, `crash-loop`, `unschedulable`, `image-pull`, `vmi-lost`, `stop-hangs`
 * (asked once for each instance, `vmi-lost` at every look at a running one) and `webhook-down`.
 */
export function kubevirtPart(sim: Simulated, options: KubevirtOptions = {}): Part {
  const nodes = new Nodes(sim, options.capacity ?? Number.POSITIVE_INFINITY);
  sim.guests.onChange((uid, what) => {
    const vmi = nodes.instanceOf(uid);
    if (vmi !== undefined) guestChanged(sim, nodes, vmi, what === 'SHUT_DOWN');
  });
  return {
    kinds: kubevirtKinds(sim),
    begin: () => void installKubevirt(sim),
    controllers: [vmController(sim), vmiController(sim, nodes)],
    routes: [
      ...lifecycleRoutes(sim),
      ...instanceRoutes(sim, nodes),
      ...streamRoutes(sim, nodes),
      ...readRoutes(sim),
    ],
  };
}

/** What anybody may read: the version, and a VM with its instance type put in. */
function readRoutes(sim: Simulated): Route[] {
  const common = { group: 'subresources.kubevirt.io', version: 'v1', method: 'GET' } as const;
  const version = () => {
    const { major, minor } = sim.kubevirt;
    const gitTreeState = 'clean';
    const body = {
      gitVersion: gitVersion(sim),
      gitTreeState,
      major: `${major}`,
      minor: `${minor}`,
    };
    return { status: 200, body };
  };
  return [
    { ...common, path: 'version', resource: 'version', verb: 'get', answer: version },
    {
      ...common,
      path: 'healthz',
      resource: 'healthz',
      verb: 'get',
      answer: () => ({ status: 200, body: { apiserver: { connectivity: 'ok' } } }),
    },
  ];
}
