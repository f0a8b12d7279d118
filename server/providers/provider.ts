import type { Duplex } from 'node:stream';
import type { IdentityMode, ReadinessProof } from '../../schema/model/cluster-pool.ts';
import type { ProviderKind } from '../../schema/model/provider-kind.ts';
import type { CaptureMode } from '../../schema/model/snapshot.ts';
import type { RoleSpec, VmRole } from '../../schema/model/template.ts';
import type { VmOrigin, VmPhase } from '../../schema/model/vm-handle.ts';

/**
 * The port behind which VMs exist: a two-VM KubeVirt cluster that takes minutes, a QEMU VM that
 * takes milliseconds, and the simulator all fit it.
 *
 * The rules an adapter keeps:
 * - `ensure…` is idempotent and resumable: called again after a crash, with the notes it left, it
 *   finds what it had begun and goes on. What is already so costs a look.
 * - Every outside object has a deterministic name and carries the installation's id and the fence
 *   of the step that last wrote it. An object of another installation is never touched. A step
 *   whose fence is lower than the object's is refused with `ProviderError`, not retryable.
 * - An intent is noted, and the note is durable, before the object it announces is made.
 * - A step stops soon after its signal is aborted; what it leaves half-done, the next call mends.
 * - It throws `ProviderError` for what can go wrong outside; anything else thrown is a bug.
 */
export interface Provider {
  readonly kind: ProviderKind;
  readonly capabilities: Capabilities;
  /** What is there, asking the guests too. Changes nothing. */
  look(cluster: ClusterRef, signal: AbortSignal): Promise<Sighting>;
  /** Every object of this installation that exists now. */
  list(signal: AbortSignal): Promise<OutsideObject[]>;
  /** Makes the cluster's VMs run and answer, from the image or from a set. */
  ensureCluster(cluster: ClusterRef, source: ClusterSource, step: Step): Promise<Sighting>;
  /** What is left to do at hand-over: resume, clock, identity. Only where `capabilities.wakes`. */
  wake(cluster: ClusterRef, session: SessionRef, step: Step): Promise<Sighting>;
  /**
   * Lets whoever has the private half of the key into the guests, and tells how to get there. One
   * key at a time: the one of an earlier session, or of an earlier attempt, is let in no more. No
   * set has it, and a reset takes it away. Only where `capabilities.access`.
   */
  access(cluster: ClusterRef, publicKey: string, step: Step): Promise<ClusterAccess>;
  /** Puts the VMs back to the set, and says by which rung of its ladder. */
  ensureReset(cluster: ClusterRef, set: SetRef, step: Step): Promise<ResetResult>;
  /**
   * Captures a set, leaving out turn marks, and proves it complete. A cluster that is captured
   * ONLINE goes on running.
   */
  ensureSet(
    source: SetSource,
    set: SetRef,
    mode: CaptureMode,
    step: Step,
  ): Promise<CapturedSnapshot[]>;
  /** Leaves a turn mark in every guest that can hold one; see `Sighting.marks`. */
  mark(cluster: ClusterRef, mark: string, step: Step): Promise<void>;
  /** Removes an object and all that belongs to it. Absent is success. */
  ensureGone(object: OutsideObject, step: Step): Promise<void>;
  /** Runs a command in a guest: an argument vector, never a shell string. */
  run(vm: VmRef, argv: readonly string[], options: RunOptions): Promise<RunResult>;
  /** Opens a stream to a VM; only kinds listed in `capabilities.streams`. */
  open(vm: VmRef, stream: StreamKind, signal: AbortSignal): Promise<Duplex>;
  /** Calls back with a cluster's id when something happened to it; returns how to stop. */
  watch(onDirty: (clusterId: string) => void): () => void;
  /** Lets go of connections and timers. VMs stay as they are. */
  close(): Promise<void>;
}

/** What an adapter can do; fixed for its life. */
export interface Capabilities {
  /** Whether each cluster owns the set it is reset to, or the pool has sets that all start from. */
  readonly goldenState: 'CLUSTER' | 'POOL';
  /** Whether a hand-over needs `wake`. */
  readonly wakes: boolean;
  readonly captureModes: readonly CaptureMode[];
  /**
   * Whether a cluster in use can be captured ONLINE without its user noticing more than a moment,
   * as a set of the pool that other clusters can be made from.
   */
  readonly savesSessions: boolean;
  readonly streams: readonly StreamKind[];
  /** Whether a session can be given ways into its guests; see `access`. */
  readonly access: boolean;
  /** Steps of a kind that may run at once. */
  readonly parallel: Readonly<Record<StepKind, number>>;
  /** How long a step of a kind may take before it is given up, in milliseconds. */
  readonly deadlineMs: Readonly<Record<StepKind, number>>;
}

/** The kinds of steps that have a limit and a deadline. */
export type StepKind = 'create' | 'wake' | 'reset' | 'capture' | 'remove' | 'look';

/** Streams to a VM. */
export type StreamKind = 'SERIAL' | 'VNC' | 'SSH';

/** A cluster as its provider needs to know it. */
export interface ClusterRef {
  readonly id: string;
  /** Unique in the installation and never used again. */
  readonly name: string;
  readonly namespace: string;
  readonly poolId: string;
  readonly poolName: string;
  readonly identity: IdentityMode;
  /** How its readiness is proven, where a provider can do it in more ways than one. */
  readonly readiness: ReadinessProof;
  readonly vms: readonly VmSpec[];
}

/** One VM of a cluster as its provider needs to know it. */
export interface VmSpec extends RoleSpec {
  readonly name: string;
}

/** Where a command or a stream goes. */
export interface VmRef {
  readonly cluster: ClusterRef;
  readonly role: VmRole;
}

