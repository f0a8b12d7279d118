import { createRequire } from 'node:module';
import SchemaBuilder from '@pothos/core';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import * as graphql from 'graphql';
import { createYoga } from 'graphql-yoga';
import { expect, test } from 'vitest';

// Two copies of graphql in one process fail with "from another module or realm", and only in the
// call that mixes them. These tests mix every pair we use.

function buildTinySchema(): graphql.GraphQLSchema {
  const builder = new SchemaBuilder({
    plugins: [ScopeAuthPlugin],
    scopeAuth: { authScopes: () => ({}) },
  });
  builder.queryType({ fields: (t) => ({ hello: t.string({ resolve: () => 'world' }) }) });
  return builder.toSchema();
}

test('a test and the schema builder share one copy of graphql', () => {
  const schema = buildTinySchema();
  expect(schema).toBeInstanceOf(graphql.GraphQLSchema);
  expect(graphql.printSchema(graphql.lexicographicSortSchema(schema))).toContain('hello: String');
});

test('a schema executes with the graphql of the test', async () => {
  const document = graphql.parse('{ hello }');
  const result = await graphql.execute({ schema: buildTinySchema(), document });
  expect(result).toEqual({ data: { hello: 'world' } });
});

test('the server library executes it too', async () => {
  const yoga = createYoga({ schema: buildTinySchema(), logging: false });
  const response = await yoga.fetch('http://localhost/graphql?query={hello}');
  expect(await response.json()).toEqual({ data: { hello: 'world' } });
});

test('require and import give the same copy', () => {
  const required: unknown = createRequire(import.meta.url)('graphql');
  expect(required).toHaveProperty('GraphQLSchema', graphql.GraphQLSchema);
});
