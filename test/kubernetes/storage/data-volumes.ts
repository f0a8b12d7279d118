import { LATENCY, latency } from '../latency.ts';
import type { Controller, KubeObject } from '../ports.ts';
import { BIND_NOW } from './claims.ts';
import { claimNameOf, usersOf, waitsForConsumer } from './classes.ts';
import { withCondition } from './conditions.ts';
import { copiedSource } from './data-volume-admission.ts';
import { createTargetClaim, extentOf } from './data-volume-claim.ts';
import { clonePhase, OWNED_BY } from './data-volume-clone.ts';
import { importPhase } from './data-volume-import.ts';
import type { Phase } from './data-volume-phase.ts';
import {
  controllerOf,
  keyOf,
  namesOf,
  ownedBy,
  withMeta,
  withStatus,
  type Depot,
} from './depot.ts';
import { POPULATED_FOR, PRE_POPULATED } from './restore-names.ts';
import type { Claim, DataVolume, Instance, Pod } from './shapes.ts';

/** Fills DataVolumes: copies claims and snapshots across namespaces, imports images. */
export function dataVolumeController(depot: Depot): Controller {
  return {
    name: 'data volumes',
    concerns: ({ object }) => volumesConcerned(depot, object),
    reconcile(key) {
      const { namespace, name } = namesOf(key);
      const volume = depot.find('DataVolume', namespace, name);
      if (volume !== undefined) return look(depot, volume);
      return sweep(depot, key);
    },
  };
}

function volumesConcerned(depot: Depot, object: KubeObject): readonly string[] {
  const { namespace = '', name, annotations } = object.metadata;
  if (object.kind === 'DataVolume') return [keyOf(object)];
  const owner = annotations?.[OWNED_BY];
  if (owner !== undefined) return [owner];
  if (object.kind === 'PersistentVolumeClaim')
    return [`${namespace}/${name}`, ...copies(depot, object)];
  if (object.kind === 'VolumeSnapshot') return copies(depot, object);
  if (object.kind === 'Pod') {
    const volumes = (object as Pod).spec?.volumes ?? [];
    const claims = volumes.flatMap((each) => each.persistentVolumeClaim?.claimName ?? []);
    return [...claims.map((claim) => `${namespace}/${claim}`), ...unfilled(depot)];
  }
  if (object.kind !== 'VirtualMachineInstance') return [];
  const claims = ((object as Instance).spec.volumes ?? []).flatMap(
    (each) => claimNameOf(each) ?? [],
  );
  return [...claims.map((claim) => `${namespace}/${claim}`), ...unfilled(depot)];
}

/** The DataVolumes that copy a claim or snapshot. */
function copies(depot: Depot, { metadata }: KubeObject): string[] {
  return depot
    .all('DataVolume')
    .filter(({ status }) => status?.phase !== 'Succeeded')
    .filter((volume) => {
      const from = copiedSource(depot, volume)?.from;
      return from?.name === metadata.name && from.namespace === metadata.namespace;
    })
    .map(keyOf);
}

/** A source that is in use no longer lets those go on that wait for it. */
function unfilled(depot: Depot): string[] {
  return depot
    .all('DataVolume')
    .filter(({ status }) => status?.phase === 'CloneScheduled')
    .map(keyOf);
}

function look(depot: Depot, volume: DataVolume): number | undefined {
  const { namespace, name, annotations } = volume.metadata;
  if (volume.metadata.deletionTimestamp !== undefined) return undefined;
  const claim = depot.find('PersistentVolumeClaim', namespace, name);
  const isMeantForIt = claim?.metadata.annotations?.[POPULATED_FOR] === name;
  if (annotations?.[PRE_POPULATED] !== undefined || isMeantForIt) {
    return write(depot, volume, adopted(depot, volume, claim), claim);
  }
  const { phase: before } = volume.status ?? {};
  if (before === 'Succeeded' || before === 'Failed') return undefined;
  depot.since(volume, 'fill');
  const source = copiedSource(depot, volume);
  const hasSource = source === undefined || extentOf(depot, source.kind, source.from) !== undefined;
  if (claim === undefined && !hasSource) {
    const { from, kind } = source;
    const trouble = `The source ${kind} ${from.name} in namespace ${from.namespace} doesn't exist`;
    depot.sim.objects.event(volume, 'Warning', 'CloneWithoutSource', trouble);
    return write(depot, volume, { phase: 'Pending', trouble }, claim);
  }
  const target = claim ?? createTargetClaim(depot, volume);
  return write(depot, volume, phaseOf(depot, volume, target), target);
}

