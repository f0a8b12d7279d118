import type { ApiError, Route, RouteAnswer, RouteCall, Simulated } from '../ports.ts';
import { ApiError as Refusal } from '../ports.ts';
import { admitVm } from './vm-admission.ts';
import { launcherOf } from './launcher.ts';
import { badRequest, conflict, internal, notFound } from './refusals.ts';
import { isFinal, runStrategyOf, type StateChangeRequest, type Vm, type Vmi } from './shapes.ts';

const ACCEPTED: RouteAnswer = { status: 202 };

const NOT_RUNNING = 'VM is not running';

/** Who asks, and for which VM. */
interface Asked {
  readonly sim: Simulated;
  readonly call: RouteCall;
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** `start`, `stop` and `restart` of a VM. All are told to its controller, none waits for it. */
export function lifecycleRoutes(sim: Simulated): Route[] {
  return Object.entries({ start, stop, restart }).map(([verb, answer]) => ({
    group: 'subresources.kubevirt.io',
    version: 'v1',
    method: 'PUT',
    path: `namespaces/{namespace}/virtualmachines/{name}/${verb}`,
    resource: `virtualmachines/${verb}`,
    verb: 'update',
    answer: (call) => {
      const { name = '' } = call.params;
      return answer({ sim, call, name, body: bodyOf(call) });
    },
  }));
}

function bodyOf({ body }: RouteCall): Readonly<Record<string, unknown>> {
  if (body === undefined || body === null || body === '') return {};
  if (typeof body !== 'object' || Array.isArray(body)) {
    throw badRequest('Can not unmarshal Request body to struct, error: not an object');
  }
  return body as Readonly<Record<string, unknown>>;
}

function vmOf({ sim, call, name }: Asked): Vm {
  const vm = sim.objects.get('VirtualMachine', call.params['namespace'], name);
  if (vm === undefined) throw notFound('virtualmachine', name);
  return vm as Vm;
}

function vmiOf({ sim, call, name }: Asked): Vmi | undefined {
  return sim.objects.get('VirtualMachineInstance', call.params['namespace'], name) as
    | Vmi
    | undefined;
}

function refused({ name }: Asked, why: string): ApiError {
  return conflict('virtualmachine', name, why);
}

function start(asked: Asked): RouteAnswer {
  const vm = vmOf(asked);
  const vmi = vmiOf(asked);
  const struck = (mishap: string) => asked.sim.mishaps.strikes(mishap, vm.metadata);
  const phase = vmi?.status?.phase ?? '';
  const isRunning = vmi !== undefined && !isFinal(vmi) && phase !== '' && phase !== 'Unknown';
  if (isRunning || struck('start-refused-409')) throw refused(asked, 'VM is already running');
  if (struck('start-refused-500')) throw internal(UNDERWAY);
  const strategy = runStrategyOf(vm);
  switch (strategy) {
    case 'Halted':
      setRunning(asked, vm, true);
      return ACCEPTED;
    case 'Manual':
    case 'RerunOnFailure':
      return startByRequest(asked, vm, vmi, strategy);
    default:
      throw refused(asked, `${strategy} does not support manual start requests`);
  }
}

function startByRequest(asked: Asked, vm: Vm, vmi: Vmi | undefined, strategy: string): RouteAnswer {
  const isEnded = vmi !== undefined && isFinal(vmi);
  if (isEnded && strategy === 'RerunOnFailure' && vmi.status?.phase === 'Failed') {
    throw refused(asked, 'RerunOnFailure does not support starting VM from failed state');
  }
  const data = asked.body['paused'] === true ? { data: { paused: 'true' } } : {};
  const again: StateChangeRequest = { action: 'Start', ...data };
  return request(asked, vm, isEnded ? [stopOf(vmi), again] : [again]);
}

function stop(asked: Asked): RouteAnswer {
  const vm = vmOf(asked);
  const vmi = vmiOf(asked);
  const strategy = runStrategyOf(vm);
  const before = vmi?.spec.terminationGracePeriodSeconds;
  const isAlive = vmi !== undefined && !isFinal(vmi);
  const grace = asked.body['gracePeriod'];
  if (isAlive && typeof grace === 'number') shortenGrace(asked, vmi, grace);
  if (strategy === 'Always' || strategy === 'Once') {
    setRunning(asked, vm, false);
    return ACCEPTED;
  }
  if (!isAlive) throw refused(asked, NOT_RUNNING);
  const isShorter = typeof grace === 'number' && (before === undefined || grace < before);
  if (strategy === 'Halted' && !isShorter) {
    throw refused(asked, 'Halted only supports manual stop requests with a shorter graceperiod');
  }
  return request(asked, vm, [stopOf(vmi)]);
}

function restart(asked: Asked): RouteAnswer {
  const grace = asked.body['gracePeriodSeconds'];
  if (typeof grace === 'number' && grace > 0) {
    throw badRequest('For force restart, only gracePeriod=0 is supported for now');
  }
  if (typeof grace === 'number' && grace < 0) {
    throw badRequest('gracePeriod has to be greater or equal to 0');
  }
  const vm = vmOf(asked);
  const strategy = runStrategyOf(vm);
  if (strategy === 'Halted' || strategy === 'Once') {
    throw refused(asked, `RunStategy ${strategy} does not support manual restart requests`);
  }
  const vmi = vmiOf(asked);
  if (vmi === undefined) throw refused(asked, `${NOT_RUNNING}: Halted`);
  const answer = request(asked, vm, [stopOf(vmi), { action: 'Start' }]);
  // The power is cut by taking the pod away.
  const pod = grace === 0 && !isDry(asked) ? launcherOf(asked.sim, vmi) : undefined;
  if (pod !== undefined) asked.sim.objects.remove(pod);
  return answer;
}

function stopOf(vmi: Vmi): StateChangeRequest {
  return { action: 'Stop', uid: vmi.metadata.uid };
}

const UNDERWAY = 'unable to complete request: stop/start already underway';

/** Whether the client only wants to know what would happen. */
function isDry({ body }: Asked): boolean {
  return Array.isArray(body['dryRun']) && body['dryRun'].includes('All');
}

/** Queues requests in the VM's status. A lone stop takes the place of what is queued. */
function request(call: Asked, vm: Vm, asked: readonly StateChangeRequest[]): RouteAnswer {
  const isQueued = (vm.status?.stateChangeRequests ?? []).length > 0;
  const isStop = asked.length === 1 && asked[0]?.action === 'Stop';
  if (isQueued && !isStop) throw internal(UNDERWAY);
  if (isDry(call)) return ACCEPTED;
  call.sim.objects.update(vm, (last) => {
    const { startFailure: _failure, ...status } = (last as Vm).status ?? {};
    return { ...last, status: { ...status, stateChangeRequests: asked } };
  });
  return ACCEPTED;
}

/** Writes the spec as a client would: the webhooks are asked, and a refusal of theirs is a 500. */
function setRunning(asked: Asked, vm: Vm, isRunning: boolean): void {
  const { sim, call } = asked;
  const { running, ...spec } = vm.spec;
  const wanted =
    running === undefined
      ? { ...spec, runStrategy: isRunning ? 'Always' : 'Halted' }
      : { ...spec, running: isRunning };
  const object = { ...vm, spec: wanted };
  try {
    admitVm(sim, { operation: 'UPDATE', object, before: vm, user: call.user });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const webhook = 'admission webhook "virtualmachine-validator.kubevirt.io"';
    throw internal(`${webhook} denied the request: ${error.message}`);
  }
  if (isDry(asked)) return;
  sim.objects.update(vm, (last) => ({ ...last, spec: wanted }));
}

function shortenGrace(asked: Asked, vmi: Vmi, grace: number): void {
  if (isDry(asked)) return;
  asked.sim.objects.update(vmi, (last) => ({
    ...last,
    spec: { ...(last as Vmi).spec, terminationGracePeriodSeconds: grace },
  }));
}
