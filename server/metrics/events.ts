import { Counter, Histogram, type Registry } from '@prometheus-io/client';
import { NOT_WOKEN } from '../../db/hold/release.ts';
import type { Logged, ProvisioningMeasure } from '../../db/measure.ts';
import { NO_SET, NOT_PREBUILT } from '../making.ts';
import type { PoolNames } from './pool-names.ts';

/** From what a warm claim takes to what a cluster made from an image may. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** What a caller waits for an answer. */
const ANSWER_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * What has happened since the server started: counted from the log and from the records of
 * provisioning, so that it is what was committed, whoever did it.
 */
export class EventMetrics {
  readonly #pools: PoolNames;
  readonly #counters: Record<keyof typeof COUNTERS, Counter<string>>;
  readonly #times: Record<keyof typeof TIMES, Histogram<string>>;

  constructor(registry: Registry, pools: PoolNames) {
    this.#pools = pools;
    const registers = [registry];
    const counter = (key: keyof typeof COUNTERS) =>
      new Counter<string>({ ...COUNTERS[key], registers });
    const time = (key: keyof typeof TIMES) => new Histogram<string>({ ...TIMES[key], registers });
    this.#counters = {
      claims: counter('claims'),
      refusals: counter('refusals'),
      served: counter('served'),
      ends: counter('ends'),
      fallbacks: counter('fallbacks'),
      failures: counter('failures'),
      errors: counter('errors'),
      jobs: counter('jobs'),
      images: counter('images'),
      setsMade: counter('setsMade'),
    };
    this.#times = {
      answer: time('answer'),
      claim: time('claim'),
      spawn: time('spawn'),
      making: time('making'),
      reset: time('reset'),
      image: time('image'),
    };
  }

  /** A claim was answered, after so long: with a session in this state, or with a refusal. */
  answered(pool: string, outcome: string, seconds: number): void {
    this.#times.answer.observe({ pool: this.#pools.given(pool), outcome }, seconds);
  }

  /** A claim was refused. */
  refused(pool: string, code: string): void {
    this.#counters.refusals.inc({ pool: this.#pools.given(pool), code });
  }

  /** Counts a stretch of the log. */
  count(logged: Logged): void {
    const { claims, ends, errors, jobs, resets, records } = logged;
    const { claims: claimed, ends: ended, errors: failed, jobs: finished } = this.#counters;
    const label = (name: string) => this.#pools.label(name);
    for (const { pool, status, count } of claims) claimed.inc({ pool: label(pool), status }, count);
    for (const { pool, status, cause, count } of ends) {
      ended.inc({ pool: label(pool), status, cause }, count);
    }
    for (const { pool, cause, count } of errors) failed.inc({ pool: label(pool), cause }, count);
    for (const { kind, status, count } of jobs) finished.inc({ kind, status }, count);
    for (const { pool, durationMs } of resets) {
      this.#times.reset.observe({ pool: label(pool) }, Math.max(0, durationMs) / 1_000);
    }
    for (const record of records) this.#countRecord(record, label(record.pool));
    this.#countMakings(logged);
  }

  #countMakings({ imageEnds, setsMade }: Logged): void {
    for (const { source, status, durationMs } of imageEnds) {
      this.#counters.images.inc({ source, status });
      if (status === 'READY') this.#times.image.observe({ source }, (durationMs ?? 0) / 1_000);
    }
    for (const { pool, source, fellBack, count } of setsMade) {
      const labels = { pool: this.#pools.label(pool), source };
      this.#counters.setsMade.inc({ ...labels, fallback: fellBack === 1 ? 'yes' : 'no' }, count);
    }
  }

  #countRecord(record: ProvisioningMeasure, pool: string): void {
    const { servedFrom, forSession, succeeded, durationMs, reason } = record;
    const seconds = durationMs / 1_000;
    const reasonOf = fallbackOf(record);
    if (reasonOf !== undefined) this.#counters.fallbacks.inc({ pool, reason: reasonOf });
    if (succeeded === 0) {
      this.#counters.failures.inc({ pool, strategy: servedFrom });
    } else if (forSession === 1) {
      const labels = { pool, served_from: servedFrom };
      this.#counters.served.inc({ ...labels, fallback: reason === null ? 'no' : 'yes' });
      this.#times.claim.observe(labels, seconds);
      this.#times.spawn.observe({ pool, origin: ORIGIN[servedFrom] }, seconds);
    } else {
      this.#times.making.observe({ pool, strategy: servedFrom }, seconds);
    }
  }
}

