import type { Duplex } from 'node:stream';
import type { World } from '../../server/world.ts';

/**
 * What the parts of the Kubernetes simulator know of each other. All of it is synchronous and in
 * memory: the API server (`api/`) keeps objects, controllers (`kubevirt/`, `storage/`) look at
 * them and change them, guests (`guest/`) live on the disks of the machines that run.
 */
export interface Simulated {
  readonly world: World;
  readonly objects: Objects;
  readonly disks: Disks;
  readonly guests: Guests;
  readonly mishaps: Mishaps;
  /** The release that is imitated, as `{ major: 1, minor: 9 }`. */
  readonly kubevirt: { readonly major: number; readonly minor: number };
  /** A duration in milliseconds between these bounds; the same for the same seed and key. */
  draw(key: string, between: readonly [least: number, most: number]): number;
  /** Writes one line of the event log: what happened to which object, with the time. */
  tell(what: string, object: string, details?: Readonly<Record<string, unknown>>): void;
}

/** An object as the API server keeps it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly [field: string]: unknown;
}

/** What every object has. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** Who an object goes with. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** A new object: what the store adds is left out. */
export interface NewObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Partial<ObjectMeta> & { readonly generateName?: string };
  readonly [field: string]: unknown;
}

/** A kind of objects that the server serves. */
export interface Kind {
  readonly group: string;
  /** Served versions, the preferred one first; they share a schema. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** Whether `/status` exists, so that writers of the object leave its status alone. */
  readonly hasStatus: boolean;
  /** The fields it may have, checked strictly where a client asks for that. */
  readonly schema: Schema;
  /** Defaults and refusals at admission; throws `ApiError`. Controllers are not asked. */
  readonly admit?: (write: Admission) => KubeObject;
}

/** A small structural schema, as a CRD's: what is not named is unknown. */
export type Schema =
  | { readonly type: 'string'; readonly enum?: readonly string[] }
  | { readonly type: 'integer' | 'number' | 'boolean' | 'quantity' | 'any' }
  | { readonly type: 'array'; readonly items: Schema }
  | { readonly type: 'map'; readonly values: Schema }
  | {
      readonly type: 'object';
      readonly fields: Readonly<Record<string, Schema>>;
      readonly required?: readonly string[];
    };

/** A write that asks to be admitted. */
export interface Admission {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly object: KubeObject;
  /** Undefined at a creation. */
  readonly before: KubeObject | undefined;
  readonly user: string;
}

/** One cause of a refusal. */
export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

/** A refusal that goes to the client as a `Status`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: number;
  readonly reason: string;
  readonly causes: readonly Cause[];
  readonly retryAfterSeconds: number | undefined;
  constructor(
    code: number,
    reason: string,
    message: string,
    more: { causes?: readonly Cause[]; retryAfterSeconds?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.causes = more.causes ?? [];
    this.retryAfterSeconds = more.retryAfterSeconds;
  }
}

/** The objects, as controllers see and change them; no admission, but versions and finalizers. */
export interface Objects {
  get(kind: string, namespace: string | undefined, name: string): KubeObject | undefined;
  /** Of one namespace, or of all; labels must be equal. */
  list(
    kind: string,
    where?: { namespace?: string | undefined; labels?: Readonly<Record<string, string>> },
  ): KubeObject[];
  /** Throws `ApiError` as the server would: name taken, namespace gone or going, quota full. */
  create(kind: string, object: NewObject): KubeObject;
  /** Replaces the object by what `change` makes of it; nothing is written when it is the same. */
  update(object: KubeObject, change: (now: KubeObject) => KubeObject): KubeObject | undefined;
  /** Asks for its deletion: at once without finalizers, else when the last of them is gone. */
  remove(object: KubeObject): void;
  /** Adds an Event about an object. */
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** A change of an object. */
export interface ObjectChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

/** What keeps a kind of objects as it should be. Level-triggered: it looks, it never remembers. */
export interface Controller {
  readonly name: string;
  /** The keys (`namespace/name`) to look at after a change of any object. */
  readonly concerns: (change: ObjectChange) => readonly string[];
  /** One look; answers after how many milliseconds to look again, if it must. */
  readonly reconcile: (key: string) => number | undefined;
}

/** A part of the simulator: the kinds it serves, its controllers, and paths that are no objects. */
export interface Part {
  readonly kinds: readonly Kind[];
  readonly controllers: readonly Controller[];
  readonly routes: readonly Route[];
  /** Makes what is there from the start; called once, when all kinds are served. */
  readonly begin?: () => void;
}

/** A path of the API that is no object: a subresource. */
export interface Route {
  readonly group: string;
  readonly version: string;
  readonly method: 'GET' | 'PUT' | 'POST';
  /** With `{namespace}` and `{name}`, below `/apis/<group>/<version>/`. */
  readonly path: string;
  /** What access reviews know it as: `virtualmachines/start`, verb `update`. */
  readonly resource: string;
  readonly verb: string;
  /** Answers the status and body, or a stream for a WebSocket; throws `ApiError`. */
  readonly answer: (call: RouteCall) => RouteAnswer;
}

/** A call of a route. */
export interface RouteCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly user: string;
}

/** What a route answers. A stream is spoken over a WebSocket in binary frames. */
export type RouteAnswer =
  | { readonly status: number; readonly body?: unknown; readonly text?: string }
  | { readonly stream: Duplex };

/** The contents of volumes and of snapshots of them, by the UID of the claim or snapshot. */
export interface Disks {
  /** A new volume: empty, from the image of a name, or a copy of a volume or snapshot. */
  write(volume: string, from: DiskSource): void;
  /** What a volume holds now, kept under the snapshot's UID. */
  snapshot(snapshot: string, volume: string): void;
  exists(id: string): boolean;
  drop(id: string): void;
  /** Reads and changes a volume's files; a guest's file system. */
  files(volume: string): Map<string, string>;
}

/** What a volume starts from. */
export type DiskSource =
  | { readonly kind: 'EMPTY' }
  | { readonly kind: 'IMAGE'; readonly name: string }
  | { readonly kind: 'COPY'; readonly of: string };

/** The guests of running machines. */
export interface Guests {
  /** Switches a machine on; its guest boots from its disk and reads its cloud-init data. */
  start(machine: GuestMachine): void;
  /** Cuts its power: what the guest had not yet written is as it is on the disk. */
  stop(uid: string): void;
  /** Whether the guest agent is connected. */
  agentConnected(uid: string): boolean;
  /** Whether a readiness probe (exec, tcpSocket, httpGet, guestAgentPing) succeeds now. */
  probe(uid: string, probe: unknown): boolean;
  /** A connection to a port of the guest; undefined where nothing listens. */
  connect(uid: string, port: number): Duplex | undefined;
  /** Its serial console. */
  console(uid: string): Duplex;
  /** Calls back when something a controller must see has changed, or the guest shut down. */
  onChange(listener: (uid: string, what: 'CHANGED' | 'SHUT_DOWN') => void): void;
  /** Ends every connection and timer. */
  close(): void;
}

/** A machine that is switched on. */
export interface GuestMachine {
  /** The VMI's UID. */
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  /** Of its network device, in small letters; another at each start where its spec names none. */
  readonly mac: string;
  /** UIDs of its claims, the boot disk first. */
  readonly volumes: readonly string[];
  readonly userData: string | undefined;
  readonly networkData: string | undefined;
}

/** Faults that are asked for by name, and happen to the objects they are meant for. */
export interface Mishaps {
  /** Whether this mishap happens to this object now; one that is limited is used up by it. */
  strikes(name: string, object: { namespace?: string | undefined; name: string }): boolean;
}
