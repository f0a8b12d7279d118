import { newClaim } from './claim-admission.ts';
import { BIND_NOW, markBound } from './claims.ts';
import { snapshotClassFor, snapshotClassesOf, usersOf, waitsForConsumer } from './classes.ts';
import { extentOf } from './data-volume-claim.ts';
import { percent, type Phase } from './data-volume-phase.ts';
import { annotated, defined, keyOf, type Depot } from './depot.ts';
import { bytesOf } from './quantity.ts';
import type { Claim, ClaimSpec, DataVolume, SourceName } from './shapes.ts';

/** Names the DataVolume that something beside its source was made for. */
export const OWNED_BY = 'cdi.kubevirt.io/ownedBy';

const CLONE_TYPE = 'cdi.kubevirt.io/cloneType';
const FALLBACK = 'cdi.kubevirt.io/cloneFallbackReason';

interface Source {
  readonly kind: 'pvc' | 'snapshot';
  readonly from: SourceName;
}

interface Cloning extends Source {
  readonly volume: DataVolume;
  readonly claim: Claim;
  readonly size: string;
  readonly sourceClaim: ClaimSpec | undefined;
}

/** Copies a claim or a snapshot, by the storage where it can, over the network where it cannot. */
export function clonePhase(depot: Depot, volume: DataVolume, claim: Claim, source: Source): Phase {
  const extent = extentOf(depot, source.kind, source.from);
  const { namespace, name } = source.from;
  if (extent === undefined) {
    const what = source.kind === 'pvc' ? 'pvc' : 'snapshot';
    const trouble = `The source ${what} ${name} in namespace ${namespace} doesn't exist`;
    return tell(depot, volume, 'Pending', 'CloneWithoutSource', trouble);
  }
  const cloning = { ...source, volume, claim, size: extent.size, sourceClaim: extent.claim };
  if (isTooSmall(cloning)) {
    const trouble = 'target resources requests storage size is smaller than the source';
    return tell(depot, volume, 'Pending', 'CloneValidationFailed', trouble);
  }
  const scheduling = depot.left(volume, 'schedule clone', [500, 2000]);
  if (scheduling > 0) return { phase: 'CloneScheduled', again: scheduling };
  const users = source.kind === 'pvc' ? usersOf(depot, namespace, name) : [];
  const hasBegun = temporaryOf(depot, cloning) !== undefined;
  if (users.length > 0 && !hasBegun) {
    const trouble = `pod ${namespace}/${users[0]} using PersistentVolumeClaim ${name}`;
    return tell(depot, volume, 'CloneScheduled', 'CloneSourceInUse', trouble);
  }
  return copy(depot, cloning, strategyOf(depot, cloning));
}

function copy(depot: Depot, cloning: Cloning, strategy: Strategy): Phase {
  const { volume, claim } = cloning;
  const { type } = strategy;
  note(depot, cloning, strategy);
  if (depot.struck('clone-hangs', volume)) return hang(depot, cloning, type);
  if (cloning.kind === 'pvc' && type === 'snapshot') {
    const snapshot = temporarySnapshot(depot, cloning);
    if (!snapshot) return { phase: 'SnapshotForSmartCloneInProgress' };
  }
  const between =
    cloning.kind === 'pvc' && type === 'copy' ? undefined : temporary(depot, cloning, type);
  if (between !== undefined && between.status?.phase !== 'Bound') {
    return {
      phase: type === 'csi-clone' ? 'CSICloneInProgress' : 'CloneFromSnapshotSourceInProgress',
    };
  }
  if (type === 'copy') {
    const left = depot.left(volume, 'host copy', [120_000, 480_000]);
    const spent = depot.since(volume, 'host copy');
    const progress = percent(spent / (spent + left));
    if (left > 0) return { phase: 'CloneInProgress', progress, again: Math.min(left, 5000) };
  }
  const finishing = finish(depot, cloning);
  if (finishing !== undefined) return finishing;
  const origin = between?.metadata.uid ?? sourceUid(depot, cloning);
  if (origin === undefined || !depot.sim.disks.exists(origin)) {
    return tell(depot, volume, 'Pending', 'CloneWithoutSource', 'The source is gone');
  }
  depot.sim.disks.write(claim.metadata.uid, { kind: 'COPY', of: origin });
  markBound(depot, claim);
  return { phase: 'Succeeded', progress: '100.0%' };
}

