import type {
  Capabilities,
  ClusterRef,
  OutsideObject,
  Provider,
} from '../../server/providers/provider.ts';

/** A provider that the contract is held against. */
export interface ProviderUnderTest {
  readonly name: string;
  /** Why it cannot be tested on this host; null when it can. */
  readonly missing: string | null;
  readonly capabilities: Capabilities;
  /** The built-in template its clusters are made of. */
  readonly template: string;
  /** Moments after which a creation is interrupted, in milliseconds. */
  readonly interruptions: readonly number[];
  /** A file that guests keep while they are shut down, where `/tmp` does not hold such. */
  readonly file?: string | undefined;
  /** Whether a shell waits on its guests' serial lines. */
  readonly hasSerialShell?: boolean | undefined;
  /** How long one case may take in reality; a minute when left out. */
  readonly patienceMs?: number | undefined;
  /** Opens an outside world in which nothing exists, and a provider before it. */
  open(): Promise<Bench>;
}

/** What the cases are held against: a test file puts its providers here and then imports them. */
export const UNDER_TEST: ProviderUnderTest[] = [];

/** An outside world with a provider before it. */
export interface Bench {
  /** The provider of the present process; another one after `restart`. */
  readonly provider: Provider;
  /** The installation that provider belongs to. */
  readonly installation: string;
  /** Waits for a promise, letting time pass where somebody has to. */
  wait<T>(promise: Promise<T>): Promise<T>;
  /** A signal that is aborted after so many milliseconds of the provider's time. */
  abortAfter(ms: number): AbortSignal;
  /** Ends the provider as `kill -9` does and starts another before the same outside world. */
  restart(): Promise<void>;
  /** Closes the provider and removes the outside world with everything in it. */
  close(): Promise<void>;
}

/** The cluster as a provider lists it. */
export function clusterObject({ id, name, poolId }: ClusterRef): OutsideObject {
  return { kind: 'CLUSTER', id, name, poolId };
}

/** Lists are compared whatever their order. */
export function sorted(objects: readonly OutsideObject[]): OutsideObject[] {
  return objects.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
