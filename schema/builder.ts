import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type { Context } from './context.ts';
import { type Cursor, formatCursor, parseCursor } from './model/cursor.ts';
import { hasRole, type Role } from './model/viewer.ts';
import { badInput, requestError } from './request-error.ts';
import { connectionOptions, nodeOptions, pageInfoOptions } from './relay.ts';

/** What the builder knows of our types. */
export interface Types {
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  AuthScopes: { role: Role };
  /** What a connection has besides Relay's part. */
  Connection: { totalCount: () => number };
  Scalars: {
    ID: { Input: string; Output: string };
    /** Epoch milliseconds inside. */
    DateTime: { Input: number; Output: number };
    Cursor: { Input: Cursor; Output: Cursor };
  };
}

/**
 * Where all types of the schema are put together. Every type and every root field declares the
 * role it needs (`authScopes`); a test refuses one that does not. Ownership is not decided here:
 * the ports in the context are bound to one viewer and do not give what that viewer may not see.
 */
export const builder = new SchemaBuilder<Types>({
  plugins: [ErrorsPlugin, ScopeAuthPlugin, RelayPlugin],
  defaultFieldNullability: false,
  relay: { ...nodeOptions, ...pageInfoOptions, ...connectionOptions },
  errors: { directResult: true },
  scopeAuth: {
    runScopesOnType: true,
    authorizeOnSubscribe: true,
    authScopes: ({ viewer }) => ({ role: (role) => hasRole(viewer, role) }),
    unauthorizedError: (_parent, { viewer }, { parentType, fieldName }) =>
      requestError('FORBIDDEN', `${parentType.name}.${fieldName} is not for role ${viewer.role}`),
  },
});

/** Open to everybody who is known at all. */
export const forViewer = { role: 'VIEWER' } as const;
/** For those who may have sessions of their own. */
export const forUser = { role: 'USER' } as const;
/** For admins only. */
export const forAdmin = { role: 'ADMIN' } as const;

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

builder.scalarType('DateTime', {
  description: 'RFC 3339, UTC, milliseconds, such as 2026-11-21T02:09:14.512Z.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  serialize: (time) => new Date(time).toISOString(),
  parseValue(value) {
    const time = typeof value === 'string' && RFC_3339.test(value) ? Date.parse(value) : NaN;
    if (Number.isNaN(time)) throw badInput('not a time such as 2026-11-21T02:09:14.512Z');
    return time;
  },
});

builder.scalarType('Cursor', {
  description: 'Opaque position in the change log: an epoch of the database and a sequence number.',
  serialize: formatCursor,
  parseValue(value) {
    const cursor = typeof value === 'string' ? parseCursor(value) : undefined;
    if (cursor === undefined) throw badInput('not a cursor that this API ever gave');
    return cursor;
  },
});

builder.queryType({
  description: 'What can be read. All fields of one request see one moment of the database.',
  authScopes: forViewer,
});
builder.mutationType({
  description:
    'What can be done. Each field is one transaction, is durable when it is answered, and ' +
    'answers an expected refusal as data: a member of its union that implements UserError.',
  authScopes: forViewer,
});
builder.subscriptionType({
  description: 'What can be watched, over WebSocket (graphql-transport-ws) or server-sent events.',
  authScopes: forViewer,
});
