import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { updatePool } from '../../db/cluster-pool.ts';
import { measureLog } from '../../db/measure.ts';
import { openStore } from '../../db/store.ts';
import { CLUSTER_STATUSES } from '../../schema/model/cluster.ts';
import { createMetrics, type Metrics } from '../../server/metrics.ts';
import type { HttpGauges } from '../../server/metrics/state.ts';
import { realWorld } from '../../server/world.ts';
import { faultAt } from '../kit/faults.ts';
import {
  claim,
  ended,
  poolOf,
  release,
  runningYard,
  served,
  snapshotsOf,
} from '../kit/pool-under-test.ts';
import { parsePage, type Family, type Sample } from '../kit/prometheus.ts';
import { bearer, makeTokens, send, serve } from '../kit/served.ts';
import type { Yard, YardOptions } from '../kit/yard.ts';

const FAILS = { kind: 'ERROR', retryable: false } as const;

const HTTP: HttpGauges = {
  operations: () => 3,
  webSockets: () => 2,
  eventStreams: () => 1,
  subscriptions: () => 5,
  groups: () => 4,
  slowest: () => undefined,
};

/** A yard that is measured. */
class Measured {
  readonly yard: Yard;
  readonly metrics: Metrics;
  slowest: number | undefined;

  constructor(options: YardOptions = {}) {
    this.yard = runningYard(options);
    const { store, world } = this.yard;
    const feed = { readers: () => 4, slowest: () => this.slowest };
    this.metrics = createMetrics({ store, world, feed });
    onTestFinished(() => this.metrics.close());
  }

  /** A page of now. */
  async page(): Promise<Map<string, Family>> {
    await this.yard.world.advance(1_000);
    return parsePage(await this.yard.done(this.metrics.page(HTTP)));
  }

  /** The values of one metric with these labels. */
  async values(name: string, labels: Record<string, string> = {}): Promise<number[]> {
    return valuesOf(await this.page(), name, labels);
  }

  /** A claim whose answer is timed. */
  claim(pool: string, owner: string) {
    const verbs = this.metrics.timing(({ name, role }) => this.yard.as(name, role));
    return this.yard.done(verbs({ name: owner, role: 'USER' }).createSession({ pool }));
  }
}

function valuesOf(page: Map<string, Family>, name: string, labels: Record<string, string>) {
  const family = page.get(name.replace(/_(bucket|sum|count)$/, '')) ?? page.get(name);
  const isAsked = (sample: Sample) =>
    sample.name === name && Object.entries(labels).every(([key, is]) => sample.labels[key] === is);
  return (family?.samples ?? []).filter(isAsked).map(({ value }) => value);
}

/** Claims of the whole log by state, counted so many rows at a time. */
function countClaims({ store }: Yard, limit: number): Record<string, number> {
  const counts: Record<string, number> = {};
  let from = { seq: 0, record: 0 };
  for (let more = true; more;) {
    const { claims, upTo } = store.read((db) => measureLog(db, from, limit));
    for (const { status, count } of claims) counts[status] = (counts[status] ?? 0) + count;
    more = upTo.seq > from.seq;
    from = upTo;
  }
  return counts;
}

