import { virtualWorld, type VirtualWorld } from '../../kit/virtual-world.ts';
import { runControllers } from '../api/controllers.ts';
import { CORE_KINDS } from '../api/core-kinds.ts';
import { garbageCollector } from '../api/garbage.ts';
import { KeptObjects } from '../api/kept-objects.ts';
import { Kinds } from '../api/kinds.ts';
import { KnownMishaps } from '../api/mishaps.ts';
import { Store } from '../api/store.ts';
import { create, patch } from '../api/writes.ts';
import { makeDisks } from '../guest/disks.ts';
import type { Guests, Kind, KubeObject, NewObject, Simulated } from '../ports.ts';
import type { StorageOptions } from './depot.ts';
import { storagePart } from './part.ts';
import type { Shapes } from './shapes.ts';

/** A cluster with nothing but storage: machines stand in it as plain objects that a test sets. */
export interface Stage {
  readonly world: VirtualWorld;
  readonly sim: Simulated;
  readonly mishaps: KnownMishaps;
  /** Creates as a client does, admission and strict fields included. */
  send(kind: keyof Shapes, object: NewObject, strict?: boolean): KubeObject;
  /** Merges into an object as a client does. */
  merge(kind: keyof Shapes, name: string, body: object): KubeObject;
  get<K extends keyof Shapes>(kind: K, name: string, namespace?: string): Shapes[K] | undefined;
  /** The object, which must be there. */
  the<K extends keyof Shapes>(kind: K, name: string, namespace?: string): Shapes[K];
  all<K extends keyof Shapes>(kind: K, namespace?: string): Shapes[K][];
  /** Deletes as a client does. */
  drop(kind: keyof Shapes, name: string, namespace?: string): void;
  /** Lets time pass until something holds. */
  until(holds: () => boolean, withinMs?: number): Promise<void>;
  /** Reasons of the events about an object. */
  eventsOf(name: string): string[];
}

/** Where the tests' objects are. */
export const HOME = 'home';

/** Opens a stage of a release of KubeVirt. */
export function openStage(minor = 9, options: StorageOptions = {}): Stage {
  const world = virtualWorld({ seed: 7 });
  const store = new Store();
  const kinds = new Kinds(CORE_KINDS);
  const objects = new KeptObjects(store, kinds, world);
  const mishaps = new KnownMishaps(store, kinds);
  const sim: Simulated = {
    world,
    objects,
    mishaps,
    kubevirt: { major: 1, minor },
    disks: makeDisks(),
    guests: {} as Guests,
    draw: (_key, [least, most]) => Math.round((least + most) / 2),
    tell: () => undefined,
  };
  const part = storagePart(sim, options);
  kinds.add([...part.kinds, standIn('VirtualMachine'), standIn('VirtualMachineInstance')]);
  const controllers = [garbageCollector(store, objects), ...part.controllers];
  runControllers(world, store, controllers, () => undefined);
  objects.create('Namespace', { metadata: { name: HOME } });
  part.begin?.();
  return { world, sim, mishaps, ...clientOf(kinds, objects), ...waysOf(world, objects) };
}

function clientOf(kinds: Kinds, objects: KeptObjects): Pick<Stage, 'send' | 'merge' | 'drop'> {
  const targetOf = (name: string, namespace: string | undefined, object?: string) => {
    const kind = kinds.named(name);
    const version = kind.versions[0] ?? 'v1';
    return { kind, version, namespace, name: object, subresource: undefined };
  };
  const common = { user: 'tester', query: new URLSearchParams() };
  return {
    send(name, object, strict = true) {
      const { namespaced, group, versions } = kinds.named(name);
      const namespace = namespaced ? (object.metadata.namespace ?? HOME) : undefined;
      const query = new URLSearchParams(strict ? { fieldValidation: 'Strict' } : {});
      const apiVersion = group === '' ? versions[0] : `${group}/${versions[0]}`;
      const body = { apiVersion, kind: name, ...object };
      const target = targetOf(name, namespace);
      return create(objects, { ...common, target, query, body, contentType: JSON_TYPE }).object;
    },
    merge(name, object, body) {
      const target = targetOf(name, HOME, object);
      return patch(objects, { ...common, target, body, contentType: MERGE_TYPE }).object;
    },
    drop(kind, name, namespace = HOME) {
      const found = objects.get(kind, namespace, name);
      if (found !== undefined) objects.remove(found);
    },
  };
}

