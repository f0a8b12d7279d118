/** How the words of Relay (nodes, pages) are described in our schema. */
const forViewer = { role: 'VIEWER' } as const;

/** What the `id` of every node is described as. */
export const NODE_ID =
  'Opaque and unique among all objects. An id of something unknown, of another type, or of ' +
  'something the viewer may not see is answered alike: as not found.';

/** The interface of everything with an id; `Query.node` is ours, see node.ts. */
export const nodeOptions = {
  nodeQueryOptions: false,
  nodesQueryOptions: false,
  idFieldOptions: { description: NODE_ID },
  nodeTypeOptions: { description: 'Something with an id, which Query.node can read again.' },
} as const;

/** The part of a connection that tells whether there is more. */
export const pageInfoOptions = {
  cursorType: 'String',
  pageInfoTypeOptions: {
    description: 'Whether a list goes on before or after this page.',
    authScopes: forViewer,
  },
  hasNextPageFieldOptions: { description: 'Whether there is more behind `endCursor`.' },
  hasPreviousPageFieldOptions: { description: 'Whether there is something before `startCursor`.' },
  startCursorFieldOptions: { description: 'Cursor of the first edge; null when there is none.' },
  endCursorFieldOptions: {
    description: 'Cursor of the last edge, to be given as `after`; null when there is none.',
  },
} as const;

/** The fields of every connection and edge. */
export const connectionOptions = {
  edgesFieldOptions: {
    nullable: { list: false, items: false },
    description: 'The objects of this page, in the order of the list.',
  },
  pageInfoFieldOptions: { description: 'Whether there is more, and where it goes on.' },
  nodeFieldOptions: { nullable: false, description: 'The object itself.' },
  cursorFieldOptions: { description: 'Its position in the list, to be given as `after`.' },
} as const;
