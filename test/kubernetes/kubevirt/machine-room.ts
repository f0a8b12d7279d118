import { PassThrough, type Duplex } from 'node:stream';
import { afterEach } from 'vitest';
import { virtualWorld, type VirtualWorld } from '../../kit/virtual-world.ts';
import { runControllers } from '../api/controllers.ts';
import { CORE_KINDS } from '../api/core-kinds.ts';
import { garbageCollector } from '../api/garbage.ts';
import { KeptObjects } from '../api/kept-objects.ts';
import { Kinds } from '../api/kinds.ts';
import { KnownMishaps } from '../api/mishaps.ts';
import { Store } from '../api/store.ts';
import { makeDisks } from '../guest/disks.ts';
import {
  ApiError,
  type GuestMachine,
  type Guests,
  type Kind,
  type KubeObject,
  type NewObject,
  type RouteAnswer,
  type Simulated,
} from '../ports.ts';
import { kubevirtPart, type KubevirtOptions } from './part.ts';
import { keyOf, type Vm, type Vmi } from './shapes.ts';

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** KubeVirt alone, on the real store and controllers, with guests that do as they are told. */
export interface MachineRoom {
  readonly sim: Simulated;
  readonly world: VirtualWorld;
  readonly mishaps: KnownMishaps;
  readonly guests: ToldGuests;
  /** Writes as a client does: the webhooks are asked. */
  write(kind: string, object: NewObject): KubeObject;
  change(object: KubeObject, change: (now: KubeObject) => object): KubeObject | undefined;
  /** Calls a subresource; a refusal is answered too. */
  call(method: 'GET' | 'PUT', path: string, body?: unknown): Answer;
  vm(): Vm;
  vmi(): Vmi | undefined;
  /** Lets time pass until the VM prints this. */
  until(printed: string, withinMs?: number): Promise<void>;
}

/** What a call was answered with, or refused with. */
export type Answer =
  | RouteAnswer
  | { readonly status: number; readonly refused: string; readonly reason: string };

/** How a room is furnished. */
export interface RoomOptions extends KubevirtOptions {
  readonly minor?: number;
  readonly seed?: number;
  /** Where between the least and the most a duration lies. */
  readonly chance?: (key: string) => number;
}

/** Opens a room with a namespace `one`, a claim `disk` in it, and classes that can snapshot. */
export async function machineRoom(options: RoomOptions = {}): Promise<MachineRoom> {
  const world = virtualWorld({ seed: options.seed ?? 1 });
  const store = new Store();
  const kinds = new Kinds(CORE_KINDS);
  const objects = new KeptObjects(store, kinds, world);
  const mishaps = new KnownMishaps(store, kinds);
  const guests = new ToldGuests();
  const sim: Simulated = {
    world,
    objects,
    mishaps,
    guests,
    disks: makeDisks(),
    kubevirt: { major: 1, minor: options.minor ?? 9 },
    // Half of what there is, so that a test can say when something is.
    draw: (key, [least, most]) => least + (most - least) * (options.chance?.(key) ?? 0.5),
    tell: () => undefined,
  };
  const part = kubevirtPart(sim, options);
  kinds.add([...part.kinds, ...STORAGE_KINDS]);
  const controllers = [...part.controllers, garbageCollector(store, objects)];
  const running = runControllers(world, store, controllers, () => undefined);
  closers.push(() => running.stop());
  furnish(sim);
  part.begin?.();
  await world.settle();
  const get = (kind: string) => objects.get(kind, 'one', 'cp');
  return {
    sim,
    world,
    mishaps,
    guests,
    write: (kind, object) => admitted(kinds.named(kind), objects, object),
    change: (object, change) => changed(kinds.named(object.kind), objects, object, change),
    call: (method, path, body) => answer(part.routes, method, path, body),
    vm: () => get('VirtualMachine') as Vm,
    vmi: () => get('VirtualMachineInstance') as Vmi | undefined,
    until: (printed, withinMs = 120_000) =>
      world.runUntil(() => (get('VirtualMachine') as Vm).status?.printableStatus === printed, {
        withinMs,
      }),
  };
}

function admitted(kind: Kind, objects: KeptObjects, object: NewObject): KubeObject {
  const metadata = { namespace: 'one', ...object.metadata };
  const shaped = objects.shape(kind.kind, { ...object, metadata });
  const done = kind.admit?.({
    operation: 'CREATE',
    object: shaped,
    before: undefined,
    user: 'somebody',
  });
  return objects.put(done ?? shaped);
}

function changed(
  kind: Kind,
  objects: KeptObjects,
  object: KubeObject,
  change: (now: KubeObject) => object,
): KubeObject | undefined {
  const { namespace, name } = object.metadata;
  const before = objects.get(kind.kind, namespace, name) ?? object;
  const wanted = { ...before, ...change(before) };
  const write = { operation: 'UPDATE', object: wanted, before, user: 'somebody' } as const;
  const done = kind.admit?.(write) ?? wanted;
  return objects.update(before, () => done);
}

