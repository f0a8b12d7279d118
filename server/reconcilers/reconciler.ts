import type { Store } from '../../db/store.ts';
import type { Vault } from '../../db/vault.ts';
import type { ProviderKind } from '../../schema/model/provider-kind.ts';
import type { ImageStore } from '../providers/image-store.ts';
import type { Provider } from '../providers/provider.ts';
import type { World } from '../world.ts';

/**
 * A reconciler makes one kind of thing so. It wants, looks, decides and acts on rows and on the
 * world outside, never on events: what woke it is not part of what it does, so a wake that is
 * lost costs one tick, and a pass after a crash is a pass like any other.
 */
export interface Reconciler {
  readonly name: string;
  /** What is to be done now, and when to look again at the latest. Reads only. */
  find(now: number): Found;
  /** One pass over one thing. What it throws is given to `failed`. */
  pass(work: Work, turn: Turn): Promise<void>;
  /** Notes a failed pass on the row, with the time of the next one or the end of it. */
  failed(work: Work, failure: Failure): Promise<void>;
}

/** What a look for work found. */
export interface Found {
  readonly ready: readonly Work[];
  readonly nextAt?: number | undefined;
}

/** One thing to work at. */
export interface Work {
  readonly id: string;
  /** Works of one group share a limit: one provider's parallel steps of a kind. */
  readonly group: string;
  readonly parallel: number;
  readonly deadlineMs: number;
}

/** One pass. */
export interface Turn {
  /** Aborted at the deadline, and when the server stops. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly deadline: number;
}

/** Why a pass failed. */
export interface Failure {
  /** A sentence for people. */
  readonly reason: string;
  readonly retryable: boolean;
  /** See `ProviderError`. */
  readonly lostSet?: boolean | undefined;
  readonly cause: 'PROVIDER_ERROR' | 'DEADLINE';
}

/** What reconcilers work with. */
export interface Deps {
  readonly store: Store;
  readonly world: World;
  /** The provider of a kind; undefined where this host has none. */
  readonly provider: (kind: ProviderKind) => Provider | undefined;
  /** What seals the ways into VMs; without it none are obtained. */
  readonly vault?: Vault | undefined;
  /** Where images of VMs are kept; undefined where this host cannot have any. */
  readonly images?: ImageStore | undefined;
  /** How long an image may take. */
  readonly imageDeadlines?: ImageDeadlines | undefined;
  /** A bug, logged once. */
  readonly fault: (error: unknown, about: string) => void;
}

/** How long one attempt at an image may take, in milliseconds. */
export interface ImageDeadlines {
  readonly buildMs: number;
  /** To fetch one, or to send it. */
  readonly pullMs: number;
}

/** Passes at one state that may fail before the work is given up. */
const MOST_ATTEMPTS = 3;

const FIRST_RETRY_MS = 2_000;

/** The wait before the next attempt after so many failed ones: 2, 10, 50 s, at most 5 min. */
export function retryDelayMs(attempts: number): number {
  return Math.min(FIRST_RETRY_MS * 5 ** Math.max(attempts - 1, 0), 300_000);
}

/** The wait after a pass that has failed, or undefined where the work is to be given up. */
export function retryInMs({ retryable }: Failure, attempts: number): number | undefined {
  return retryable && attempts < MOST_ATTEMPTS ? retryDelayMs(attempts) : undefined;
}