/** A claim is prepared by a pod where it must grow or its class waits; then it is moved over. */
function finish(depot: Depot, { volume, claim, size }: Cloning): Phase | undefined {
  const grows = (bytesOf(claim.spec.resources?.requests?.storage) ?? 0) > (bytesOf(size) ?? 0);
  if (grows || waitsForConsumer(depot, claim.spec.storageClassName)) {
    const left = depot.left(volume, 'prepare', [2000, 6000]);
    if (left > 0) return { phase: 'PrepClaimInProgress', again: left };
  }
  const left = depot.left(volume, 'rebind', [500, 2000]);
  return left > 0 ? { phase: 'RebindInProgress', again: left } : undefined;
}

interface Strategy {
  readonly type: 'snapshot' | 'csi-clone' | 'copy';
  readonly reason?: string;
  readonly why?: string;
}

/** How the driver can copy, and why not better. */
function strategyOf(depot: Depot, cloning: Cloning): Strategy {
  const { volume, claim, kind, sourceClaim } = cloning;
  const fall = (reason: string, why: string): Strategy => ({ type: 'copy', reason, why });
  if (depot.struck('host-copy', volume)) {
    return fall('NoVolumeSnapshotClass', 'the storage cannot clone now');
  }
  const target = depot.find('StorageClass', undefined, claim.spec.storageClassName);
  const provisioner = provisionerOf(depot, cloning);
  if (target?.provisioner !== provisioner) {
    return fall('IncompatibleProvisioners', 'the provisioners of source and target differ');
  }
  const mode = sourceClaim?.volumeMode ?? claim.spec.volumeMode;
  if (mode !== claim.spec.volumeMode) {
    return fall('IncompatibleVolumeModes', 'the volume modes of source and target differ');
  }
  const grows =
    (bytesOf(claim.spec.resources?.requests?.storage) ?? 0) > (bytesOf(cloning.size) ?? 0);
  if (grows && target?.allowVolumeExpansion !== true) {
    return fall('NoVolumeExpansion', 'the target is larger and its class cannot expand volumes');
  }
  if (kind === 'snapshot') return { type: 'snapshot' };
  const profile = depot.find('StorageProfile', undefined, claim.spec.storageClassName);
  const wanted = profile?.spec?.cloneStrategy ?? profile?.status?.cloneStrategy;
  if (wanted === 'copy') return { type: 'copy' };
  if (wanted === 'csi-clone') return { type: 'csi-clone' };
  const found = snapshotClassFor(depot, sourceClaim?.storageClassName);
  if ('name' in found && found.name !== undefined) return { type: 'snapshot' };
  return fall('NoVolumeSnapshotClass', 'there is no VolumeSnapshotClass for the source');
}

function provisionerOf(depot: Depot, { kind, from, sourceClaim }: Cloning): string | undefined {
  if (kind === 'pvc') {
    return depot.find('StorageClass', undefined, sourceClaim?.storageClassName)?.provisioner;
  }
  const snapshot = depot.find('VolumeSnapshot', from.namespace, from.name);
  const { volumeSnapshotClassName } = snapshot?.spec ?? {};
  return depot.find('VolumeSnapshotClass', undefined, volumeSnapshotClassName)?.driver;
}

function note(depot: Depot, { volume, claim }: Cloning, { type, reason, why }: Strategy): void {
  const before = claim.metadata.annotations?.[CLONE_TYPE];
  const fallback = reason === undefined ? {} : { [FALLBACK]: reason };
  depot.change(claim, (now) => annotated(now, { [CLONE_TYPE]: type, ...fallback }));
  if (before === undefined && reason !== undefined) {
    depot.sim.objects.event(claim, 'Warning', reason, `fallback to host-assisted clone: ${why}`);
    depot.sim.tell('clone falls back to host copy', keyOf(volume), { reason });
  }
}

function temporaryOf(depot: Depot, { claim, from }: Cloning): Claim | undefined {
  return depot.find('PersistentVolumeClaim', from.namespace, `tmp-pvc-${claim.metadata.uid}`);
}

