import { request } from 'node:http';
import { GraphQLError } from 'graphql';
import { expect, test } from 'vitest';
import type { Context } from '../../schema/context.ts';
import { globalId } from '../../schema/global-id.ts';
import { fakeRows } from '../kit/fake-context.ts';
import { aChange, aJob, aSnapshot } from '../kit/rows.ts';
import { serve, type Served } from '../kit/served.ts';
import { overHttp, overWebSocket } from './targets.ts';

const SECRET = 'hunter2 in /srv/snapyard/secret.ts';

const session = globalId('Session', 'session1');
const cluster = globalId('Cluster', 'cluster1');
const vm = globalId('VmHandle', 'vm1');
const job = globalId('Job', 'job1');
const snapshot = globalId('Snapshot', 'snapshot1');
const template = globalId('Template', 'template1');

/** Asks everything that can be read, so that every port is used. */
const EVERYTHING = `{
  cursor viewer { name }
  clusterPool(name: "cks") { id snapshotInfo { status } stats { totalClusters } template { name }
    clusters { edges { node { name pool { name } vms { name } assignedSession { id } } } } }
  clusterPools { edges { node { name } } }
  cluster(id: "${cluster}") { name lastReset }
  template: node(id: "${template}") { id }
  vm: node(id: "${vm}") { ... on VmHandle { cluster { name } snapshot { id } } }
  session(id: "${session}") { status queuePosition timeline { name } vms { name }
    access { sshUser } }
  sessions { totalCount edges { node { id } } }
  snapshots { edges { node { id } } } snapshot: node(id: "${snapshot}") { id }
  job(id: "${job}") { status steps { name } } jobs { edges { node { id } } }
  changeLog { edges { node { id subject { __typename } } } }
  provisioningStats(pool: "cks") { count }
}`;

const MUTATIONS: Readonly<Record<string, string>> = {
  createSession: 'pool: "cks"',
  extendSession: `sessionId: "${session}", minutes: 5`,
  releaseSession: `sessionId: "${session}"`,
  createClusterPool: 'name: "lab", provider: SIMULATOR',
  updateClusterPool: 'name: "cks", size: 2',
  deleteClusterPool: 'name: "cks"',
  bootstrapPool: 'pool: "cks"',
  warmUpPool: 'pool: "cks"',
  releaseAllClusters: 'pool: "cks"',
  resetCluster: `clusterId: "${cluster}"`,
  repairCluster: `clusterId: "${cluster}"`,
  createSnapshots: 'pool: "cks"',
  recreateSnapshots: 'pool: "cks"',
  deleteSnapshots: 'pool: "cks"',
  cancelJob: `jobId: "${job}"`,
  spawnVm: 'pool: "cks"',
  destroyVm: `vmId: "${vm}"`,
};

const SUBSCRIPTIONS: Readonly<Record<string, string>> = {
  changes: 'subscription { changes { cursor } }',
  updates: 'subscription { clusterPoolUpdated(name: "cks") { name } }',
  updatesInPool: 'subscription { clusterUpdated(pool: "cks") { name } }',
};

const READS = [
  'cursor clusterPool clusterPoolByName clusterPools poolStats template templateSet cluster',
  'clusters vmHandle vmHandlesOfCluster vmHandlesOfSession vmHandles session sessions',
  'queuePosition timeline snapshot snapshots job jobs changes provisioningStats',
]
  .join(' ')
  .split(' ')
  .filter((name) => name !== 'vmHandles');

/** In how many ways a port can fail. */
const FAILURES: readonly (() => unknown)[] = [
  () => new Error(SECRET),
  () => new GraphQLError(SECRET),
  () => SECRET,
  () => ({ message: SECRET, stack: SECRET, extensions: { code: 'INTERNAL', secret: SECRET } }),
  () => new AggregateError([new Error(SECRET)], SECRET),
  () => new TypeError('failed', { cause: new Error(SECRET) }),
];

/** Which port fails in which function, and how. */
interface Failing {
  port: 'reads' | 'verbs' | 'feed';
  name: string;
  how: () => unknown;
}

/** A server of which the port named at the moment fails. */
async function serveFailing(failing: Failing): Promise<Served> {
  const rows = fakeRows({
    jobs: [aJob({ id: 'job1' })],
    snapshots: [aSnapshot({ id: 'snapshot1' })],
    changes: [aChange()],
  });
  const access = { kubeconfig: null, sshUser: null, sshPrivateKey: null, endpoints: [] };
  const server = await serve({ rows, verbs: { readAccess: () => Promise.resolve(access) } });
  const open = server.contexts.open.bind(server.contexts);
  const openForSubscription = server.contexts.openForSubscription.bind(server.contexts);
  server.contexts.open = async (viewer) => {
    const lent = await open(viewer);
    return { ...lent, context: sabotaged(lent.context, failing) };
  };
  server.contexts.openForSubscription = async (viewer) => {
    const lent = await openForSubscription(viewer);
    return { ...lent, context: sabotaged(lent.context, failing) };
  };
  return server;
}

function sabotaged(context: Context, { port, name, how }: Failing): Context {
  const broken = new Proxy(context[port], {
    get: (target, asked): unknown => {
      if (asked !== name) return Reflect.get(target, asked);
      return () => {
        throw how();
      };
    },
  });
  return { ...context, [port]: broken };
}

/** What each transport makes of an operation, as its caller reads it. */
async function readEverywhere(url: string, query: string): Promise<string[]> {
  const events = await new Promise<string>((resolve, reject) => {
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
    const options = { method: 'POST', headers, agent: false };
    const sent = request(`${url}/graphql`, options, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ query }));
  });
  const others = [overHttp({ url }), overWebSocket({ url })].map((one) => one.ask({ query }));
  return [events, ...(await Promise.all(others)).map(({ text }) => text)];
}

const POINTS: readonly [Failing['port'], string, string][] = [
  ...READS.map((name): [Failing['port'], string, string] => ['reads', name, EVERYTHING]),
  ['verbs', 'readAccess', EVERYTHING],
  ...Object.entries(MUTATIONS).map(([name, input]): [Failing['port'], string, string] => [
    'verbs',
    name,
    `mutation { ${name}(input: { ${input} }) { __typename } }`,
  ]),
  ...Object.entries(SUBSCRIPTIONS).map(([name, query]): [Failing['port'], string, string] => [
    'feed',
    name,
    query,
  ]),
];

test(`${POINTS.length} points fail, over three transports: nobody learns why`, async () => {
  const failing: Failing = { port: 'reads', name: '', how: () => undefined };
  const server = await serveFailing(failing);
  expect((await overHttp(server).ask({ query: EVERYTHING })).results[0]?.errors).toBeUndefined();
  for (const [i, [port, name, query]] of POINTS.entries()) {
    const how = FAILURES[i % FAILURES.length] ?? (() => SECRET);
    Object.assign(failing, { port, name, how });
    const before = server.errors.length;
    const texts = await readEverywhere(server.url, query);
    const point = `${port}.${name}`;
    expect(texts.join('\n'), point).not.toMatch(/hunter2|secret|srv|\.ts:|node_modules/);
    expect(texts.filter((text) => text.includes('INTERNAL')).length, point).toBe(3);
    expect(server.errors.length - before, point).toBeGreaterThanOrEqual(3);
  }
  expect(POINTS.length * 3).toBeGreaterThan(100);
  expect(server.contexts.lent()).toBe(0);
});