function answer(
  routes: ReturnType<typeof kubevirtPart>['routes'],
  method: string,
  path: string,
  body: unknown,
): Answer {
  const url = new URL(path, 'http://simulator/');
  for (const route of routes) {
    const pattern = `^/${route.path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`;
    const found = new RegExp(pattern).exec(url.pathname);
    if (found === null || route.method !== method) continue;
    try {
      const params = found.groups ?? {};
      return route.answer({ params, query: url.searchParams, body, user: 'somebody' });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: error.code, refused: error.message, reason: error.reason };
    }
  }
  throw new Error(`no route answers ${method} ${path}`);
}

/** What the storage part serves, as far as machines look at it. */
const STORAGE_KINDS: readonly Kind[] = [
  ['cdi.kubevirt.io', 'DataVolume', true] as const,
  ['', 'PersistentVolumeClaim', true] as const,
  ['storage.k8s.io', 'StorageClass', false] as const,
  ['snapshot.storage.k8s.io', 'VolumeSnapshotClass', false] as const,
].map(([group, kind, namespaced]) => ({
  group,
  kind,
  namespaced,
  versions: ['v1'],
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  shortNames: [],
  hasStatus: true,
  schema: { type: 'any' },
}));

function furnish({ objects }: Simulated): void {
  for (const name of ['one', 'two', 'kubevirt']) {
    objects.create('Namespace', { metadata: { name } });
  }
  objects.create('StorageClass', { metadata: { name: 'fast' }, provisioner: 'driver' });
  objects.create('VolumeSnapshotClass', { metadata: { name: 'snaps' }, driver: 'driver' });
  objects.create('PersistentVolumeClaim', claim('disk'));
}

/** A claim that is bound. */
export function claim(name: string, phase = 'Bound'): NewObject {
  const metadata = { name, namespace: 'one' };
  return { metadata, spec: { storageClassName: 'fast' }, status: { phase } };
}

/** A VM called `cp` on the claim `disk`; `spec` and `machine` are put over it. */
export function vmManifest(
  spec: Readonly<Record<string, unknown>> = { runStrategy: 'Halted' },
  machine: Readonly<Record<string, unknown>> = {},
): NewObject {
  const metadata = { name: 'cp', namespace: 'one' };
  const devices = { disks: [{ name: 'rootdisk', disk: { bus: 'virtio' } }] };
  const volumes = [{ name: 'rootdisk', persistentVolumeClaim: { claimName: 'disk' } }];
  const template = {
    metadata: { labels: { role: 'control-plane' } },
    spec: { domain: { devices, memory: { guest: '2Gi' } }, volumes, ...machine },
  };
  return { metadata, spec: { template, ...spec } };
}

/** The path of a subresource of `cp`. */
export function pathOf(verb: string, of = 'virtualmachines'): string {
  return `namespaces/one/${of}/cp/${verb}`;
}

/** How an answer came out, in one line: its status and what was refused. */
export function told(answer: Answer): string {
  if ('stream' in answer) return 'stream';
  if ('refused' in answer) return `${answer.status} ${answer.reason}: ${answer.refused}`;
  return 'text' in answer ? `${answer.status} ${answer.text}` : `${answer.status}`;
}

/** Which object of a list is which. */
export function keysOf(objects: readonly KubeObject[]): string[] {
  return objects.map(keyOf);
}

/** Guests that do as a test tells them. */
export class ToldGuests implements Guests {
  readonly on = new Map<string, GuestMachine>();
  readonly ports = new Set<number>();
  readonly #listeners: ((uid: string, what: 'CHANGED' | 'SHUT_DOWN') => void)[] = [];
  hasAgent = false;
  answersProbes = false;

  start(machine: GuestMachine): void {
    this.on.set(machine.uid, machine);
  }

  stop(uid: string): void {
    this.on.delete(uid);
  }

  agentConnected(uid: string): boolean {
    return this.on.has(uid) && this.hasAgent;
  }

  probe(uid: string): boolean {
    return this.on.has(uid) && this.answersProbes;
  }

  connect(uid: string, port: number): Duplex | undefined {
    return this.on.has(uid) && this.ports.has(port) ? new PassThrough() : undefined;
  }

  console(): Duplex {
    return new PassThrough();
  }

  onChange(listener: (uid: string, what: 'CHANGED' | 'SHUT_DOWN') => void): void {
    this.#listeners.push(listener);
  }

  /** Says to the node that something has changed in every guest. */
  say(what: 'CHANGED' | 'SHUT_DOWN'): void {
    for (const uid of this.on.keys()) for (const listener of this.#listeners) listener(uid, what);
  }

  close(): void {
    this.on.clear();
  }
}
