import { Gauge, type Registry } from '@prometheus-io/client';
import type { JobMeasure, PoolMeasure } from '../../db/measure.ts';
import type { StorageMeasure } from '../../db/measure-storage.ts';
import { CLUSTER_STATUSES } from '../../schema/model/cluster.ts';
import { IMAGE_STATUSES } from '../../schema/model/image.ts';
import { JOB_KINDS } from '../../schema/model/job.ts';
import type { PoolNames } from './pool-names.ts';

/** What the feed tells of itself. */
export interface FeedGauges {
  /** Those who read the log, each for one group of subscriptions. */
  readers(): number;
  /** The position of the one that is furthest back; undefined when nobody reads. */
  slowest(): number | undefined;
}

/** What the HTTP server tells of itself. */
export interface HttpGauges {
  /** Operations being executed. */
  operations(): number;
  webSockets(): number;
  eventStreams(): number;
  subscriptions(): number;
  /** Groups of subscriptions that are executed and serialised as one. */
  groups(): number;
  /** The position of the subscription furthest back of those whose lines take nothing more. */
  slowest(): number | undefined;
}

/** How things stand at one moment. */
export interface State {
  readonly now: number;
  readonly pools: readonly PoolMeasure[];
  readonly jobs: readonly JobMeasure[];
  readonly storage: StorageMeasure;
  /** Rows of the log that the slowest reader has still before it. */
  readonly lagRows: number;
  /** When the oldest of them was logged. */
  readonly lagSince: number | undefined;
}

/** How things stand: rows of the database, and what the process has open. */
export class StateMetrics {
  readonly #pools: PoolNames;
  readonly #feed: FeedGauges;
  readonly #gauges: Record<keyof typeof GAUGES, Gauge<string>>;

  constructor(registry: Registry, pools: PoolNames, feed: FeedGauges) {
    this.#pools = pools;
    this.#feed = feed;
    const gauge = (key: keyof typeof GAUGES) =>
      new Gauge<string>({ labelNames: [], ...GAUGES[key], registers: [registry] });
    this.#gauges = {
      clusters: gauge('clusters'),
      size: gauge('size'),
      most: gauge('most'),
      paused: gauge('paused'),
      waiting: gauge('waiting'),
      wait: gauge('wait'),
      sets: gauge('sets'),
      setBytes: gauge('setBytes'),
      setAge: gauge('setAge'),
      images: gauge('images'),
      imageBytes: gauge('imageBytes'),
      snapshotBytes: gauge('snapshotBytes'),
      jobs: gauge('jobs'),
      subscribers: gauge('subscribers'),
      groups: gauge('groups'),
      readers: gauge('readers'),
      lagRows: gauge('lagRows'),
      lag: gauge('lag'),
      sockets: gauge('sockets'),
      operations: gauge('operations'),
    };
  }

  /** Puts on the page how things stand; what is gone leaves it. */
  show(state: State, http: HttpGauges): void {
    for (const gauge of Object.values(this.#gauges)) gauge.reset();
    for (const pool of state.pools.toSorted(longestWaitLast)) this.#showPool(pool, state.now);
    this.#showStorage(state.storage);
    this.#showJobs(state.jobs);
    this.#showFeed(state);
    this.#gauges.subscribers.set(http.subscriptions());
    this.#gauges.groups.set(http.groups());
    this.#gauges.operations.set(http.operations());
    this.#gauges.sockets.set({ kind: 'WEB_SOCKET' }, http.webSockets());
    this.#gauges.sockets.set({ kind: 'EVENT_STREAM' }, http.eventStreams());
  }

  #showPool(measure: PoolMeasure, now: number): void {
    const { clusters, size, most, paused, waiting, wait } = this.#gauges;
    const pool = this.#pools.label(measure.name);
    // Added up, for those that share a label.
    for (const status of CLUSTER_STATUSES) clusters.inc({ pool, status }, measure.clusters[status]);
    size.inc({ pool }, measure.size);
    most.inc({ pool }, measure.maxClusters);
    paused.inc({ pool }, measure.isPaused ? 1 : 0);
    waiting.inc({ pool }, measure.waiting);
    const waitedMs = measure.waitingSince === null ? 0 : Math.max(0, now - measure.waitingSince);
    wait.set({ pool }, waitedMs / 1_000);
    this.#showSets(measure, pool, now);
  }

  #showSets({ sets, setBytes, oldestSet }: PoolMeasure, pool: string, now: number): void {
    this.#gauges.sets.inc({ pool }, sets);
    this.#gauges.setBytes.inc({ pool }, setBytes);
    const ageMs = oldestSet === null ? 0 : Math.max(0, now - oldestSet);
    this.#gauges.setAge.set({ pool }, ageMs / 1_000);
  }

  #showStorage({ images, goldenBytes, savedBytes }: StorageMeasure): void {
    for (const status of IMAGE_STATUSES) this.#gauges.images.set({ status }, 0);
    for (const { status, count } of images) this.#gauges.images.set({ status }, count);
    this.#gauges.imageBytes.set(images.reduce((sum, { bytes }) => sum + bytes, 0));
    this.#gauges.snapshotBytes.set({ kind: 'GOLDEN' }, goldenBytes);
    this.#gauges.snapshotBytes.set({ kind: 'SAVED' }, savedBytes);
  }

  #showJobs(jobs: readonly JobMeasure[]): void {
    for (const kind of JOB_KINDS) {
      for (const status of ['QUEUED', 'RUNNING']) this.#gauges.jobs.set({ kind, status }, 0);
    }
    for (const { kind, status, count } of jobs) this.#gauges.jobs.set({ kind, status }, count);
  }

  #showFeed({ now, lagRows, lagSince }: State): void {
    const lagMs = lagSince === undefined ? 0 : Math.max(0, now - lagSince);
    this.#gauges.readers.set(this.#feed.readers());
    this.#gauges.lagRows.set(lagRows);
    this.#gauges.lag.set(lagMs / 1_000);
  }
}

