import { expect, test } from 'vitest';
import type { ControlPlane } from '../../schema/context.ts';
import { globalId } from '../../schema/global-id.ts';
import {
  Conflict,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  PoolExhausted,
  QuotaExceeded,
  type Refusal,
  WrongState,
} from '../../schema/model/refusal.ts';
import { ADMIN, ALICE, ask, BOB, codesOf, dataOf } from '../kit/ask.ts';
import { fakeRows } from '../kit/fake-context.ts';
import { aJob, anImage, aPool, aSession, aSnapshot, aVm } from '../kit/rows.ts';

const SESSION = globalId('Session', 'session1');
const SNAPSHOT = globalId('Snapshot', 'snapshot1');
const FROM_SAVED = { pool: 'cks', snapshotId: 'snapshot1' };
const CLUSTER = globalId('Cluster', 'cluster1');
const JOB = globalId('Job', 'job1');
const VM = globalId('VmHandle', 'vm1');
const IMAGE = globalId('Image', 'image1');

/** Each verb: its input, and what its port is called with. */
const VERBS: [keyof ControlPlane, input: string, given: unknown][] = [
  [
    'createSession',
    'pool: "cks" ttlMinutes: 5 idempotencyKey: "k"',
    { pool: 'cks', ttlMinutes: 5, idempotencyKey: 'k' },
  ],
  ['extendSession', `sessionId: "${SESSION}" minutes: 5`, { sessionId: 'session1', minutes: 5 }],
  ['releaseSession', `sessionId: "${SESSION}"`, 'session1'],
  [
    'createClusterPool',
    'name: "new" provider: QEMU size: 2',
    { name: 'new', provider: 'QEMU', size: 2 },
  ],
  ['updateClusterPool', 'name: "cks" ifVersion: 3', { name: 'cks', ifVersion: 3 }],
  ['deleteClusterPool', 'name: "cks"', 'cks'],
  ['bootstrapPool', 'pool: "cks"', 'cks'],
  ['warmUpPool', 'pool: "cks"', 'cks'],
  ['releaseAllClusters', 'pool: "cks"', 'cks'],
  ['resetCluster', `clusterId: "${CLUSTER}"`, 'cluster1'],
  ['repairCluster', `clusterId: "${CLUSTER}"`, 'cluster1'],
  [
    'createSnapshots',
    `pool: "cks" sessionId: "${SESSION}" mode: ONLINE`,
    { pool: 'cks', sessionId: 'session1', mode: 'ONLINE' },
  ],
  ['recreateSnapshots', 'pool: "cks"', { pool: 'cks' }],
  ['recreateSnapshots', 'pool: "cks" baseCluster: true', { pool: 'cks', baseCluster: true }],
  ['deleteSnapshots', 'pool: "cks"', 'cks'],
  ['saveSession', `sessionId: "${SESSION}" name: "é 1"`, { sessionId: 'session1', name: 'é 1' }],
  ['deleteSavedSnapshot', `snapshotId: "${SNAPSHOT}"`, 'snapshot1'],
  ['createSession', `pool: "cks" snapshotId: "${SNAPSHOT}"`, FROM_SAVED],
  ['spawnVm', `pool: "cks" snapshotId: "${SNAPSHOT}"`, FROM_SAVED],
  ['cancelJob', `jobId: "${JOB}"`, 'job1'],
  ['spawnVm', 'pool: "micro" task: "try"', { pool: 'micro', task: 'try' }],
  ['destroyVm', `vmId: "${VM}"`, 'vm1'],
  [
    'buildImage',
    'name: "mine" parent: "base" files: [{ path: "/etc/motd" content: "hi" }] steps: [["true"]]',
    {
      name: 'mine',
      parent: 'base',
      files: [{ path: '/etc/motd', content: 'hi' }],
      steps: [['true']],
    },
  ],
  [
    'pullImage',
    'reference: "ghcr.io/mroie/qemu-snapshots:win98-base" name: "win98"',
    { reference: 'ghcr.io/mroie/qemu-snapshots:win98-base', name: 'win98' },
  ],
  ['publishImage', `imageId: "${IMAGE}" tag: "games-3"`, { imageId: 'image1', tag: 'games-3' }],
  ['rollbackImage', 'name: "games" imageVersion: 2', { name: 'games', imageVersion: 2 }],
  ['deleteImage', `imageId: "${IMAGE}"`, 'image1'],
];

const ROWS = {
  Session: aSession(),
  ClusterPool: aPool(),
  Job: aJob(),
  VmHandle: aVm(),
  Snapshot: aSnapshot(),
  Image: anImage(),
};

