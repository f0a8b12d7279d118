import type { Simulated } from '../ports.ts';
import { dataVolumesOf, findClaim, isStartable } from './claims.ts';
import { conditionOf, holds } from './conditions.ts';
import {
  claimNameOf,
  isFinal,
  runStrategyOf,
  type DataVolume,
  type Vm,
  type Vmi,
} from './shapes.ts';

/** A state in words, and when a VM is in it. */
type Rule = readonly [printed: string, holds: (look: Look) => boolean];

interface Look {
  readonly sim: Simulated;
  readonly vm: Vm;
  readonly vmi: Vmi | undefined;
}

/** The first that holds is what is printed. */
const RULES: readonly Rule[] = [
  ['Terminating', ({ vm }) => vm.metadata.deletionTimestamp !== undefined],
  ['Stopping', ({ vmi }) => isEnding(vmi)],
  ['Paused', ({ vmi }) => vmi?.status?.phase === 'Running' && holds(vmi, 'Paused')],
  ['Running', ({ vmi }) => vmi?.status?.phase === 'Running'],
  ['ErrorPvcNotFound', ({ vmi }) => reasonOf(vmi, 'Synchronized') === 'FailedPvcNotFound'],
  ['DataVolumeError', (look) => disksOf(look).some(hasFailed)],
  ['ErrorUnschedulable', ({ vmi }) => reasonOf(vmi, 'PodScheduled') === 'Unschedulable'],
  ['Provisioning', (look) => disksOf(look).some(isBeingFilled)],
  ['WaitingForVolumeBinding', (look) => isToRun(look) && hasUnboundClaim(look)],
  ['ErrImagePull', ({ vmi }) => reasonOf(vmi, 'Synchronized') === 'ErrImagePull'],
  ['ImagePullBackOff', ({ vmi }) => reasonOf(vmi, 'Synchronized') === 'ImagePullBackOff'],
  ['Starting', ({ vmi }) => vmi !== undefined && !isFinal(vmi)],
  ['CrashLoopBackOff', (look) => isHeldBack(look)],
  ['Stopped', () => true],
];

/** What `kubectl get vm` says of a VM. */
export function printableStatus(sim: Simulated, vm: Vm, vmi: Vmi | undefined): string {
  return RULES.find(([, rule]) => rule({ sim, vm, vmi }))?.[0] ?? 'Unknown';
}

function isEnding(vmi: Vmi | undefined): boolean {
  return vmi?.metadata.deletionTimestamp !== undefined && !isFinal(vmi);
}

function reasonOf(vmi: Vmi | undefined, type: string): string | undefined {
  const condition = conditionOf(vmi, type);
  return condition?.status === 'False' ? condition.reason : undefined;
}

function disksOf({ sim, vm }: Look): DataVolume[] {
  return dataVolumesOf(sim, vm.metadata.namespace ?? '', vm.spec.template.spec.volumes ?? []);
}

function hasFailed(disk: DataVolume): boolean {
  const running = conditionOf(disk, 'Running');
  const reasons = ['Error', 'ImagePullFailed'];
  const isStuck = running?.status === 'False' && reasons.includes(running.reason ?? '');
  return disk.status?.phase === 'Failed' || isStuck;
}

/** A volume that is not bound yet cannot be filled yet. */
function isBeingFilled(disk: DataVolume): boolean {
  return disk.status?.phase !== 'Succeeded' && !isWaiting(disk) && holds(disk, 'Bound');
}

function isWaiting(disk: DataVolume): boolean {
  return isStartable(disk) && disk.status?.phase !== 'Succeeded';
}

function isToRun({ vm, vmi }: Look): boolean {
  const [request] = vm.status?.stateChangeRequests ?? [];
  switch (runStrategyOf(vm)) {
    case 'Always':
      return true;
    case 'Manual':
      return vmi === undefined ? request?.action === 'Start' : request?.action !== 'Stop';
    case 'RerunOnFailure':
      return vmi?.status?.phase !== 'Succeeded';
    case 'Once':
      return vmi === undefined;
    default:
      return false;
  }
}

function hasUnboundClaim({ sim, vm }: Look): boolean {
  return (vm.spec.template.spec.volumes ?? []).some((volume) => {
    const name = claimNameOf(volume);
    if (name === undefined) return false;
    const claim = findClaim(sim, vm.metadata.namespace ?? '', name);
    return claim !== undefined && claim.status?.phase !== 'Bound';
  });
}

function isHeldBack({ vm, vmi }: Look): boolean {
  if (vmi !== undefined && !isFinal(vmi)) return false;
  return (vm.status?.startFailure?.consecutiveFailCount ?? 0) > 0;
}
