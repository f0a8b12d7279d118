import type { Simulated } from '../ports.ts';
import { claimNameOf, type Claim, type DataVolume, type Volume, type VmiSpec } from './shapes.ts';

/** What a machine must wait for before its disks are there. */
export type ClaimsState =
  | { readonly state: 'MISSING'; readonly claim: string }
  | { readonly state: 'NOT_FILLED' | 'UNBOUND' | 'READY' };

/** Phases in which a DataVolume lets a machine start: its volume waits for just that. */
const STARTABLE = ['Succeeded', 'WaitForFirstConsumer', 'PendingPopulation'];

/** Whether the volumes of a machine can be used; UNBOUND ones wait for a pod that uses them. */
export function claimsState(sim: Simulated, namespace: string, spec: VmiSpec): ClaimsState {
  const names = (spec.volumes ?? []).flatMap((volume) => claimNameOf(volume) ?? []);
  const volumes = dataVolumesOf(sim, namespace, spec.volumes ?? []);
  const claims = names.map((name) => ({ name, claim: findClaim(sim, namespace, name) }));
  if (!volumes.every(isStartable)) return { state: 'NOT_FILLED' };
  const missing = claims.find(({ claim }) => claim === undefined);
  if (missing !== undefined) return { state: 'MISSING', claim: missing.name };
  const isBound = claims.every(({ claim }) => claim?.status?.phase === 'Bound');
  const isFilled = volumes.every(({ status }) => status?.phase === 'Succeeded');
  return { state: isBound && isFilled ? 'READY' : 'UNBOUND' };
}

/** The DataVolumes that exist behind these volumes. */
export function dataVolumesOf(
  sim: Simulated,
  namespace: string,
  volumes: readonly Volume[],
): DataVolume[] {
  const names = volumes.flatMap((volume) => claimNameOf(volume) ?? []);
  const found = names.flatMap((name) => sim.objects.get('DataVolume', namespace, name) ?? []);
  return found as DataVolume[];
}

/** Whether a DataVolume is far enough for a machine to start on it. */
export function isStartable(dataVolume: DataVolume): boolean {
  return STARTABLE.includes(dataVolume.status?.phase ?? '');
}

/** A claim of a namespace. */
export function findClaim(sim: Simulated, namespace: string, name: string): Claim | undefined {
  return sim.objects.get('PersistentVolumeClaim', namespace, name) as Claim | undefined;
}

/** The UIDs of a machine's claims, the disk that it boots from first. */
export function diskUids(sim: Simulated, namespace: string, spec: VmiSpec): string[] {
  const disks = spec.domain.devices.disks ?? [];
  const orderOf = ({ name }: Volume) =>
    disks.find((disk) => disk.name === name)?.bootOrder ?? Number.MAX_SAFE_INTEGER;
  const inOrder = [...(spec.volumes ?? [])].sort((a, b) => orderOf(a) - orderOf(b));
  return inOrder.flatMap((volume) => {
    const name = claimNameOf(volume);
    const claim = name === undefined ? undefined : findClaim(sim, namespace, name);
    return claim === undefined ? [] : [claim.metadata.uid];
  });
}
