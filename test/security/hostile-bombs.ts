import { type Chance, type Maker, many } from './hostile-chance.ts';

const list = (count: number, part: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => part(i)).join(' ');

const nested = (depth: number, open: string, middle: string, close: string) =>
  `${open.repeat(depth)}${middle}${close.repeat(depth)}`;

const PAGES = '{ clusterPools(first: 100) { edges { node ';
const CLUSTERS = '{ clusters(first: 100) { edges { node ';

function depth(chance: Chance): string {
  const levels = many(chance);
  return chance.pick([
    nested(levels, '{ a ', '', '}'),
    `${PAGES}${nested(levels, '{ clusters { edges { node { pool ', '{ name }', '} } } }')} } } }`,
    nested(levels, '{ ... on Query ', '{ cursor }', '}'),
    nested(levels, '{', '', ''),
  ]);
}

function fragmentCycle(chance: Chance): string {
  const count = Math.min(many(chance), 2_000);
  const spread = (i: number) =>
    `...F${(i + 1) % count} ${chance.pick(['', 'cursor', 'a: cursor'])}`;
  return `{ ...F0 } ${list(count, (i) => `fragment F${i} on Query { ${spread(i)} }`)}`;
}

function fragmentBomb(chance: Chance): string {
  const count = Math.min(many(chance), 1_500);
  const width = chance.int(2, 10);
  const body = (i: number) => list(width, () => `...F${i + 1}`);
  const bomb = list(count, (i) => `fragment F${i} on Query { ${body(i)} }`);
  const operation = chance.pick(['{ ...F0 }', '{ cursor }']);
  return `${operation} ${bomb} fragment F${count} on Query { cursor }`;
}

function aliases(chance: Chance): string {
  const field = chance.pick(['__typename', 'cursor', 'viewer { name }', 'nothing']);
  return `{ ${list(many(chance), (i) => `a${i}: ${field}`)} }`;
}

function directives(chance: Chance): string {
  const one = chance.pick([
    '@skip(if: false)',
    '@unknown',
    '@include(if: true)',
    '@skip',
    '@a(b: {})',
  ]);
  const some = list(many(chance), () => one);
  return chance.pick([
    `{ cursor ${some} }`,
    `query ${some} { cursor }`,
    `query ($v: Int ${some}) { cursor }`,
    `{ ...F ${some} } fragment F on Query { cursor }`,
    `{ ...F } fragment F on Query ${some} { cursor }`,
    `{ ... ${some} { cursor } }`,
  ]);
}

function repeatedFields(chance: Chance): string {
  const field = () => chance.pick(['__typename', 'cursor', 'viewer { name }']);
  return `{ ${list(many(chance), field)} }`;
}

/** Fields of one name with different arguments: every pair of them has to be compared. */
function conflictingFields(chance: Chance): string {
  const count = Math.min(many(chance), 390);
  const field = (i: number) =>
    `clusterPool(name: "p${i}") { ${chance.pick(['name', 'id', 'size'])} }`;
  return chance.pick([
    `{ ${list(Math.floor(count / 2), field)} }`,
    `{ ${list(Math.min(count, 90), (i) => `...F${i}`)} } ${list(
      Math.min(count, 90),
      (i) => `fragment F${i} on Query { ${field(i)} viewer { name } }`,
    )}`,
  ]);
}

function deepValues(chance: Chance): string {
  const levels = many(chance);
  const value = chance.pick([
    nested(levels, '[', '', ']'),
    nested(levels, '{ a: ', '1', '}'),
    nested(levels, '[{ a: ', '$v', '}]'),
    nested(levels, '[', '', ''),
  ]);
  return chance.pick([
    `{ jobs(status: ${value}) { totalCount } }`,
    `query ($v: CreateSessionInput = ${value}) { cursor }`,
    `mutation { createSession(input: ${value}) { __typename } }`,
    `{ cursor @include(if: ${value}) }`,
  ]);
}

function deepTypes(chance: Chance): string {
  const type = nested(many(chance), '[', chance.pick(['Int', 'Nothing', 'Session!']), ']');
  return `query ($v: ${type}) { cursor }`;
}

function operations(chance: Chance): string {
  const name = chance.pick([(i: number) => `Q${i}`, () => 'Q', () => '']);
  const body = chance.pick(['{ cursor }', '{ ...F }', '{ nothing }']);
  const kind = chance.pick(['query', 'mutation', 'subscription']);
  const all = list(many(chance), (i) => `${kind} ${name(i)} ${body}`);
  return `fragment F on Query { cursor } ${all}`;
}

function fragmentsOfNothing(chance: Chance): string {
  const count = many(chance);
  return chance.pick([
    `{ ${list(count, (i) => `...G${i}`)} }`,
    `{ cursor } ${list(count, (i) => `fragment G${i} on Query { cursor }`)}`,
    `{ cursor } ${list(count, (i) => `fragment G on Nothing${i} { a }`)}`,
  ]);
}

function dearPages(chance: Chance): string {
  const levels = chance.int(1, 5);
  const end = '{ vms { session { assignedCluster { vms { name } } } } }';
  return `${PAGES}${nested(levels, `${CLUSTERS}{ pool `, end, '} } } }')} } } }`;
}

function introspection(chance: Chance): string {
  return chance.pick([
    `{ __schema { types { ${nested(chance.int(1, 30), 'fields { type { ', 'name', '} } ')} } } }`,
    `{ ${list(many(chance), () => '__type(name: "Session") { fields { name } }')} }`,
    '{ ...__schema } fragment __schema on Query { __schema { types { name } } }',
    '{ __type(name: "Session") { possibleTypes { name } ofType { name } } }',
  ]);
}

function schemaDefinitions(chance: Chance): string {
  const one = chance.pick([
    (i: number) => `type T${i} { a: T${i + 1} }`,
    (i: number) => `extend type Query { a${i}: Int }`,
    () => 'schema { query: Query }',
    (i: number) => `directive @d${i}(a: Int) repeatable on FIELD`,
    (i: number) => `input I${i} { a: I${i}! = {} }`,
  ]);
  return `{ cursor } ${list(many(chance), one)}`;
}

function subscriptions(chance: Chance): string {
  const types = list(many(chance), () => chance.pick(['SESSION', 'CLUSTER', 'NOTHING']));
  return chance.pick([
    `subscription { ${list(many(chance), (i) => `c${i}: changes { cursor }`)} }`,
    `subscription { changes(filter: { types: [${types}] }) { nothing } }`,
    'subscription { ...F } fragment F on Subscription { changes { cursor } changes { prev } }',
    'subscription { __typename @skip(if: true) changes(after: "x-1") { cursor } }',
  ]);
}

function tokens(chance: Chance): string {
  const one = chance.pick(['a', '!', '{', '}', '$a', '"', '...', '&', '|', '=', '1', '""', '@']);
  return `${chance.pick(['', '{ ', '{ cursor } '])}${`${one} `.repeat(many(chance) * 2)}`;
}

/** Documents that are small to write and dear to read. */
export const BOMBS: Readonly<Record<string, Maker>> = {
  depth,
  fragmentCycle,
  fragmentBomb,
  aliases,
  directives,
  repeatedFields,
  conflictingFields,
  deepValues,
  deepTypes,
  operations,
  fragmentsOfNothing,
  dearPages,
  introspection,
  schemaDefinitions,
  subscriptions,
  tokens,
};