/** Of pools that share a label the one stays whose first has waited longest. */
function longestWaitLast(a: PoolMeasure, b: PoolMeasure): number {
  const since = ({ waitingSince }: PoolMeasure) => waitingSince ?? Number.MAX_SAFE_INTEGER;
  return since(b) - since(a);
}

/** A gauge without labels is 0 when nobody says otherwise: what is not known is no number. */
const GAUGES = {
  clusters: {
    name: 'snapyard_clusters_count',
    help: 'Clusters of a pool by status; those being removed are RESETTING.',
    labelNames: ['pool', 'status'],
  },
  size: {
    name: 'snapyard_pool_size',
    help: 'Clusters that the pool keeps.',
    labelNames: ['pool'],
  },
  most: {
    name: 'snapyard_pool_max_clusters',
    help: 'Clusters that the pool may have.',
    labelNames: ['pool'],
  },
  paused: {
    name: 'snapyard_pool_replenish_paused',
    help: '1 while the pool makes no clusters because three in a row failed.',
    labelNames: ['pool'],
  },
  waiting: {
    name: 'snapyard_queue_depth',
    help: 'Sessions that wait in the queue of a pool.',
    labelNames: ['pool'],
  },
  wait: {
    name: 'snapyard_queue_oldest_wait_seconds',
    help: 'How long the first in the queue has waited.',
    labelNames: ['pool'],
  },
  sets: {
    name: 'snapyard_template_sets_count',
    help: 'Template sets of a pool that are current.',
    labelNames: ['pool'],
  },
  setBytes: {
    name: 'snapyard_template_sets_bytes',
    help: 'What they take on disk, as far as known.',
    labelNames: ['pool'],
  },
  setAge: {
    name: 'snapyard_template_sets_oldest_age_seconds',
    help: 'Age of the oldest of them; 0 when there is none.',
    labelNames: ['pool'],
  },
  images: {
    name: 'snapyard_images_count',
    help: 'Versions of images, by status.',
    labelNames: ['status'],
  },
  imageBytes: {
    name: 'snapyard_images_bytes',
    help: 'What they take on disk, as far as known; what versions share counts once.',
  },
  snapshotBytes: {
    name: 'snapyard_snapshots_bytes',
    help: 'What all snapshots take on disk, as far as known: golden states, and saved sessions.',
    labelNames: ['kind'],
  },
  jobs: {
    name: 'snapyard_jobs_count',
    help: 'Jobs that are not finished.',
    labelNames: ['kind', 'status'],
  },
  subscribers: { name: 'snapyard_feed_subscribers', help: 'Open subscriptions.' },
  groups: {
    name: 'snapyard_feed_groups',
    help: 'Groups of subscriptions that are read, executed and serialised as one.',
  },
  readers: { name: 'snapyard_feed_readers', help: 'Open readers of the log.' },
  lagRows: {
    name: 'snapyard_feed_lag_rows',
    help: 'Rows of the log that the slowest reader has still before it.',
  },
  lag: {
    name: 'snapyard_feed_lag_seconds',
    help: 'Age of the oldest row that the slowest reader has still before it.',
  },
  sockets: {
    name: 'snapyard_open_sockets',
    help: 'Open WebSockets and event streams.',
    labelNames: ['kind'],
  },
  operations: {
    name: 'snapyard_running_operations',
    help: 'GraphQL operations being executed.',
  },
};