/**
 * Why something was not done the way it should have been. A cluster whose snapshots fail is made
 * from its image next; a session whose cluster does not wake gets another.
 */
function fallbackOf({ servedFrom, forSession, succeeded, reason }: ProvisioningMeasure) {
  if (succeeded === 0) return servedFrom === 'SNAPSHOT' ? 'SNAPSHOTS_FAILED' : undefined;
  if (forSession === 0 || reason === null) return undefined;
  return FALLBACKS.find(([beginning]) => reason.startsWith(beginning))?.[1];
}

/** How reasons of sessions begin, and what each is counted as. */
const FALLBACKS = [
  [NOT_WOKEN, 'WAKE_FAILED'],
  [NOT_PREBUILT, 'NOT_PREBUILT'],
  [NO_SET, 'NO_SNAPSHOT'],
] as const;

/** Where the VMs of a session come from. */
const ORIGIN = { POOL: 'WARM', SNAPSHOT: 'SNAPSHOT', BOOTSTRAP: 'COLD_BOOT' } as const;

const COUNTERS = {
  claims: {
    name: 'snapyard_claims_total',
    help: 'Claims that were accepted, by the state of the session in the answer.',
    labelNames: ['pool', 'status'],
  },
  refusals: {
    name: 'snapyard_claim_refusals_total',
    help: 'Claims that were refused, by code; the pool is empty when there is none of that name.',
    labelNames: ['pool', 'code'],
  },
  served: {
    name: 'snapyard_sessions_served_total',
    help: 'Sessions that became RUNNING, by what they were served from.',
    labelNames: ['pool', 'served_from', 'fallback'],
  },
  ends: {
    name: 'snapyard_sessions_ended_total',
    help: 'Sessions that ended, by how and why.',
    labelNames: ['pool', 'status', 'cause'],
  },
  fallbacks: {
    name: 'snapyard_fallbacks_total',
    help: 'Times something was done another way than it should have been, by reason.',
    labelNames: ['pool', 'reason'],
  },
  failures: {
    name: 'snapyard_cluster_provisioning_failures_total',
    help: 'Attempts to make a cluster that failed, by strategy.',
    labelNames: ['pool', 'strategy'],
  },
  errors: {
    name: 'snapyard_cluster_errors_total',
    help: 'Times a cluster became ERROR, by cause.',
    labelNames: ['pool', 'cause'],
  },
  jobs: {
    name: 'snapyard_jobs_finished_total',
    help: 'Jobs that finished, by kind and how.',
    labelNames: ['kind', 'status'],
  },
  images: {
    name: 'snapyard_images_made_total',
    help: 'Makings of images that ended: BUILT here or PULLED from a registry, READY or FAILED.',
    labelNames: ['source', 'status'],
  },
  setsMade: {
    name: 'snapyard_template_sets_made_total',
    help: 'Template sets that became ready, by what they are made of.',
    labelNames: ['pool', 'source', 'fallback'],
  },
};

const TIMES = {
  answer: {
    name: 'snapyard_session_allocations_duration_seconds',
    help: 'How long a claim took to be answered, by the state of the session or the refusal.',
    labelNames: ['pool', 'outcome'],
    buckets: ANSWER_SECONDS,
  },
  claim: {
    name: 'snapyard_claim_duration_seconds',
    help: 'From the claim to RUNNING, the queue included, by what it was served from.',
    labelNames: ['pool', 'served_from'],
    buckets: SECONDS,
  },
  spawn: {
    name: 'snapyard_vm_spawn_duration_seconds',
    help: 'From the claim to VMs that answer, by where they come from.',
    labelNames: ['pool', 'origin'],
    buckets: SECONDS,
  },
  making: {
    name: 'snapyard_cluster_provisioning_duration_seconds',
    help: 'How long it took to make a cluster that no session waited for, by strategy.',
    labelNames: ['pool', 'strategy'],
    buckets: SECONDS,
  },
  reset: {
    name: 'snapyard_cluster_reset_duration_seconds',
    help: 'From the end of a session, or from the order, until its cluster was clean again.',
    labelNames: ['pool'],
    buckets: SECONDS,
  },
  image: {
    name: 'snapyard_image_making_duration_seconds',
    help: 'How long it took to build an image, or to fetch it, without waiting.',
    labelNames: ['source'],
    buckets: SECONDS,
  },
};