test.each(VERBS)(
  '%s hands its input to the verb and answers its row',
  async (verb, input, given) => {
    const received: unknown[] = [];
    const row = ROWS[await successOf(verb)];
    const act = (value: unknown) => {
      received.push(value);
      return Promise.resolve(row);
    };
    const text = `mutation { ${verb}(input: { ${input} }) { __typename ... on Node { id } } }`;
    const data = await dataOf(text, { verbs: { [verb]: act } });
    expect(received).toEqual([given]);
    const name = await successOf(verb);
    expect(data).toEqual({ [verb]: { __typename: name, id: globalId(name, row.id) } });
  },
);

/** The type that a verb answers when it is not refused. */
async function successOf(verb: string): Promise<keyof typeof ROWS> {
  const data = await dataOf(`{ __type(name: "Mutation") { fields {
    name type { ofType { possibleTypes { name } } } } } }`);
  const { fields } = (data as { __type: { fields: Field[] } }).__type;
  const members = fields.find(({ name }) => name === verb)?.type.ofType.possibleTypes ?? [];
  const found = Object.keys(ROWS).find((name) => members.some((member) => member.name === name));
  if (found === undefined) throw new Error(`${verb} answers no row`);
  return found as keyof typeof ROWS;
}

interface Field {
  name: string;
  type: { ofType: { possibleTypes: { name: string }[] } };
}

test.each<[keyof ControlPlane, Refusal, Record<string, unknown>]>([
  ['createSession', new PoolExhausted('all are resetting', 5_000), { retryAfterMs: 5_000 }],
  ['createSession', new QuotaExceeded(2), { limit: 2 }],
  ['createSession', new NotFound('pool'), {}],
  ['createSession', new InvalidInput('too long', 'ttlMinutes'), { field: 'ttlMinutes' }],
  ['createSession', new IdempotencyConflict(), {}],
  ['extendSession', new WrongState('it has ended', 'COMPLETED'), { state: 'COMPLETED' }],
  ['updateClusterPool', new Conflict('version 3 is not the present one'), {}],
  ['resetCluster', new WrongState('a session holds it', 'LOCKED'), { state: 'LOCKED' }],
  ['spawnVm', new PoolExhausted(), { retryAfterMs: null }],
  ['destroyVm', new WrongState('it is one of two VMs', 'RUNNING'), { state: 'RUNNING' }],
])('%s answers a refusal as data: %o', async (verb, refusal, own) => {
  const input = VERBS.find(([name]) => name === verb)?.[1] ?? '';
  const text = `mutation { ${verb}(input: { ${input} }) {
    __typename ... on UserError { code message }
    ${Object.keys(own)
      .map((field) => `... on ${refusal.constructor.name} { ${field} }`)
      .join(' ')}
  } }`;
  const verbs = { [verb]: () => Promise.reject(refusal) };
  expect(await dataOf(text, { verbs })).toEqual({
    [verb]: {
      __typename: refusal.constructor.name,
      code: refusal.code,
      message: refusal.message,
      ...own,
    },
  });
});

test('a refusal that a verb never gives is a fault', async () => {
  const verbs = { createSession: () => Promise.reject(new Conflict('how come')) };
  const { errors } = await ask(
    'mutation { createSession(input: { pool: "cks" }) { __typename } }',
    {
      verbs,
    },
  );
  expect(errors).toHaveLength(1);
  expect(errors?.[0]?.extensions).toEqual({});
});

test.each([
  ['createSession', 'pool: "cks" ttlMinutes: -1', 'ttlMinutes'],
  ['createSession', 'pool: "cks" ttlMinutes: 600000', 'ttlMinutes'],
  ['createSession', 'pool: "cks" idempotencyKey: ""', 'idempotencyKey'],
  ['createSession', `pool: "cks" idempotencyKey: "${'k'.repeat(129)}"`, 'idempotencyKey'],
  ['extendSession', `sessionId: "${SESSION}" minutes: 0`, 'minutes'],
  ['createClusterPool', `name: "${'n'.repeat(300)}" provider: QEMU`, 'name'],
  ['createClusterPool', 'name: "a" provider: QEMU maxWaitSeconds: 0', 'maxWaitSeconds'],
  ['createSnapshots', `pool: "cks" sessionId: "${SESSION}" baseCluster: true`, 'baseCluster'],
  ['recreateSnapshots', `pool: "cks" sessionId: "${SESSION}" baseCluster: true`, 'baseCluster'],
  ['spawnVm', `pool: "micro" task: "${'t'.repeat(1001)}"`, 'task'],
  ['createClusterPool', 'name: "a" provider: QEMU memoryMiB: 127', 'memoryMiB'],
  ['createClusterPool', 'name: "a" provider: QEMU cpuCores: 0', 'cpuCores'],
  ['createClusterPool', 'name: "a" provider: QEMU cpuCores: 65', 'cpuCores'],
  ['createClusterPool', 'name: "a" provider: QEMU diskGiB: 0', 'diskGiB'],
  ['createClusterPool', 'name: "a" provider: QEMU image: "No"', 'image'],
  ['buildImage', 'name: "9lives"', 'name'],
  ['buildImage', 'name: "a" parent: "base@2"', 'parent'],
  ['buildImage', 'name: "a" packages: ["--root"]', 'packages.0'],
  ['buildImage', 'name: "a" steps: [[]]', 'steps.0'],
  ['buildImage', 'name: "a" files: [{ path: "/a/../b" content: "" }]', 'files.0.path'],
  ['buildImage', 'name: "a" files: [{ path: "etc/motd" content: "" }]', 'files.0.path'],
  ['buildImage', 'name: "a" files: [{ path: "/tmp/a" content: "" }]', 'files.0.path'],
  ['buildImage', 'name: "a" files: [{ path: "/a b" content: "" }]', 'files.0.path'],
  [
    'buildImage',
    'name: "a" files: [{ path: "/a" content: "" } { path: "/a" content: "" }]',
    'files',
  ],
  ['buildImage', `name: "a" files: [{ path: "/a" content: "${'x'.repeat(65_537)}" }]`, 'files'],
  ['pullImage', 'reference: "https://somewhere/x" name: "a"', 'reference'],
  ['pullImage', 'reference: "-o" name: "a"', 'reference'],
  ['publishImage', `imageId: "${IMAGE}" tag: "a b"`, 'tag'],
  ['rollbackImage', 'name: "games" imageVersion: 0', 'imageVersion'],
])('%s refuses %s', async (verb, input, field) => {
  const text = `mutation { ${verb}(input: { ${input} }) {
    __typename ... on InvalidInput { code field message } } }`;
  expect(await dataOf(text)).toMatchObject({
    [verb]: { __typename: 'InvalidInput', code: 'INVALID_INPUT', field },
  });
});

