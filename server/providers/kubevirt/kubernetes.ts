import type { Duplex } from 'node:stream';
import type { z } from 'zod';

/**
 * The Kubernetes API as this provider needs it: objects that are parsed when they come in, calls
 * that end, and a view of what is there that is told of changes. Everything speaks of absolute
 * facts: names, UIDs and versions of objects; nothing here knows what a cluster of ours is.
 */
export interface Kubernetes {
  /** The object, or undefined where there is none (404). */
  get<T>(kind: ObjectKind<T>, of: ObjectName, signal: AbortSignal): Promise<T | undefined>;
  list<T>(kind: ObjectKind<T>, where: Where, signal: AbortSignal): Promise<T[]>;
  /** Creates strictly: a field that the server does not know is refused, not dropped. */
  create<T>(kind: ObjectKind<T>, body: Manifest, signal: AbortSignal): Promise<T>;
  /** Merges a JSON merge patch (RFC 7386) into an object. */
  patch<T>(kind: ObjectKind<T>, of: ObjectName, patch: object, signal: AbortSignal): Promise<T>;
  /** Asks for a deletion; absent is success. With a UID only that very object is deleted. */
  remove(kind: ObjectKind<unknown>, of: ObjectName, options: Removal): Promise<void>;
  /** A call that is no object: a subresource, a version, a review. Answers the parsed body. */
  call(method: 'GET' | 'PUT' | 'POST', path: string, options: CallOptions): Promise<unknown>;
  /** Opens a WebSocket that carries raw bytes, as KubeVirt's subresources do. */
  stream(path: string, signal: AbortSignal): Promise<Duplex>;
  /** What is there now of a kind, and later too; the same view for the same question. */
  view<T>(kind: ObjectKind<T>, where: Where): View<T>;
  /** Ends every view, connection and timer. */
  close(): Promise<void>;
}

/** A kind of objects, and how one is read. */
export interface ObjectKind<T> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** As in an object's `kind`. */
  readonly kind: string;
  /** As in its path. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Parses what the server sends; unknown fields are dropped. */
  readonly schema: z.ZodType<T>;
}

/** Which object. */
export interface ObjectName {
  /** Undefined for objects of the whole cluster. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Which objects of a kind. */
export interface Where {
  /** Undefined for all namespaces. */
  readonly namespace?: string | undefined;
  /** Labels that they must have. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Fields that must have these values; servers know only a few fields for each kind. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
}

/** An object to be created; `apiVersion` and `kind` are those of its kind. */
export interface Manifest {
  readonly metadata: {
    readonly name?: string;
    readonly generateName?: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** How an object is deleted. */
export interface Removal {
  readonly uid?: string | undefined;
  readonly signal: AbortSignal;
}

/** A call that is no object. */
export interface CallOptions {
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly body?: object | undefined;
  readonly signal: AbortSignal;
}

/**
 * Objects kept up to date by a list and a watch. It may lag behind a little; whoever must know
 * asks with `get`. Without anybody who holds it, it watches nothing.
 */
export interface View<T> {
  /** Resolves when the first list is in. */
  ready(signal: AbortSignal): Promise<void>;
  get(of: ObjectName): T | undefined;
  all(): T[];
  /** Calls back after every change, with what changed; undefined after a new list. */
  onChange(listener: (changed: ObjectName | undefined) => void): () => void;
  /** Why it is not up to date now, for people to read; undefined where nothing is wrong. */
  readonly trouble: string | undefined;
}

/** One thing that is wrong with what was sent. */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** What is known of a failure besides its message. */
export interface KubernetesErrorFields {
  readonly status: number;
  readonly reason?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** The API answered with a refusal, or did not answer. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** The `reason` of the Status: AlreadyExists, Conflict, Invalid, Expired, … */
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  /** What exactly is wrong, where the server says so: the fields of an invalid object. */
  readonly causes: readonly StatusCause[];
  constructor(message: string, of: KubernetesErrorFields) {
    super(message, { cause: of.cause });
    this.status = of.status;
    this.reason = of.reason ?? '';
    this.causes = of.causes ?? [];
    this.retryAfterMs = of.retryAfterMs;
  }
}