function waysOf(
  world: VirtualWorld,
  objects: KeptObjects,
): Pick<Stage, 'get' | 'the' | 'all' | 'until' | 'eventsOf'> {
  const get = <K extends keyof Shapes>(kind: K, name: string, namespace: string = HOME) =>
    objects.get(kind, namespace, name) as Shapes[K] | undefined;
  return {
    get,
    the: <K extends keyof Shapes>(kind: K, name: string, namespace: string = HOME) => {
      const found = get(kind, name, namespace);
      if (found === undefined) throw new Error(`there is no ${kind} ${namespace}/${name}`);
      return found;
    },
    all: <K extends keyof Shapes>(kind: K, namespace: string = HOME) =>
      objects.list(kind, { namespace }) as Shapes[K][],
    until: (holds, withinMs = 600_000) => world.runUntil(holds, { withinMs }),
    eventsOf: (name) =>
      objects
        .list('Event')
        .filter((event) => (event['involvedObject'] as { name: string }).name === name)
        .map((event) => String(event['reason'])),
  };
}

const JSON_TYPE = 'application/json';
const MERGE_TYPE = 'application/merge-patch+json';

function standIn(kind: string): Kind {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  return {
    group: 'kubevirt.io',
    versions: ['v1'],
    kind,
    plural,
    singular,
    shortNames: [],
    namespaced: true,
    hasStatus: true,
    schema: { type: 'object', fields: { spec: { type: 'any' } } },
  };
}

/** A claim that is bound and holds a file; answers when it is. */
export async function boundClaim(stage: Stage, name: string, file = 'golden'): Promise<void> {
  stage.send('PersistentVolumeClaim', { metadata: { name }, spec: claimSpec() });
  await stage.until(() => stage.the('PersistentVolumeClaim', name).status?.phase === 'Bound');
  filesOf(stage, name).set('/state', file);
}

/** The files on a claim. */
export function filesOf(stage: Stage, name: string, namespace?: string): Map<string, string> {
  return stage.sim.disks.files(stage.the('PersistentVolumeClaim', name, namespace).metadata.uid);
}

/** A claim of some size, in a class. */
export function claimSpec(storage = '10Gi', storageClassName?: string) {
  return {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage } },
    ...(storageClassName === undefined ? {} : { storageClassName }),
  };
}

/** A machine on claims, with a cloud-init disk beside them. */
export function putMachine(stage: Stage, name: string, claims: Record<string, string>): void {
  const volumes = Object.entries(claims).map(([volume, claimName]) => ({
    name: volume,
    persistentVolumeClaim: { claimName },
  }));
  stage.sim.objects.create('VirtualMachine', {
    metadata: { name, namespace: HOME, labels: { role: 'cp' } },
    spec: {
      runStrategy: 'RerunOnFailure',
      template: {
        spec: {
          domain: { devices: { interfaces: [{ name: 'default', masquerade: {} }] } },
          volumes: [...volumes, { name: 'cloudinit', cloudInitNoCloud: { secretRef: { name } } }],
        },
      },
    },
    status: { printableStatus: 'Stopped' },
  });
}

/** Has a machine run, with or without a guest agent; answers how to switch it off. */
export function putInstance(stage: Stage, name: string, hasAgent = false): () => void {
  const { volumes } = stage.the('VirtualMachine', name).spec.template.spec;
  const conditions = hasAgent ? [{ type: 'AgentConnected', status: 'True' }] : [];
  const instance = stage.sim.objects.create('VirtualMachineInstance', {
    metadata: { name, namespace: HOME },
    spec: { volumes },
    status: { phase: 'Running', conditions },
  });
  return () => stage.sim.objects.remove(instance);
}

/** Asks for a snapshot of a machine. */
export function askSnapshot(stage: Stage, name: string, machine: string, more: object = {}): void {
  const source = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: machine };
  stage.send('VirtualMachineSnapshot', { metadata: { name }, spec: { source, ...more } });
}

/** Takes a snapshot of a machine; answers when it can be used. */
export async function takeSnapshot(stage: Stage, name: string, machine: string): Promise<void> {
  askSnapshot(stage, name, machine);
  await stage.until(() => stage.the('VirtualMachineSnapshot', name).status?.readyToUse === true);
}

/** Asks for a restore of a machine from a snapshot. */
export function askRestore(
  stage: Stage,
  name: string,
  of: { readonly machine: string; readonly snapshot: string },
  more: object = {},
): void {
  const target = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: of.machine };
  const spec = { target, virtualMachineSnapshotName: of.snapshot, ...more };
  stage.send('VirtualMachineRestore', { metadata: { name }, spec });
}

/** Restores a machine; answers when that is done. */
export async function restored(
  stage: Stage,
  name: string,
  of: { readonly machine: string; readonly snapshot: string },
  more: object = {},
): Promise<void> {
  askRestore(stage, name, of, more);
  await stage.until(() => stage.the('VirtualMachineRestore', name).status?.complete === true);
}

/** The reason of a condition. */
export function reasonOf(
  of: { readonly status?: { readonly conditions?: readonly { type: string; reason?: string }[] } },
  type: string,
): string | undefined {
  return of.status?.conditions?.find((each) => each.type === type)?.reason;
}