/** The claim beside the source that the storage copies into; it counts in that quota. */
function temporary(depot: Depot, cloning: Cloning, type: Strategy['type']): Claim {
  const there = temporaryOf(depot, cloning);
  if (there !== undefined) return there;
  const { volume, claim, from, size } = cloning;
  const { uid } = claim.metadata;
  const source =
    type === 'csi-clone'
      ? { kind: 'PersistentVolumeClaim', name: from.name }
      : {
          apiGroup: 'snapshot.storage.k8s.io',
          kind: 'VolumeSnapshot',
          name: cloning.kind === 'pvc' ? `tmp-snapshot-${uid}` : from.name,
        };
  const { accessModes, volumeMode } = claim.spec;
  const draft = newClaim(depot, {
    metadata: {
      name: `tmp-pvc-${uid}`,
      namespace: from.namespace,
      annotations: { [OWNED_BY]: keyOf(volume), [BIND_NOW]: '' },
    },
    spec: defined({
      accessModes,
      volumeMode,
      storageClassName: classOfCopy(depot, cloning),
      resources: { requests: { storage: size } },
      dataSource: source,
      dataSourceRef: source,
    }) as ClaimSpec,
  });
  return depot.add('PersistentVolumeClaim', draft) as Claim;
}

/** The copy beside the source lies where the source's own driver can make it. */
function classOfCopy(depot: Depot, cloning: Cloning): string | undefined {
  const { storageClassName } = cloning.claim.spec;
  const driver = provisionerOf(depot, cloning);
  const target = depot.find('StorageClass', undefined, storageClassName);
  if (target?.provisioner === driver) return storageClassName;
  const fitting = depot.all('StorageClass').find(({ provisioner }) => provisioner === driver);
  return fitting?.metadata.name ?? storageClassName;
}

/** Whether the snapshot of a claim that is copied by one is there and can be used. */
function temporarySnapshot(depot: Depot, cloning: Cloning): boolean {
  const { volume, claim, from, sourceClaim } = cloning;
  const name = `tmp-snapshot-${claim.metadata.uid}`;
  const there = depot.find('VolumeSnapshot', from.namespace, name);
  if (there !== undefined) return there.status?.readyToUse === true;
  // Once the copy has begun its snapshot may go.
  if (temporaryOf(depot, cloning) !== undefined) return true;
  const found = snapshotClassFor(depot, sourceClaim?.storageClassName);
  const driver = provisionerOf(depot, cloning) ?? '';
  const chosen = 'name' in found ? found.name : snapshotClassesOf(depot, driver)[0]?.metadata.name;
  depot.add('VolumeSnapshot', {
    metadata: { name, namespace: from.namespace, annotations: { [OWNED_BY]: keyOf(volume) } },
    spec: defined({
      source: { persistentVolumeClaimName: from.name },
      volumeSnapshotClassName: chosen,
    }),
  });
  return false;
}

/** A driver that refuses is no reason to copy by the host: the DataVolume waits for ever. */
function hang(depot: Depot, { volume, kind }: Cloning, type: Strategy['type']): Phase {
  const trouble = 'rpc error: code = FailedPrecondition desc = the driver refuses the clone';
  const phases = { snapshot: 'SnapshotForSmartCloneInProgress', 'csi-clone': 'CSICloneInProgress' };
  const ofClaim = type === 'copy' ? 'CloneInProgress' : phases[type];
  const phase = kind === 'snapshot' ? 'CloneFromSnapshotSourceInProgress' : ofClaim;
  return tell(depot, volume, phase, 'ProvisioningFailed', trouble);
}

function tell(
  depot: Depot,
  volume: DataVolume,
  phase: string,
  reason: string,
  trouble: string,
): Phase {
  depot.sim.objects.event(volume, 'Warning', reason, trouble);
  return { phase, trouble };
}

function isTooSmall({ claim, size }: Cloning): boolean {
  return (bytesOf(claim.spec.resources?.requests?.storage) ?? 0) < (bytesOf(size) ?? 0);
}

function sourceUid(depot: Depot, { kind, from }: Cloning): string | undefined {
  const found =
    kind === 'pvc'
      ? depot.find('PersistentVolumeClaim', from.namespace, from.name)
      : depot.find('VolumeSnapshot', from.namespace, from.name);
  return found?.metadata.uid;
}