test('only admins claim on behalf of others', async () => {
  const owners: unknown[] = [];
  const createSession: ControlPlane['createSession'] = ({ owner }) => {
    owners.push(owner);
    return Promise.resolve(aSession());
  };
  const claim = (owner: string) =>
    `mutation { createSession(input: { pool: "cks" owner: "${owner}" }) { __typename } }`;
  const verbs = { createSession };
  expect(await codesOf(claim('alice'), { viewer: BOB, verbs })).toEqual(['FORBIDDEN']);
  expect(await codesOf(claim('alice'), { viewer: ALICE, verbs })).toEqual([]);
  expect(await codesOf(claim('alice'), { viewer: ADMIN, verbs })).toEqual([]);
  expect(owners).toEqual(['alice', 'alice']);
});

test('verbs of one document are done one after the other', async () => {
  const order: string[] = [];
  const verbs: Partial<ControlPlane> = {
    async warmUpPool(name) {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      return aJob();
    },
  };
  await dataOf(
    `mutation {
      a: warmUpPool(input: { pool: "a" }) { __typename }
      b: warmUpPool(input: { pool: "b" }) { __typename }
    }`,
    { verbs },
  );
  expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('a VM says which of its streams could be opened now, by whom', async () => {
  const rows = fakeRows({ vms: [aVm({ sessionId: 'session1' })] });
  const verbs = { readStreams: () => ['SERIAL', 'VNC'] as const };
  const question = `{ node(id: "${VM}") { ... on VmHandle { consoles allowedActions } } }`;
  for (const [viewer, consoles] of [
    [ADMIN, ['SERIAL', 'VNC']],
    [ALICE, ['SERIAL', 'VNC']],
    [BOB, []],
  ] as const) {
    const allowedActions = consoles.length === 0 ? [] : ['openConsole'];
    const node = { consoles, allowedActions };
    expect(await dataOf(question, { viewer, rows, verbs })).toEqual({ node });
  }
});

test('a ticket to a console is asked for by the VM and the kind of stream', async () => {
  const given: unknown[] = [];
  const openConsole = (input: unknown) => {
    given.push(input);
    return Promise.resolve({ url: '/consoles/abc', expiresAt: 0 });
  };
  const source = `mutation { openConsole(input: { vmId: "${VM}" kind: VNC }) {
    ... on ConsoleTicket { url expiresAt } } }`;
  expect(await dataOf(source, { verbs: { openConsole } })).toEqual({
    openConsole: { url: '/consoles/abc', expiresAt: '1970-01-01T00:00:00.000Z' },
  });
  expect(given).toEqual([{ vmId: 'vm1', kind: 'VNC' }]);
});

test.each(['', ' x', 'x ', 'a\nb', 'a\u202eb', 'a\u2028b', '\u0000', 'x'.repeat(61)])(
  'a saved session is not named %j',
  async (name) => {
    const verbs = { saveSession: () => Promise.reject(new Error('was called')) };
    const source = `mutation ($name: String!) {
      saveSession(input: { sessionId: "${SESSION}", name: $name }) {
        ... on InvalidInput { field }
      }
    }`;
    const data = await dataOf(source, { verbs, variables: { name } });
    expect(data).toEqual({ saveSession: { field: 'name' } });
  },
);
