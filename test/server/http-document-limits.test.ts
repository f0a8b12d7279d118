import { readdirSync, readFileSync } from 'node:fs';
import {
  getIntrospectionQuery,
  getOperationAST,
  type OperationDefinitionNode,
  parse,
  validate,
} from 'graphql';
import { expect, test } from 'vitest';
import { schema } from '../../schema/index.ts';
import { costOf } from '../../server/http/document-cost.ts';
import { assertShape } from '../../server/http/document-shape.ts';
import { DOCUMENT_LIMITS, LIMITS } from '../../server/http/limits.ts';
import { bearer, makeTokens, post, serve } from '../kit/served.ts';

const SMALL = { ...DOCUMENT_LIMITS, depth: 4, selections: 8, aliases: 2, directives: 2 };
const FEW_REPEATS = { ...DOCUMENT_LIMITS, repeats: 2 };

/** What is said about a document by limits that are easily reached. */
function refusal(source: string, limits = { ...SMALL, rootFields: 3 }): string | undefined {
  try {
    assertShape(parse(source), limits);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test.each<[string, string, string | undefined]>([
  ['four levels', '{ a { a { a { a } } } }', undefined],
  ['five levels', '{ a { a { a { a { a } } } } }', '5 levels of fields; 4'],
  [
    'levels through fragments',
    'query { ...F } fragment F on Q { a { a { ...G } } } fragment G on Q { a { a { a } } }',
    '5 levels of fields; 4',
  ],
  ['inline fragments are no levels', '{ ... { ... { a { a { a { a } } } } } }', undefined],
  ['eight selections', '{ a { a a a a a a a } }', undefined],
  ['nine selections', '{ a { a a a a a a a a } }', '9 selections; 8'],
  ['spreads count', '{ a { ...F ...F ...F } } fragment F on Q { a b }', '10 selections; 8'],
  ['two aliases', '{ x: a y: a }', undefined],
  ['three aliases', '{ x: a y: a z: a }', '3 aliases; 2'],
  ['no alias is exempt', '{ x: __typename y: __typename z: __typename }', '3 aliases; 2'],
  ['aliases in fragments', '{ ...F a { ...F } } fragment F on Q { x: a y: b }', '4 aliases; 2'],
  ['three directives', '{ a @x @y @z }', '3 directives; 2'],
  ['directives of all kinds', 'query ($v: I @x) @x { ... @x { a } }', '3 directives; 2'],
  ['directives of a spread', '{ ...F @x } fragment F on Q @x { a @x }', '3 directives; 2'],
  ['four root fields', '{ a b c d }', '4 root fields; 3'],
  ['root fields in fragments', '{ a ...F } fragment F on Q { b ... { c d } }', '4 root fields; 3'],
  ['the second operation', 'query A { a } query B { a b c d }', '4 root fields; 3'],
  ['a fragment that is not used', '{ a } fragment F on Q { x: a y: a z: a }', '3 aliases; 2'],
  [
    'a fragment in itself',
    '{ ...F } fragment F on Q { a { ...F } }',
    'fragment "F" spreads itself',
  ],
  [
    'two fragments in each other',
    '{ a } fragment F on Q { ...G } fragment G on Q { ...F }',
    'itself',
  ],
  ['a fragment that is missing', '{ ...F }', undefined],
])('%s', (_what, source, said) => {
  if (said === undefined) expect(refusal(source)).toBeUndefined();
  else expect(refusal(source)).toContain(said);
});

test.each<[string, string, string | undefined]>([
  ['twice', '{ a { x x x } }', undefined],
  ['three times', '{ a { x x x x } }', '3 repeated selections; 2'],
  ['under another name they are not the same', '{ a { x a: x b: x c: x } }', undefined],
  ['in other braces neither', '{ a { x } b { x } c { x } d { x } }', undefined],
  ['spreads', '{ a { ...F ...F ...F ...F } } fragment F on Q { x }', '3 repeated'],
  ['inline fragments', '{ a { ... { x } ... { x } ... { x } ... { x } } }', '3 repeated'],
  ['fragments of other types', '{ a { ... { x } ... on A { x } ... on B { x } } }', undefined],
  ['in a fragment that is used twice', '{ a { ...F } b { ...F } } fragment F on Q { x x x }', '4'],
])('repeats: %s', (_what, source, said) => {
  if (said === undefined) expect(refusal(source, FEW_REPEATS)).toBeUndefined();
  else expect(refusal(source, FEW_REPEATS)).toContain(said);
});

test('fragments that double one another are counted, not followed', () => {
  const doubling = Array.from(
    { length: 50 },
    (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`,
  );
  const source = `{ ...F0 } ${doubling.join(' ')} fragment F50 on Query { cursor }`;
  expect(refusal(source)).toContain('more than a million selections; 8');
});

/** What an operation costs. */
function cost(source: string, variables: Record<string, unknown> = {}): number {
  const document = parse(source);
  expect(validate(schema, document)).toEqual([]);
  const operation = getOperationAST(document);
  if (!operation) throw new Error('no operation');
  return costOf(schema, document, operation, variables).requested;
}

const PAGE = (first: string) => `clusterPools(${first}) { edges { node { name } } }`;

test.each<[string, number, string, object?]>([
  ['a scalar', 1, '{ cursor __typename }'],
  ['an object', 2, '{ viewer { name role } }'],
  ['a page of three: itself, and each with its edge', 8, `{ ${PAGE('first: 3')} }`],
  ['a page of any size is one of fifty', 102, '{ clusterPools { edges { node { name } } } }'],
  ['a page of a size in a variable', 8, `query ($n: Int) { ${PAGE('first: $n')} }`, { n: 3 }],
  ['or in its default', 12, `query ($n: Int = 5) { ${PAGE('first: $n')} }`],
  ['or in neither', 102, `query ($n: Int) { ${PAGE('first: $n')} }`],
  ['a size beyond the largest', 202, `query ($n: Int) { ${PAGE('first: $n')} }`, { n: 1e9 }],
  ['a size that is none', 202, `query ($n: Int) { ${PAGE('first: $n')} }`, { n: 'x' }],
  ['a size below nothing', 202, `{ ${PAGE('first: -5')} }`],
  ['a list that is no page', 11, '{ provisioningStats(pool: "cks") { count } }'],
  [
    'pages in pages',
    1 + 1 + 2 * (1 + 1 + 1 + 3 * 2),
    `{ clusterPools(first: 2) {
      edges { node { clusters(first: 3) { edges { node { name } } } } } } }`,
  ],
  [
    'fragments, where they are spread',
    1 + 1 + 2 * (1 + 1 + 1),
    `{ clusterPools(first: 2) { edges { ...E } } }
     fragment E on ClusterPoolEdge { node { ...P } }
     fragment P on ClusterPool { ... { template { name } } }`,
  ],
  ['the schema itself', 1, '{ __schema { types { name fields { name } } } }'],
  ['a mutation', 12, 'mutation { releaseSession(input: { sessionId: "x" }) { __typename } }'],
])('%s costs %i', (_what, expected, source, variables = {}) => {
  expect(cost(source, { ...variables })).toBe(expected);
});

const readme = readFileSync('README.md', 'utf8');
const client = readdirSync('client')
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => readFileSync(`client/${name}`, 'utf8'));

/** Our own documents: each example of the README, and all of the client, which share fragments. */
const OURS = [
  ...[...readme.matchAll(/```graphql\n([^]*?)```/g)].map(([, text = '']) => text),
  client
    .flatMap((text) => [...text.matchAll(/graphql\(\s*`([^`]*)`/g)].map(([, one]) => one))
    .join(''),
];

test.each([...OURS.entries()])('our own document %i is far from every limit', (_i, text) => {
  const half = { ...DOCUMENT_LIMITS, depth: 8, selections: 500, repeats: 5 };
  const document = parse(text, { maxLexicalTokens: DOCUMENT_LIMITS.tokens / 2 });
  assertShape(document, { ...half, aliases: 15, directives: 4, rootFields: 10 });
  const operations = document.definitions.filter(({ kind }) => kind === 'OperationDefinition');
  expect(operations.length).toBeGreaterThan(0);
  for (const operation of operations as OperationDefinitionNode[]) {
    const { requested } = costOf(schema, document, operation, {});
    expect(requested).toBeLessThan(DOCUMENT_LIMITS.cost / 5);
  }
});

test('the README tells every limit as it is', () => {
  const rows = readme.matchAll(/^\| `(\w+)` \| ([\d,]+) \|/gm);
  const told = [...rows].map(([, name = '', value = '']) => [
    name,
    Number(value.replaceAll(',', '')),
  ]);
  expect(told).toEqual(Object.entries({ ...LIMITS, ...DOCUMENT_LIMITS }));
});

test('the question by which tools learn the schema is answered for an admin', async () => {
  const options = { inputValueDeprecation: true, oneOf: true, schemaDescription: true };
  const query = getIntrospectionQuery({ ...options, specifiedByUrl: true });
  const { json } = await post(await serve(), { query, operationName: 'IntrospectionQuery' });
  expect(json.errors).toBeUndefined();
  expect(json.data).toHaveProperty('__schema.types');
});

test('each answer tells what it cost; what costs too much opens no context', async () => {
  const server = await serve();
  const query = `query ($n: Int) { ${PAGE('first: $n')} }`;
  const { cost: told } = await post(server, { query, variables: { n: 3 } });
  expect(told).toEqual({ requested: 8, limit: DOCUMENT_LIMITS.cost });
  const opened = server.contexts.opened();
  const clusters = 'clusters(first: 100) { edges { node { vms { id } } } }';
  const dear = `query ($n: Int) { clusterPools(first: $n) { edges { node { ${clusters} } } } }`;
  const { json, cost: none } = await post(server, { query: dear, variables: { n: 100 } });
  expect(json).toEqual({
    errors: [
      {
        message: 'the operation costs 120302; 10000 are allowed: ask for smaller pages',
        extensions: { code: 'BAD_INPUT' },
      },
    ],
  });
  expect([none, server.contexts.opened()]).toEqual([undefined, opened]);
  expect((await post(server, { query: dear, variables: { n: 5 } })).json.errors).toBeUndefined();
});

test.each([
  ['tokens', `{ cursor ${'cursor '.repeat(2_000)} }`, '2000 tokens'],
  ['repeats', `{ viewer { ${'name '.repeat(400)} } }`, '399 repeated selections; 30 are allowed'],
  ['levels', `${'{ a '.repeat(17)}${'}'.repeat(17)}`, '17 levels of fields; 16 are allowed'],
  [
    'lists',
    `{ jobs(status: ${'['.repeat(17)}${']'.repeat(17)}) { totalCount } }`,
    '16 levels deep',
  ],
  ['objects', `{ jobs(a: ${'{ a: '.repeat(17)} 1 ${'}'.repeat(17)}) { a } }`, '16 levels deep'],
  ['lists of types', `query ($a: ${'['.repeat(17)} Int ${']'.repeat(17)}) { cursor }`, '16 levels'],
  ['lists for the parser', `{ a(b: ${'['.repeat(1_900)}`, '16 levels deep'],
])('too many %s are one error that names the limit', async (_what, query, said) => {
  const server = await serve();
  for (let i = 0; i < 2; i += 1) {
    const { json } = await post(server, query);
    expect(json.errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_INPUT' }]);
    expect(json.errors?.[0]?.message).toContain(said);
  }
  expect([server.contexts.opened(), server.errors]).toEqual([0, []]);
});

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

test.each<[string, (n: number) => unknown]>([
  ['nested 16 levels deep', (n) => nested(14 + n)],
  ['the variables hold', (n) => Array.from({ length: 998 + n }, () => 1)],
])('variables are bounded: %s', async (said, value) => {
  const server = await serve();
  const query = 'query ($a: Int) { cursor @skip(if: false) }';
  const ask = async (n: number) => {
    const { json } = await post(server, { query, variables: { b: value(n) } });
    return json.errors?.[0];
  };
  expect((await ask(1))?.message).toContain('"$a" is never used');
  expect((await ask(2))?.message).toContain(said);
  expect((await ask(2))?.extensions).toEqual({ code: 'BAD_INPUT' });
});

test('mistakes are told a few at a time', async () => {
  const wrong = Array.from({ length: 10 }, (_, i) => `wrong${i}`).join(' ');
  const { json } = await post(await serve(), `{ ${wrong} }`);
  expect(json.errors?.length).toBe(DOCUMENT_LIMITS.mistakes + 1);
  expect(json.errors?.at(-1)?.message).toContain('Too many validation errors');
  const query = 'query ($s: [JobStatus!]) { jobs(status: $s) { totalCount } }';
  const { json: also } = await post(await serve(), { query, variables: { s: wrong.split(' ') } });
  expect(also.errors?.length).toBe(DOCUMENT_LIMITS.mistakes);
});

test('what an admin is told of a document is not told to others afterwards', async () => {
  const tokens = makeTokens();
  const server = await serve({ auth: tokens.auth });
  const [root, wall] = [tokens.add('root', 'ADMIN'), tokens.add('wall', 'VIEWER')];
  const ask = async (token: string) =>
    (await post(server, '{ clusterPol { name } }', bearer(token))).json.errors?.[0]?.message;
  expect(await ask(root)).toContain('Did you mean "clusterPool"');
  expect(await ask(wall)).toBe('Cannot query field "clusterPol" on type "…".');
  expect(await ask(root)).toContain('Did you mean "clusterPool"');
});
