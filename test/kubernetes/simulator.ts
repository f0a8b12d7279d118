import { stringify } from 'yaml';
import type { World } from '../../server/world.ts';
import { seeded } from '../kit/seeded.ts';
import { isAllowed, type Rule } from './api/access.ts';
import type { Api, RequestHook } from './api/api.ts';
import { runControllers } from './api/controllers.ts';
import { CORE_KINDS } from './api/core-kinds.ts';
import { EventLog } from './api/event-log.ts';
import { Faults } from './api/faults.ts';
import { garbageCollector } from './api/garbage.ts';
import { KeptObjects } from './api/kept-objects.ts';
import { isCustom, Kinds, resourceOf } from './api/kinds.ts';
import { KnownMishaps } from './api/mishaps.ts';
import { namespaceController } from './api/namespaces.ts';
import { quotaController } from './api/quota.ts';
import { openServer } from './api/server.ts';
import { resolveService } from './api/service-names.ts';
import { Store } from './api/store.ts';
import { Watches } from './api/watches.ts';
import { makeDisks } from './guest/disks.ts';
import { makeGuests } from './guest/guests.ts';
import { kubevirtPart } from './kubevirt/part.ts';
import type { Controller, Kind, NewObject, ObjectChange, Part, Simulated } from './ports.ts';
import type { StorageOptions } from './storage/depot.ts';
import { storagePart } from './storage/part.ts';

/** How a simulator is opened. */
export interface KubernetesSimulatorOptions {
  readonly world: World;
  readonly seed?: number | undefined;
  /** 0 for any that is free. */
  readonly port?: number | undefined;
  /** The release of KubeVirt that is imitated. */
  readonly kubevirt?: { readonly major: number; readonly minor: number } | undefined;
  /** What may be done; everything without. */
  readonly rules?: readonly Rule[] | undefined;
  /** Tokens that are known; nobody needs one as long as there is none. */
  readonly tokens?: Iterable<string> | undefined;
  /** How many changes a watch can go back. */
  readonly historyWindow?: number | undefined;
  /** How many machines fit on its nodes; any number without. */
  readonly capacity?: number | undefined;
  /** How its storage is. */
  readonly storage?: StorageOptions | undefined;
  /** Is told of every request before and after its effect. */
  readonly onRequest?: RequestHook | undefined;
  /** Parts to serve instead of KubeVirt and its storage. */
  readonly parts?: ((simulated: Simulated) => readonly Part[]) | undefined;
}

/** A Kubernetes with KubeVirt that runs in this process. */
export interface KubernetesSimulator extends Simulated {
  readonly port: number;
  readonly mishaps: KnownMishaps;
  readonly faults: Faults;
  readonly log: EventLog;
  readonly watches: Watches;
  /** The tokens that are known now: one that is taken away is refused from then on. */
  readonly tokens: Set<string>;
  /** A kubeconfig that leads here; with a token, if one is given. */
  kubeconfig(token?: string): string;
  /** Calls back at every change of an object; answers how to stop. */
  onChange(listener: (change: ObjectChange) => void): () => void;
  /** Makes every version so far too old, as a new start of an API server does. */
  forgetHistory(): void;
  /** Resets all connections, old and new, for so many milliseconds. */
  goAway(ms: number): void;
  close(): Promise<void>;
}

/** Namespaces that every cluster has. */
const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system', 'kubevirt', 'cdi'];

/** Opens a simulator, and its server on this machine. */
export async function openKubernetesSimulator(
  options: KubernetesSimulatorOptions,
): Promise<KubernetesSimulator> {
  const { world, seed = 1, kubevirt = { major: 1, minor: 9 } } = options;
  const log = new EventLog(world);
  const draw = drawFrom(seed);
  const store = new Store(options.historyWindow);
  const kinds = new Kinds(CORE_KINDS);
  const objects = new KeptObjects(store, kinds, world);
  const mishaps = new KnownMishaps(store, kinds);
  const disks = makeDisks();
  const tell: Simulated['tell'] = (...line) => log.tell(...line);
  const resolve = (namespace: string, name: string) => resolveService(objects, namespace, name);
  const guests = makeGuests({ world, disks, mishaps, draw, tell, resolve });
  const simulated = { world, kubevirt, draw, tell, objects, mishaps, disks, guests };
  const parts = options.parts?.(simulated) ?? allParts(simulated, options);
  for (const part of parts) kinds.add(part.kinds);
  const api = { simulated, options, store, kinds, log, parts };
  return serve(api);
}

