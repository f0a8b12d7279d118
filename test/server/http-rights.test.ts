import {
  getNamedType,
  type GraphQLField,
  type GraphQLInputType,
  isEnumType,
  isScalarType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isUnionType,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import type { Feed } from '../../schema/context.ts';
import { schema } from '../../schema/index.ts';
import { hasRole, type Role } from '../../schema/model/viewer.ts';
import { streamOf } from '../kit/ask.ts';
import { bearer, makeTokens, post, send, serve } from '../kit/served.ts';
import { connect } from '../kit/socket.ts';

/** The least role that each root field is open to; a new field must be added here. */
const NEEDS: Record<string, Role> = {
  'Query.node': 'VIEWER',
  'Query.viewer': 'VIEWER',
  'Query.cursor': 'VIEWER',
  'Query.now': 'VIEWER',
  'Query.clusterPool': 'VIEWER',
  'Query.clusterPools': 'VIEWER',
  'Query.cluster': 'VIEWER',
  'Query.session': 'VIEWER',
  'Query.sessions': 'VIEWER',
  'Query.snapshots': 'VIEWER',
  'Query.vmHandles': 'VIEWER',
  'Query.job': 'VIEWER',
  'Query.jobs': 'VIEWER',
  'Query.changeLog': 'VIEWER',
  'Query.provisioningStats': 'VIEWER',
  'Query.image': 'VIEWER',
  'Query.images': 'VIEWER',
  'Query.imageCatalogue': 'VIEWER',
  'Query.imageTags': 'VIEWER',
  'Mutation.createSession': 'USER',
  'Mutation.extendSession': 'USER',
  'Mutation.releaseSession': 'USER',
  'Mutation.openConsole': 'USER',
  'Mutation.spawnVm': 'USER',
  'Mutation.destroyVm': 'USER',
  'Mutation.saveSession': 'USER',
  'Mutation.deleteSavedSnapshot': 'USER',
  'Mutation.createClusterPool': 'ADMIN',
  'Mutation.updateClusterPool': 'ADMIN',
  'Mutation.deleteClusterPool': 'ADMIN',
  'Mutation.bootstrapPool': 'ADMIN',
  'Mutation.warmUpPool': 'ADMIN',
  'Mutation.releaseAllClusters': 'ADMIN',
  'Mutation.resetCluster': 'ADMIN',
  'Mutation.repairCluster': 'ADMIN',
  'Mutation.createSnapshots': 'ADMIN',
  'Mutation.recreateSnapshots': 'ADMIN',
  'Mutation.deleteSnapshots': 'ADMIN',
  'Mutation.cancelJob': 'ADMIN',
  'Mutation.buildImage': 'ADMIN',
  'Mutation.pullImage': 'ADMIN',
  'Mutation.publishImage': 'ADMIN',
  'Mutation.rollbackImage': 'ADMIN',
  'Mutation.deleteImage': 'ADMIN',
  'Subscription.changes': 'VIEWER',
  'Subscription.sessionUpdated': 'VIEWER',
  'Subscription.clusterPoolUpdated': 'VIEWER',
  'Subscription.clusterUpdated': 'VIEWER',
  'Subscription.snapshotUpdated': 'VIEWER',
  'Subscription.vmHandleUpdated': 'VIEWER',
  'Subscription.jobUpdated': 'VIEWER',
  'Subscription.imageUpdated': 'VIEWER',
};

const PRINCIPALS = ['nobody', 'VIEWER', 'USER', 'ADMIN'] as const;

const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
const fields = roots.flatMap((root) =>
  Object.values(root?.getFields() ?? {}).map((field) => ({ root: root?.name ?? '', field })),
);

test('the table names every root field', () => {
  const present = fields.map(({ root, field }) => `${root}.${field.name}`);
  expect(Object.keys(NEEDS).toSorted()).toEqual(present.toSorted());
});

const feed: Partial<Feed> = {
  changes: () => streamOf(),
  updates: () => Promise.resolve(streamOf()),
  updatesInPool: () => Promise.resolve(streamOf()),
  updatesOfImage: () => Promise.resolve(streamOf()),
};

describe.each(PRINCIPALS)('%s', (principal) => {
  test.each(fields)('$root.$field.name over HTTP', async ({ root, field }) => {
    const tokens = makeTokens();
    const server = await serve({ auth: tokens.auth, feed });
    const headers = principal === 'nobody' ? {} : bearer(tokens.add('somebody', principal));
    const accept = root === 'Subscription' ? { accept: 'text/event-stream' } : {};
    const answer = await send(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers, ...accept },
      body: JSON.stringify({ query: documentFor(root, field) }),
    });
    expect(outcomeOf(answer)).toBe(expectedFor(principal, `${root}.${field.name}`));
  });
});

