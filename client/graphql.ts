import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './generated/introspection.ts';

/**
 * Writes an operation or a fragment: its data and its variables get their types from the schema,
 * and what the schema does not have does not compile.
 */
export const graphql = initGraphQLTada<{
  introspection: introspection;
  disableMasking: true;
  scalars: { DateTime: string; Cursor: string };
}>();

export type { FragmentOf, ResultOf, VariablesOf } from 'gql.tada';