/** KubeVirt and its storage. */
function allParts(simulated: Simulated, { rules, capacity, storage }: KubernetesSimulatorOptions) {
  // Who copies a volume out of a namespace needs a right there that is asked for by CDI itself.
  const mayClone: StorageOptions['mayClone'] = ({ from }) =>
    isAllowed(
      { rules },
      {
        group: 'cdi.kubevirt.io',
        resource: 'datavolumes/source',
        verb: 'create',
        namespace: from,
        name: undefined,
      },
    );
  return [
    kubevirtPart(simulated, capacity === undefined ? {} : { capacity }),
    storagePart(simulated, { mayClone, ...storage }),
  ];
}

interface Composed {
  readonly simulated: Simulated & { readonly objects: KeptObjects; readonly mishaps: KnownMishaps };
  readonly options: KubernetesSimulatorOptions;
  readonly store: Store;
  readonly kinds: Kinds;
  readonly log: EventLog;
  readonly parts: readonly Part[];
}

async function serve(composed: Composed): Promise<KubernetesSimulator> {
  const { simulated, options, store, kinds, log, parts } = composed;
  const { world, objects, guests } = simulated;
  const draw: Simulated['draw'] = (key, between) => simulated.draw(key, between);
  const runner = runControllers(world, store, controllersOf(composed), (...line) => {
    log.tell(...line);
  });
  begin(composed);
  const watches = new Watches(store, world, draw);
  const faults = new Faults(seeded((options.seed ?? 1) ^ 0x51ab));
  const tokens = new Set(options.tokens);
  const absence = new Set<() => void>();
  const goAway = (ms: number) => {
    server.setGone(true);
    const cancel = world.after(ms, () => {
      absence.delete(cancel);
      if (absence.size === 0) server.setGone(false);
    });
    absence.add(cancel);
  };
  const api: Api = {
    world,
    store,
    objects,
    kinds,
    watches,
    faults,
    log,
    goAway,
    mishaps: simulated.mishaps,
    routes: parts.flatMap((part) => part.routes),
    access: { rules: options.rules, tokens },
    address: () => `127.0.0.1:${server.port}`,
    onRequest: options.onRequest,
  };
  const server = await openServer(api, options.port ?? 0);
  return {
    ...simulated,
    port: server.port,
    faults,
    log,
    watches,
    tokens,
    goAway,
    kubeconfig: (token) => kubeconfig(`http://127.0.0.1:${server.port}`, token),
    onChange: (listener) => store.onChange(listener),
    forgetHistory: () => store.forget(),
    close: async () => {
      runner.stop();
      for (const cancel of absence) cancel();
      watches.close();
      guests.close();
      await server.close();
    },
  };
}

function controllersOf({ simulated, store, kinds, parts }: Composed): Controller[] {
  const { objects } = simulated;
  return [
    namespaceController(kinds, objects, (key, between) => simulated.draw(key, between)),
    garbageCollector(store, objects),
    quotaController(objects),
    ...parts.flatMap((part) => part.controllers),
  ];
}

/** What is there before anybody asks for anything. */
function begin({ simulated: { objects }, kinds, parts }: Composed): void {
  for (const name of NAMESPACES) {
    objects.create('Namespace', {
      metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  }
  for (const kind of kinds.all) if (isCustom(kind)) objects.create(DEFINITION, definition(kind));
  for (const part of parts) part.begin?.();
}

const DEFINITION = 'CustomResourceDefinition';

function definition(kind: Kind): NewObject {
  const { group, plural, singular, shortNames, namespaced } = kind;
  return {
    metadata: { name: resourceOf(kind) },
    spec: {
      group,
      names: { kind: kind.kind, listKind: `${kind.kind}List`, plural, singular, shortNames },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: kind.versions.map((name, index) => ({ name, served: true, storage: index === 0 })),
    },
    status: { conditions: [{ type: 'Established', status: 'True' }] },
  };
}

/** Durations from a seed: the same key has the same one, whatever happened before. */
function drawFrom(seed: number): Simulated['draw'] {
  return (key, [least, most]) => {
    let hash = seed;
    for (const letter of key) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
    return Math.round(least + (most - least) * seeded(hash)());
  };
}

function kubeconfig(server: string, token: string | undefined): string {
  const user = token === undefined ? {} : { token };
  const context = { cluster: 'simulator', user: 'simulator' };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'simulator', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'simulator', user }],
    contexts: [{ name: 'simulator', context }],
    'current-context': 'simulator',
  });
}
