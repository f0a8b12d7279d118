import type { ObjectRef } from '@pothos/core';
import { builder, forViewer } from './builder.ts';
import { BadCursor, type Page, type PageArgs, type Reads } from './context.ts';
import { badInput } from './request-error.ts';

const DEFAULT_FIRST = 50;
const MAX_FIRST = 100;

type BuilderTypes = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer T> ? T : never;

/** The connection type of a noun, with its edge. */
export function connectionOf<Row>(node: ObjectRef<BuilderTypes, Row>, plural: string) {
  return builder.connectionObject(
    {
      type: node,
      name: `${node.name}Connection`,
      description: `A page of ${plural}.`,
      authScopes: forViewer,
      fields: (t) => ({
        totalCount: t.int({
          description: 'How many there are in the whole list now; counted only when asked for.',
          resolve: (connection) => connection.totalCount(),
        }),
      }),
    },
    {
      description: `One of a page of ${plural}, and where it stands in the list.`,
      authScopes: forViewer,
    },
  );
}

/** The arguments of every connection. */
export const pageArgs = builder.args((t) => ({
  first: t.int({ description: 'How many at most: 1 to 100, 50 when left out.' }),
  after: t.string({ description: 'The cursor behind which to go on; from the start without it.' }),
}));

/** The page that was asked for; bounds and cursors that no list knows are the caller's mistake. */
export function readPage<Row>(
  args: { first?: number | null | undefined; after?: string | null | undefined },
  read: (page: PageArgs) => Page<Row>,
) {
  const first = args.first ?? DEFAULT_FIRST;
  if (first < 1 || first > MAX_FIRST) throw badInput(`first must be 1 to ${MAX_FIRST}`);
  try {
    return asConnection(read({ first, after: args.after }));
  } catch (error) {
    throw error instanceof BadCursor ? badInput('after is not a cursor of this list') : error;
  }
}

/** The same of a list that may be narrowed to a pool by name; an unknown pool has nothing. */
export function readPageOfPool<Row>(
  args: Parameters<typeof readPage>[0] & { pool?: string | null | undefined },
  reads: Reads,
  read: (filter: { poolId?: string | undefined }, page: PageArgs) => Page<Row>,
) {
  return readPage(args, (page) => {
    if (args.pool == null) return read({}, page);
    const pool = reads.clusterPoolByName(args.pool);
    return pool === undefined ? emptyPage<Row>() : read({ poolId: pool.id }, page);
  });
}

/** The page of a list about something unknown: nothing, for it must not show that it is unknown. */
export function emptyPage<Row>(): Page<Row> {
  return { rows: [], hasNextPage: false, hasPreviousPage: false, totalCount: () => 0 };
}

function asConnection<Row>(page: Page<Row>) {
  return {
    edges: page.rows.map(({ row, position }) => ({ cursor: position, node: row })),
    pageInfo: {
      hasNextPage: page.hasNextPage,
      hasPreviousPage: page.hasPreviousPage,
      startCursor: page.rows.at(0)?.position ?? null,
      endCursor: page.rows.at(-1)?.position ?? null,
    },
    totalCount: page.totalCount,
  };
}

/** The argument that narrows a list to one pool. */
export const poolArg = builder.args((t) => ({
  pool: t.string({ description: 'Only those of the pool with this name; all without it.' }),
}));
