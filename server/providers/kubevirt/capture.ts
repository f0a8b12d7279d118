import type { CaptureMode } from '../../../schema/model/snapshot.ts';
import type { CapturedSnapshot, SetRef, SetSource, Step } from '../provider.ts';
import { assertCluster } from './anchor.ts';
import { captureBaseCluster } from './base-cluster.ts';
import { refused } from './errors.ts';
import type { Host } from './host.ts';
import { describeSet, namespaceOf, type SnapshotsByRole } from './snapshots.ts';
import { shotsOf } from './shots.ts';
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
  const taken = await takeSet(host, source, set, mode, step);
  step.progress('checking the set');
  return await describeSet(host, set, taken, step);
}

async function takeSet(
  host: Host,
  source: SetSource,
  set: SetRef,
  mode: CaptureMode,
  step: Step,
): Promise<SnapshotsByRole> {
  if (set.cluster === null) {
    if (source.kind === 'IMAGE') return await captureBaseCluster(host, set, step);
    return await captureTemplate(host, source.cluster, set, mode, step);
  }
  if (source.kind === 'IMAGE' || source.cluster.id !== set.cluster.id) {
    throw refused(`the own set of ${set.cluster.name} is taken of nothing but its VMs`);
  }
  const ref = source.cluster;
  return await takeSnapshots({
    host,
    ref,
    mode,
    step,
    shots: shotsOf(set, ref, namespaceOf(set), step),
    runs: true,
    inUse: false,
    assertOurs: (by) => assertCluster(host, ref, by),
  });
}