function phaseOf(depot: Depot, volume: DataVolume, claim: Claim): Phase {
  const { namespace = '', name, annotations } = volume.metadata;
  if (claim.status?.phase === 'Bound') return { phase: 'Succeeded', progress: '100.0%' };
  const waits = waitsForConsumer(depot, claim.spec.storageClassName);
  const isForced = annotations?.[BIND_NOW] !== undefined;
  if (waits && !isForced && usersOf(depot, namespace, name).length === 0) {
    return { phase: 'PendingPopulation' };
  }
  const source = copiedSource(depot, volume);
  return source === undefined
    ? importPhase(depot, volume, claim)
    : clonePhase(depot, volume, claim, source);
}

/** A claim that was filled by a restore is taken over as it is. */
function adopted(depot: Depot, volume: DataVolume, claim: Claim | undefined): Phase {
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) {
    return { phase: 'Pending' };
  }
  if (controllerOf(claim) === undefined) {
    depot.change(claim, (now) => withMeta(now, { ownerReferences: [ownedBy(volume)] }));
  }
  if (claim.status?.phase === 'Bound') return { phase: 'Succeeded', progress: '100.0%' };
  const waits = waitsForConsumer(depot, claim.spec.storageClassName);
  return { phase: waits ? 'WaitForFirstConsumer' : 'Pending' };
}

function write(
  depot: Depot,
  volume: DataVolume,
  { phase, progress = 'N/A', again, trouble, restartCount }: Phase,
  claim: Claim | undefined,
): number | undefined {
  const { namespace, name } = volume.metadata;
  const current = depot.find('PersistentVolumeClaim', namespace, name) ?? claim;
  const isBound = current?.status?.phase === 'Bound';
  const isDone = phase === 'Succeeded' && isBound;
  const isRunning = phase.endsWith('InProgress') && trouble === undefined;
  const set = (type: string, holds: boolean, reason: string, message?: string) =>
    ({ type, status: holds ? 'True' : 'False', reason, message: message ?? '' }) as const;
  const wanted = [
    set(
      'Bound',
      isBound,
      isBound ? 'Bound' : 'Pending',
      `PVC ${name} ${isBound ? 'Bound' : 'Pending'}`,
    ),
    set('Running', isRunning, runningReason(isDone, isRunning, trouble), trouble),
    set('Ready', isDone, isDone ? '' : 'TransferRunning'),
  ];
  depot.change(volume, (now) => {
    let conditions = now.status?.conditions;
    for (const each of wanted) conditions = withCondition(conditions, each, depot.now());
    return withStatus(now, { phase, progress, claimName: name, conditions, restartCount });
  });
  if (isDone && volume.status?.phase !== 'Succeeded') {
    depot.sim.tell('data volume filled', keyOf(volume));
    const ms = depot.since(volume, 'fill');
    depot.sim.tell(LATENCY, keyOf(volume), latency(depot.sim.world, 'FILL', ms));
    sweep(depot, keyOf(volume));
  }
  return again;
}

function runningReason(isDone: boolean, isRunning: boolean, trouble: string | undefined): string {
  if (isDone) return 'Completed';
  if (trouble !== undefined) return 'Error';
  return isRunning ? 'Pod is running' : 'Pending';
}

/** What a copy needed on its way goes when the DataVolume is filled or gone. */
function sweep(depot: Depot, key: string): undefined {
  const all = [...depot.all('PersistentVolumeClaim'), ...depot.all('VolumeSnapshot')];
  for (const each of all) {
    if (each.metadata.annotations?.[OWNED_BY] === key) depot.sim.objects.remove(each);
  }
}
