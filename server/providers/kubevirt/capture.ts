import type { CaptureMode } from '../../../schema/model/snapshot.ts';
import type { CapturedSnapshot, ClusterRef, SetRef, SetSource, Step } from '../provider.ts';
import { captureBaseCluster } from './base-cluster.ts';
import { refused } from './errors.ts';
import type { Host } from './host.ts';
import { describeSet, namespaceOf } from './snapshots.ts';
import { shotsOf } from './shots.ts';
import { assertCluster } from './still-ours.ts';
import { takeSnapshots } from './take.ts';
import { captureTemplate } from './template-sets.ts';

/**
 * Captures a set. A cluster's own set lies beside its VMs, in its namespace, because only there
 * KubeVirt restores it; the set of a pool lies in `vm-templates`, as VMs that never run.
 */
export async function ensureSet(
  host: Host,
  source: SetSource,
  set: SetRef,
  mode: CaptureMode,
  step: Step,
): Promise<CapturedSnapshot[]> {
  if (set.cluster === null) {
    if (source.kind === 'IMAGE') return await captureBaseCluster(host, set, step);
    return await captureTemplate(host, source.cluster, set, mode, step);
  }
  if (source.kind === 'IMAGE' || source.cluster.id !== set.cluster.id) {
    throw refused(`the own set of ${set.cluster.name} is taken of nothing but its VMs`);
  }
  return await captureOwn(host, source.cluster, set, mode, step);
}

async function captureOwn(
  host: Host,
  ref: ClusterRef,
  set: SetRef,
  mode: CaptureMode,
  step: Step,
): Promise<CapturedSnapshot[]> {
  const taken = await takeSnapshots({
    host,
    ref,
    mode,
    step,
    shots: shotsOf(set, ref, namespaceOf(set), step),
    runs: true,
    inUse: false,
    assertOurs: (by) => assertCluster(host, ref, by),
  });
  step.progress('checking the set');
  return await describeSet(host, set, taken, step);
}
