import type { Route, RouteAnswer, RouteCall, Simulated } from '../ports.ts';
import { ApiError } from '../ports.ts';
import { conditionOf } from './conditions.ts';
import type { Nodes } from './nodes.ts';
import { conflict, notFound } from './refusals.ts';
import type { Vm, Vmi } from './shapes.ts';
import { agentInfo } from './vmi-guest.ts';
import { changeStatus } from './vmi-status.ts';

const DONE: RouteAnswer = { status: 200 };

type Deed = (sim: Simulated, nodes: Nodes, vmi: Vmi) => void;

/** What is done to a machine that runs, and what its agent tells of it. */
export function instanceRoutes(sim: Simulated, nodes: Nodes): Route[] {
  const puts = Object.entries(DEEDS).map(([verb, deed]) =>
    route('PUT', verb, (call) => {
      deed(sim, nodes, instance(sim, call));
      return DONE;
    }),
  );
  const gets = Object.entries(TOLD).map(([what, told]) =>
    route('GET', what, (call) => agentAnswer(sim, call, told)),
  );
  return [...puts, ...gets];
}

function route(method: 'GET' | 'PUT', verb: string, answer: Route['answer']): Route {
  return {
    group: 'subresources.kubevirt.io',
    version: 'v1',
    method,
    path: `namespaces/{namespace}/virtualmachineinstances/{name}/${verb}`,
    resource: `virtualmachineinstances/${verb}`,
    verb: method === 'GET' ? 'get' : 'update',
    answer,
  };
}

/** The instance that a call names. */
export function instance(sim: Simulated, { params }: RouteCall): Vmi {
  const { namespace, name = '' } = params;
  const vmi = sim.objects.get('VirtualMachineInstance', namespace, name);
  if (vmi === undefined) throw notFound('virtualmachineinstance', name);
  return vmi as Vmi;
}

function refused(vmi: Vmi, why: string): ApiError {
  return conflict('virtualmachineinstance', vmi.metadata.name, why);
}

function mustRun(vmi: Vmi, why = 'VM is not running'): void {
  if (vmi.status?.phase !== 'Running') throw refused(vmi, why);
}

const DEEDS: Readonly<Record<string, Deed>> = {
  pause: (sim, _nodes, vmi) => {
    const { name } = vmi.metadata;
    mustRun(vmi);
    const { livenessProbe } = vmi.spec;
    if (livenessProbe !== undefined && livenessProbe.guestAgentPing === undefined) {
      const why = 'Pausing VMIs with LivenessProbe is currently not supported';
      const message = `virtualmachineinstance.kubevirt.io "${name}" is forbidden: ${why}`;
      throw new ApiError(403, 'Forbidden', message);
    }
    if (conditionOf(vmi, 'Paused') !== undefined) throw refused(vmi, 'VMI is already paused');
    const reason = 'PausedByUser';
    const message = 'VMI was paused by user';
    changeStatus(sim, vmi, { set: [{ type: 'Paused', status: 'True', reason, message }] });
  },
  unpause: (sim, _nodes, vmi) => {
    const { namespace, name } = vmi.metadata;
    const vm = sim.objects.get('VirtualMachine', namespace, name) as Vm | undefined;
    if (vm?.status?.snapshotInProgress !== undefined) {
      throw conflict('virtualmachine', name, 'VM snapshot is in progress');
    }
    mustRun(vmi, 'VMI is not running');
    if (conditionOf(vmi, 'Paused') === undefined) throw refused(vmi, 'VMI is not paused');
    changeStatus(sim, vmi, { drop: ['Paused'] });
  },
  freeze: (_sim, _nodes, vmi) => mustRun(vmi),
  unfreeze: (_sim, _nodes, vmi) => mustRun(vmi, 'VMI is not running'),
};

/** What only an agent in the guest can tell. */
const TOLD: Readonly<Record<string, (sim: Simulated, vmi: Vmi) => unknown>> = {
  guestosinfo: (sim, vmi) => ({
    apiVersion: 'subresources.kubevirt.io/v1',
    kind: 'VirtualMachineInstanceGuestAgentInfo',
    fsFreezeStatus: 'thawed',
    ...agentInfo(sim, vmi),
  }),
  userlist: () => ({ items: [], metadata: {} }),
  filesystemlist: (_sim, vmi) => ({
    items: (vmi.spec.domain.devices.disks ?? []).slice(0, 1).map(() => ({
      diskName: 'vda1',
      mountPoint: '/',
      fileSystemType: 'ext4',
    })),
    metadata: {},
  }),
};

/** Every refusal is a 500 in plain text, whatever its cause. */
function agentAnswer(
  sim: Simulated,
  call: RouteCall,
  told: (sim: Simulated, vmi: Vmi) => unknown,
): RouteAnswer {
  try {
    const vmi = instance(sim, call);
    mustRun(vmi, 'VMI is not running');
    if (conditionOf(vmi, 'AgentConnected') === undefined) {
      throw refused(vmi, 'VMI does not have guest agent connected');
    }
    return { status: 200, body: told(sim, vmi) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { status: 500, text: error.message };
  }
}