/** The session a cluster is handed to. */
export interface SessionRef {
  readonly id: string;
  readonly owner: string;
}

/** The ways into the guests of a cluster. Never to be logged, nor part of any error. */
export interface ClusterAccess {
  /** Who the key is for; null where guests take none. */
  readonly sshUser: string | null;
  /** A kubeconfig file of an admin; null where there is no Kubernetes. */
  readonly kubeconfig: string | null;
  readonly endpoints: readonly Endpoint[];
}

/** Something that listens in a guest. */
export interface Endpoint {
  readonly role: VmRole;
  /** What it is, such as `ssh`. */
  readonly name: string;
  /** Where it is now; a VM that is started again may have another address. */
  readonly url: string;
}

/** One snapshot set. */
export interface SetRef {
  /** Unique in the installation. */
  readonly id: string;
  readonly poolId: string;
  readonly poolName: string;
  readonly number: number;
  /** The cluster that owns it; null for a template set of the pool. */
  readonly cluster: ClusterRef | null;
  /** How the readiness of guests is proven that are started to be captured. */
  readonly readiness: ReadinessProof;
  readonly snapshots: readonly { readonly role: VmRole; readonly name: string }[];
  readonly roles: readonly RoleSpec[];
  /** Whether its pool names no image: it may then be made of what was captured elsewhere. */
  readonly namesNone?: boolean | undefined;
}

/** What a cluster is made from. */
export type ClusterSource =
  | { readonly kind: 'IMAGE' }
  | { readonly kind: 'SET'; readonly set: SetRef };

/** What a set is captured from: a cluster as it is, or a VM started for it from the image. */
export type SetSource =
  | { readonly kind: 'CLUSTER'; readonly cluster: ClusterRef; readonly inUse: boolean }
  | { readonly kind: 'IMAGE' };

/** One object of ours outside. */
export interface OutsideObject {
  readonly kind: 'CLUSTER' | 'SET';
  readonly id: string;
  readonly name: string;
  readonly poolId: string;
}

/** What a look at a cluster found. */
export interface Sighting {
  readonly vms: readonly VmSighting[];
  /**
   * The turn marks in its guests. A mark is planted before a cluster is handed out and is not
   * part of any set, so a mark that is still there after a reset proves that the disks are not
   * what they should be. Null where the guests cannot be asked and the provider vouches for
   * fresh disks by their identity.
   */
  readonly marks: readonly string[] | null;
}

/** What a look at one VM found. */
export interface VmSighting {
  readonly role: VmRole;
  readonly name: string;
  /** False when there is no such VM any more, as opposed to one that is stopped or silent. */
  readonly exists: boolean;
  readonly phase: VmPhase;
  /** Whether the guest answered, not merely whether its machine runs. */
  readonly answers: boolean;
  readonly message: string | null;
  readonly ipAddress: string | null;
  readonly origin: VmOrigin | null;
  /** Said where VMs of one provider differ in that: only who has a screen has a VNC stream. */
  readonly hasScreen?: boolean | undefined;
}

/** What a reset did. */
export interface ResetResult {
  /** The rung of the provider's ladder that worked, as people read it. */
  readonly rung: string;
  readonly sighting: Sighting;
}

/** What is known of one captured snapshot. */
export interface CapturedSnapshot {
  readonly role: VmRole;
  readonly sizeBytes: number | null;
  readonly k8sVersion: string | null;
  /** What it is made of, where there was a choice; left out, it is what was asked for. */
  readonly made?: SnapshotMaking | undefined;
}

/** What a snapshot is made of in fact. */
export interface SnapshotMaking {
  /** PREBUILT only where it was fetched, captured, from a registry. */
  readonly source: 'IMAGE' | 'PREBUILT';
  /** Why it is not PREBUILT though that was wanted; null when all went as the settings say. */
  readonly reason: string | null;
  /** The version of the image it was made from, as `name@3`. */
  readonly image: string | null;
  /** What its content is known by: `sha256:` and the hash. */
  readonly digest: string | null;
}

/** How a command runs. */
export interface RunOptions {
  readonly stdin?: string | undefined;
  readonly signal: AbortSignal;
}

/** What came of a command. */
export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One step of a worker at one object. */
export interface Step {
  /** Aborted at the deadline, or when the server stops. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly deadline: number;
  /** See the rules above. */
  readonly fence: number;
  /** The installation whose objects these are. */
  readonly installation: string;
  /** Says what is being done now, for the timeline; `name` opens a new phase. */
  readonly progress: (name: string) => void;
  /** The notes left by earlier steps at this object. */
  readonly notes: ReadonlyMap<string, string>;
  /** Commits an intent before its promise resolves. */
  readonly note: (key: string, value: string) => Promise<void>;
}

/**
 * The key of the note of a capture by which a provider says that it has all that it needs of the
 * cluster, which may then change hands. It rejects when the cluster has changed hands before: what
 * was taken is nobody's. A later step that finds the note asks the cluster for nothing any more.
 */
export const TAKEN = 'set.taken';

/** Something that went wrong outside. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  /** Whether the same step may succeed if tried again. */
  readonly retryable: boolean;
  /** A sentence for people: what was tried, and what came back. */
  readonly reason: string;
  /** Whether the set that was to be used is lost or damaged for good, and no use to anybody. */
  readonly lostSet: boolean;
  constructor(
    reason: string,
    options: { retryable: boolean; cause?: unknown; lostSet?: boolean | undefined },
  ) {
    super(reason, { cause: options.cause });
    this.retryable = options.retryable;
    this.reason = reason;
    this.lostSet = options.lostSet === true;
  }
}