describe('the page', () => {
  it('is in the format, and every label is of a closed set', async () => {
    const measured = new Measured();
    await measured.yard.addPool({ name: 'cks', size: 2 });
    await measured.yard.settled('cks', 2);
    await release(measured.yard, await measured.claim('cks', 'some "body"'));
    const page = await measured.page();
    const ours = [...page.values()].filter(({ name }) => name.startsWith('snapyard_'));
    expect(ours.length).toBeGreaterThan(20);
    const values = ours.flatMap(({ samples }) =>
      samples.flatMap(({ labels }) => Object.values(labels)),
    );
    expect(values.filter((value) => !/^[\w.+-]*$/.test(value))).toEqual([]);
    expect(values.filter((value) => /body|cluster1/.test(value))).toEqual([]);
    for (const name of ['process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds']) {
      expect(page.get(name)?.samples).toHaveLength(1);
    }
  });

  it('is what the README says, name by name', async () => {
    const page = await new Measured().page();
    const [, section = ''] = readFileSync('README.md', 'utf8').split('\n## Metrics\n');
    const [table = ''] = section.split('\n## ');
    const told = [...table.matchAll(/^\| `(\w+)(?:\{([\w, ]+)\})?` \| (\w+) \|/gm)];
    const names = told.map(([, name = '', , type = '']) => `${name} ${type}`);
    expect(names.length).toBeGreaterThan(25);
    const shown = [...page.values()].map(({ name, type }) => `${name} ${type}`);
    expect(names.filter((name) => !shown.includes(name))).toEqual([]);
    const ours = shown.filter((name) => name.startsWith('snapyard_'));
    expect(ours.filter((name) => !names.includes(name))).toEqual([]);
  });

  it('is at most a second old, and read no more often than that', async () => {
    const { yard, metrics } = new Measured();
    let reads = 0;
    const counting = createMetrics({
      store: {
        onCommit: (listener) => yard.store.onCommit(listener),
        read: (body) => {
          reads += 1;
          return yard.store.read(body);
        },
      },
      world: yard.world,
      feed: { readers: () => 0, slowest: () => undefined },
    });
    onTestFinished(() => counting.close());
    const first = await yard.done(counting.page(HTTP));
    const before = reads;
    await yard.world.advance(999);
    for (let n = 0; n < 100; n += 1) expect(await yard.done(counting.page(HTTP))).toBe(first);
    expect(reads).toBe(before);
    await yard.world.advance(1);
    expect(await yard.done(counting.page(HTTP))).not.toBe(first);
    expect(metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });
});

describe('what it shows', () => {
  it('is what the database says, as it moves', async () => {
    const measured = new Measured();
    const { yard } = measured;
    await yard.addPool({ name: 'cks', size: 2 });
    await yard.addPool({ name: 'lab', size: 1, whenEmpty: 'QUEUE' });
    await yard.settled('cks', 2);
    await yard.settled('lab', 1);
    const [a] = [await measured.claim('cks', 'ann'), await measured.claim('cks', 'ben')];
    await expect(measured.claim('cks', 'cyd')).rejects.toThrow('no available clusters');
    await expect(measured.claim('nowhere', 'cyd')).rejects.toThrow('not found');
    const [first] = [await measured.claim('lab', 'ann'), await measured.claim('lab', 'ben')];
    await yard.world.advance(4_000);
    const page = await measured.page();
    const of = (name: string, labels: Record<string, string> = {}) => valuesOf(page, name, labels);
    expect(of('snapyard_claims_total', { pool: 'cks', status: 'RUNNING' })).toEqual([2]);
    expect(of('snapyard_claims_total', { pool: 'lab', status: 'RUNNING' })).toEqual([1]);
    expect(of('snapyard_claims_total', { pool: 'lab', status: 'PENDING' })).toEqual([1]);
    expect(of('snapyard_claim_refusals_total', { pool: 'cks' })).toEqual([1]);
    expect(of('snapyard_claim_refusals_total', { pool: '', code: 'NOT_FOUND' })).toEqual([1]);
    expect(of('snapyard_session_allocations_duration_seconds_count', { pool: 'cks' })).toEqual([
      2, 1,
    ]);
    expect(of('snapyard_queue_depth', { pool: 'lab' })).toEqual([1]);
    const [waited = 0] = of('snapyard_queue_oldest_wait_seconds', { pool: 'lab' });
    expect(waited).toBeGreaterThanOrEqual(5);
    expect(waited).toBeLessThan(6);
    for (const status of CLUSTER_STATUSES) {
      const members = yard.members('cks').filter((one) => one.status === status);
      expect(of('snapyard_clusters_count', { pool: 'cks', status })).toEqual([members.length]);
    }
    expect(of('snapyard_pool_size')).toEqual([2, 1]);
    await release(yard, a);
    await release(yard, first);
    await yard.settled('cks', 2, ['AVAILABLE', 'LOCKED']);
    await yard.settled('lab', 1, ['LOCKED']);
    expect(await measured.values('snapyard_queue_depth', { pool: 'lab' })).toEqual([0]);
    expect(await measured.values('snapyard_cluster_reset_duration_seconds_count')).toEqual([1, 1]);
    expect(
      await measured.values('snapyard_sessions_ended_total', { pool: 'cks', cause: 'ADMIN' }),
    ).toEqual([1]);
    const waits = await measured.values('snapyard_claim_duration_seconds_sum', { pool: 'lab' });
    expect(waits[0]).toBeGreaterThan(5);
  });

  it('tells what sessions are served from, and the fallbacks by reason', async () => {
    const measured = new Measured();
    const { yard } = measured;
    await yard.addPool({ name: 'p', size: 1, maxClusters: 3, whenEmpty: 'PROVISION' });
    await yard.settled('p', 1);
    const session = await claim(yard, 'p', 'maker');
    const wanted = { pool: 'p', sessionId: session.id };
    await ended(yard, await yard.done(yard.as('admin').createSnapshots(wanted)));
    await served(yard, await claim(yard, 'p', 'bob'));
    const [set] = snapshotsOf(yard, 'p').filter(({ clusterId }) => clusterId === null);
    yard.simulator.loseSet(`${set?.poolId}-${set?.set}`);
    await served(yard, await claim(yard, 'p', 'eve'));
    const page = await measured.page();
    const of = (name: string, labels: Record<string, string> = {}) => valuesOf(page, name, labels);
    const ways = ['POOL', 'SNAPSHOT', 'BOOTSTRAP'];
    const counts = ways.map((served_from) => of('snapyard_sessions_served_total', { served_from }));
    expect(counts).toEqual([[1], [1], [1]]);
    expect(of('snapyard_sessions_served_total', { fallback: 'yes' })).toEqual([1]);
    expect(of('snapyard_fallbacks_total', { reason: 'SNAPSHOTS_FAILED' })).toEqual([1]);
    expect(of('snapyard_cluster_provisioning_failures_total', { strategy: 'SNAPSHOT' })).toEqual([
      1,
    ]);
    expect(of('snapyard_cluster_provisioning_duration_seconds_count')).toEqual([1]);
    expect(of('snapyard_claim_duration_seconds_count', { served_from: 'SNAPSHOT' })).toEqual([1]);
    const origins = ['WARM', 'SNAPSHOT', 'COLD_BOOT'];
    const spawns = origins.map((origin) =>
      of('snapyard_vm_spawn_duration_seconds_count', { origin }),
    );
    expect(spawns).toEqual([[1], [1], [1]]);
    expect(of('snapyard_jobs_finished_total')).toEqual([1]);
    const states = ['RUNNING', 'PROVISIONING', 'PENDING'];
    const claims = states.map((status) => of('snapyard_claims_total', { status }));
    expect(claims).toEqual([[1], [2], []]);
    // However the log is cut, no claim is cut in two.
    for (let limit = 40; limit < 80; limit += 1) {
      expect([limit, countClaims(yard, limit)]).toEqual([limit, { RUNNING: 1, PROVISIONING: 2 }]);
    }
  });

  it('tells of the sets of pools of micro-VMs, and of cold boots for want of one', async () => {
    const measured = new Measured({ micro: true, speed: 100 });
    const { yard } = measured;
    await yard.addPool({ name: 'p', size: 1, lazy: true });
    await served(yard, await claim(yard, 'p', 'first'));
    await yard.world.advance(60_000);
    const page = await measured.page();
    const of = (name: string, labels: Record<string, string> = {}) => valuesOf(page, name, labels);
    expect(of('snapyard_fallbacks_total', { reason: 'NO_SNAPSHOT' })).toEqual([1]);
    expect(of('snapyard_template_sets_count', { pool: 'p' })).toEqual([2]);
    const bytes = snapshotsOf(yard, 'p').reduce((sum, one) => sum + (one.sizeBytes ?? 0), 0);
    expect(of('snapyard_template_sets_bytes')).toEqual([bytes]);
    expect(of('snapyard_template_sets_oldest_age_seconds')[0]).toBeGreaterThan(50);
  });

  it('tells of wakes that failed', async () => {
    const measured = new Measured({
      wrapProvider: (provider) => ({
        ...provider,
        capabilities: { ...provider.capabilities, wakes: true },
      }),
      faults: faultAt({ operation: 'wake', when: 'BEFORE' }, FAILS, 1),
    });
    const { yard } = measured;
    await yard.addPool({ name: 'p', size: 2 });
    await yard.settled('p', 2);
    const session = await measured.claim('p', 'ann');
    expect((await served(yard, session)).status).toBe('RUNNING');
    const page = await measured.page();
    expect(valuesOf(page, 'snapyard_claims_total', { status: 'PROVISIONING' })).toEqual([1]);
    expect(valuesOf(page, 'snapyard_fallbacks_total', { reason: 'WAKE_FAILED' })).toEqual([1]);
  });

  it('tells what is open, and how far the slowest reader is behind', async () => {
    const measured = new Measured();
    const { yard } = measured;
    await yard.addPool({ name: 'p', size: 1 });
    expect(await measured.values('snapyard_feed_lag_rows')).toEqual([0]);
    await yard.settled('p', 1);
    measured.slowest = yard.store.head().seq - 1;
    await yard.world.advance(60_000);
    const page = await measured.page();
    const of = (name: string) => valuesOf(page, name, {});
    expect(of('snapyard_feed_lag_rows')).toEqual([1]);
    expect(of('snapyard_feed_lag_seconds')[0]).toBeGreaterThanOrEqual(60);
    expect(of('snapyard_open_sockets')).toEqual([2, 1]);
    expect(of('snapyard_running_operations')).toEqual([3]);
    expect(of('snapyard_feed_subscribers')).toEqual([5]);
    expect(of('snapyard_feed_groups')).toEqual([4]);
  });
});

describe('many', () => {
  it('pools share a label beyond 200, and no row is counted twice or left out', async () => {
    const measured = new Measured();
    const { yard } = measured;
    for (let n = 0; n < 203; n += 1) await yard.addPool({ name: `p${n}`, size: 1, lazy: true });
    const sizes = (await measured.page()).get('snapyard_pool_size')?.samples ?? [];
    expect(sizes).toHaveLength(201);
    expect(sizes.find(({ labels }) => labels['pool'] === '_other')?.value).toBe(3);
  });

  it('rows of the log are counted in stretches, each once', async () => {
    const measured = new Measured();
    const { yard } = measured;
    await yard.addPool({ name: 'p', size: 20 });
    await yard.settled('p', 20);
    const { id } = poolOf(yard, 'p');
    const touch = () =>
      yard.store.transact((tx) => {
        for (let n = 0; n < 40; n += 1) updatePool(tx, id, {}, { cause: 'ADMIN' });
      });
    const verbs = measured.metrics.timing(({ name, role }) => yard.as(name, role));
    const claims = Array.from({ length: 20 }, (_, n) => {
      const claimed = verbs({ name: `user${n}`, role: 'USER' }).createSession({ pool: 'p' });
      return [claimed, ...Array.from({ length: 10 }, touch)];
    });
    // All within a few commits, so that they are counted when the page is asked for.
    await yard.done(Promise.all(claims.flat()));
    expect(yard.store.head().seq).toBeGreaterThan(7_500);
    expect(await measured.values('snapyard_claims_total')).toEqual([20]);
    expect(await measured.values('snapyard_claims_total')).toEqual([20]);
  });
});

describe('who may read it', () => {
  const metricsOf = () => {
    const folder = mkdtempSync(join(tmpdir(), 'snapyard-metrics-'));
    const world = realWorld();
    const store = openStore(join(folder, 'yard.db'), world);
    const feed = { readers: () => 0, slowest: () => undefined };
    const metrics = createMetrics({ store, world, feed });
    onTestFinished(async () => {
      metrics.close();
      await store.close();
      rmSync(folder, { recursive: true });
    });
    return metrics;
  };

  it('is whoever shows a token, of any role', async () => {
    const tokens = makeTokens();
    const { url } = await serve({ auth: tokens.auth, metrics: metricsOf() });
    const get = (headers = {}) => send(`${url}/metrics`, { headers });
    for (const role of ['VIEWER', 'USER', 'ADMIN'] as const) {
      const answer = await get(bearer(tokens.add(role, role)));
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(parsePage(answer.text).size).toBeGreaterThan(30);
    }
    const refused = await get();
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect((await get(bearer(`snap_${'0'.repeat(72)}`))).status).toBe(401);
  });

  it('is anybody on this machine without tokens, but no foreign page', async () => {
    const { url } = await serve({ metrics: metricsOf() });
    const get = (headers: Record<string, string>, method = 'GET') =>
      send(`${url}/metrics`, { method, headers });
    expect((await get({})).status).toBe(200);
    expect((await get({ origin: 'https://evil.example.org' })).status).toBe(403);
    expect((await get({ host: 'evil.example.org' })).status).toBe(403);
    expect((await get({}, 'POST')).status).toBe(405);
    expect(await get({}, 'HEAD')).toMatchObject({ status: 200, text: '' });
  });
});