test.each(fields)('$root.$field.name over WebSocket', async ({ root, field }) => {
  const tokens = makeTokens();
  const server = await serve({ auth: tokens.auth, feed });
  for (const role of ['VIEWER', 'USER', 'ADMIN'] as const) {
    const socket = await connect(server.url, bearer(tokens.add(role, role)));
    const query = documentFor(root, field);
    socket.send({ type: 'subscribe', id: '1', payload: { query } });
    const text = JSON.stringify(await socket.next());
    expect(outcomeOf({ status: 200, text })).toBe(expectedFor(role, `${root}.${field.name}`));
  }
});

test('nobody gets nothing, and is told how to come in', async () => {
  const server = await serve({ auth: makeTokens().auth });
  const { status, headers, json } = await post(server, '{ __typename }');
  expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer']);
  expect(json).toEqual({
    errors: [
      {
        message: 'send "Authorization: Bearer" with a token of this server',
        extensions: { code: 'UNAUTHENTICATED' },
      },
    ],
  });
  expect(server.contexts.opened()).toBe(0);
});

type Outcome = 'UNAUTHENTICATED' | 'FORBIDDEN' | 'LET IN';

function expectedFor(principal: (typeof PRINCIPALS)[number], field: string): Outcome {
  if (principal === 'nobody') return 'UNAUTHENTICATED';
  const viewer = { name: 'somebody', role: principal };
  return hasRole(viewer, NEEDS[field] ?? 'ADMIN') ? 'LET IN' : 'FORBIDDEN';
}

/** Whoever is let in may still be refused by the state of things, or find no port behind. */
function outcomeOf({ status, text }: { status: number; text: string }): Outcome {
  if (status === 401) return 'UNAUTHENTICATED';
  expect(text).not.toContain('BAD_INPUT');
  return text.includes('"code":"FORBIDDEN"') ? 'FORBIDDEN' : 'LET IN';
}

function documentFor(root: string, field: GraphQLField<unknown, unknown>): string {
  const args = field.args.filter(({ type }) => isNonNullType(type));
  const given = args.map(({ name, type }) => `${name}: ${literalOf(type)}`).join(' ');
  const type = getNamedType(field.type);
  const isLeaf = isScalarType(type) || isEnumType(type);
  const selection = isLeaf ? '' : '{ __typename }';
  expect(isUnionType(type) || !type.name.endsWith('Result')).toBe(true);
  return `${root.toLowerCase()} { ${field.name} ${given && `(${given})`} ${selection} }`;
}

function literalOf(type: GraphQLInputType): string {
  if (isNonNullType(type)) return literalOf(type.ofType);
  if (isListType(type)) return '[]';
  if (isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (isInputObjectType(type)) {
    const required = Object.values(type.getFields()).filter((one) => isNonNullType(one.type));
    return `{ ${required.map((one) => `${one.name}: ${literalOf(one.type)}`).join(' ')} }`;
  }
  return type.name === 'Int' ? '1' : '"x"';
}
