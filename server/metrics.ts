import { collectDefaultMetrics, Registry } from '@prometheus-io/client';
import {
  endsNow,
  loggedAt,
  measureJobs,
  measureLog,
  measurePools,
  type Counted,
} from '../db/measure.ts';
import { measureStorage } from '../db/measure-storage.ts';
import { lastSeq } from '../db/change.ts';
import { findPoolByName } from '../db/cluster-pool.ts';
import type { Db } from '../db/connection.ts';
import type { Store } from '../db/store.ts';
import type { ControlPlaneFor } from './control-plane.ts';
import { timingClaims } from './metrics/claims.ts';
import { EventMetrics } from './metrics/events.ts';
import { MOST_POOLS, PoolNames } from './metrics/pool-names.ts';
import { StateMetrics, type FeedGauges, type HttpGauges, type State } from './metrics/state.ts';
import { nextTurn, type World } from './world.ts';

/** What metrics are made of. */
export interface MetricsParts {
  readonly store: Pick<Store, 'read' | 'onCommit'>;
  readonly world: World;
  readonly feed: FeedGauges;
}

/** What a monitoring system reads. */
export interface Metrics {
  readonly contentType: string;
  /** The whole page, at most a second old. */
  page(http: HttpGauges): Promise<string>;
  /** The same verbs, with claims timed and refusals counted. */
  timing(verbsFor: ControlPlaneFor): ControlPlaneFor;
  close(): void;
}

/** Whoever asks more often gets the same page again. */
const FRESH_MS = 1_000;
/** Commits are counted together, this long after the first of them. */
const COUNT_AFTER_MS = 1_000;
/** Rows of the log counted at a time: a few milliseconds. */
const STRETCH = 5_000;

/**
 * Metrics in the text format of Prometheus. What happened is counted from the log, from the start
 * of the server on: a restart begins at 0, as monitoring systems expect of counters. How things
 * stand is read when it is asked for.
 */
export function createMetrics(parts: MetricsParts): Metrics {
  return new PrometheusMetrics(parts);
}

class PrometheusMetrics implements Metrics {
  readonly #parts: MetricsParts;
  readonly #registry = new Registry();
  readonly #events: EventMetrics;
  readonly #state: StateMetrics;
  readonly #stop: () => void;
  #counted: Counted;
  #cancel: (() => void) | undefined;
  #page: { readonly madeAt: number; readonly text: Promise<string> } | undefined;

  constructor(parts: MetricsParts) {
    this.#parts = parts;
    const { store } = parts;
    const pools = new PoolNames(
      (name) => store.read((db) => findPoolByName(db, name)) !== undefined,
    );
    this.#events = new EventMetrics(this.#registry, pools);
    this.#state = new StateMetrics(this.#registry, pools, parts.feed);
    collectDefaultMetrics({ register: this.#registry });
    this.#counted = store.read(endsNow);
    this.#stop = store.onCommit(() => this.#countLater());
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  page(http: HttpGauges): Promise<string> {
    const now = this.#parts.world.elapsed();
    if (this.#page === undefined || now - this.#page.madeAt >= FRESH_MS) {
      this.#page = { madeAt: now, text: this.#makePage(http) };
    }
    return this.#page.text;
  }

  timing(verbsFor: ControlPlaneFor): ControlPlaneFor {
    return timingClaims(verbsFor, this.#events, this.#parts.world);
  }

  close(): void {
    this.#stop();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  async #makePage(http: HttpGauges): Promise<string> {
    const { store, world } = this.#parts;
    while (this.#isBehind()) {
      this.#count();
      await nextTurn(world);
    }
    const slowest = Math.min(this.#parts.feed.slowest() ?? Infinity, http.slowest() ?? Infinity);
    this.#state.show(
      store.read((db) => this.#readState(db, slowest)),
      http,
    );
    return this.#registry.metrics();
  }

  #readState(db: Db, slowest: number): State {
    const lagRows = Math.max(0, lastSeq(db) - slowest);
    return {
      now: this.#parts.world.now(),
      pools: measurePools(db, 10 * MOST_POOLS),
      jobs: measureJobs(db),
      storage: measureStorage(db),
      lagRows,
      lagSince: lagRows > 0 ? loggedAt(db, lastSeq(db) - lagRows) : undefined,
    };
  }

  #isBehind(): boolean {
    const { seq, record } = this.#parts.store.read(endsNow);
    return seq > this.#counted.seq || record > this.#counted.record;
  }

  #count(): void {
    const logged = this.#parts.store.read((db) => measureLog(db, this.#counted, STRETCH));
    this.#counted = logged.upTo;
    this.#events.count(logged);
  }

  #countLater(): void {
    this.#cancel ??= this.#parts.world.after(COUNT_AFTER_MS, () => {
      this.#cancel = undefined;
      try {
        this.#count();
        if (this.#isBehind()) this.#countLater();
      } catch {
        // Whoever asks for the page is told; the next commit tries again.
      }
    });
  }
}
