import { type Chance, type Hostile, type Maker, many } from './hostile-chance.ts';

type Sent = Omit<Hostile, 'kind'>;

const VALID = [
  '{ viewer { name role } cursor }',
  `query A($n: Int = 2) { clusterPools(first: $n) {
     edges { node { id name stats { totalClusters } } } } }`,
  'query B { node(id: "Q2x1c3Rlcjox") { id ... on Cluster { name status vms { name } } } }',
  `mutation C($i: CreateSessionInput!) { createSession(input: $i) { __typename ...R } }
   fragment R on UserError { code message }`,
  'mutation D { releaseSession(input: { sessionId: "U2Vzc2lvbjox" }) { __typename } }',
  'query E($s: [JobStatus!]) { jobs(status: $s) { totalCount } sessions { totalCount } }',
] as const;

const STRANGE = ['\u202e', '\ud800', '\udfff', '\ufeff', '\u200b', '\u0000', '\u0007', '\u2028'];
const MORE_STRANGE = ['😀', '𐀀', 'é', '\u001b[2J', '\\u0000', '\\u{110000}', '%00', '"""', '\r'];

const asQuery = (query: string, more: object = {}): Sent => ({
  body: JSON.stringify({ query, ...more }),
});

function strangeLetters(chance: Chance): string {
  const letter = () => chance.pick([...STRANGE, ...MORE_STRANGE]);
  const run = Array.from({ length: chance.int(1, 50) }, letter).join('');
  return chance.pick([
    `{ ${run} }`,
    `{ clusterPool(name: "${run}") { name } }`,
    `${run}{ cursor }${run}`,
    `query ${run} { cursor } # ${run}`,
  ]);
}

function brokenSyntax(chance: Chance): string {
  const valid = chance.pick(VALID);
  return valid.slice(0, chance.int(0, valid.length - 1));
}

function mutated(chance: Chance): Sent {
  let text: string = chance.pick(VALID);
  for (let left = chance.int(1, 12); left > 0; left -= 1) text = change(text, chance);
  const variables = { n: chance.pick([1, -1, 'x']), i: { pool: 'cks' }, s: ['QUEUED'] };
  return asQuery(text, { variables });
}

function change(text: string, { int, pick }: Chance): string {
  const at = int(0, text.length);
  const to = Math.min(text.length, at + int(1, 20));
  const other = pick(VALID);
  return pick([
    text.slice(0, at) + text.slice(to),
    text.slice(0, to) + text.slice(at),
    text.slice(0, at) +
      pick(['{', '}', '(', ')', '$', '"', ':', '...', '@', '[', '!']) +
      text.slice(at),
    text.slice(0, at) + other.slice(int(0, other.length)) + text.slice(to),
    text.slice(0, at) + String.fromCodePoint(int(0, 0xffff)) + text.slice(to),
  ]);
}

function longTexts(chance: Chance): string {
  const long = chance.pick(['x', 'é', '\\n', '\\u0041', '\\"', ' ']).repeat(many(chance));
  return chance.pick([
    `{ clusterPool(name: "${long}") { name } }`,
    `{ clusterPool(name: """${long}""") { name } }`,
    `{ ${long.replaceAll('\\', '')} }`,
    `{ cursor } #${long}`,
    `{ clusterPool(name: "${long}`,
    `{ jobs(status: "${long}", first: "${long.slice(0, 100)}") { nothing } }`,
  ]);
}

function comments(chance: Chance): string {
  const one = chance.pick(['#\n', '# x\r', '#,\n,', '\n', ',,,']);
  return `${one.repeat(many(chance))}{ cursor }`;
}

function numbers(chance: Chance): Sent {
  const digits = '9'.repeat(many(chance));
  const number = chance.pick([
    digits,
    `-${digits}`,
    `1e${digits}`,
    '1.5',
    '-0',
    '00',
    `0.${digits}`,
  ]);
  const query = 'query ($n: Int) { jobs(first: $n) { totalCount } }';
  const variables = `"variables":{"n":${number}}`;
  return chance.pick([
    asQuery(`{ jobs(first: ${number}) { totalCount } }`),
    { body: `{"query":${JSON.stringify(query)},${variables}}` },
  ]);
}

function variables(chance: Chance): Sent {
  const count = many(chance);
  const fields = Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, i]));
  const input = chance.pick<unknown>([
    { pool: 'cks', ...fields },
    Array.from({ length: count }, () => ({})),
    'x'.repeat(count),
    { pool: fields, ttlMinutes: [fields], idempotencyKey: { toString: 'x' } },
    { pool: { constructor: { prototype: {} } } },
  ]);
  const query = chance.pick([
    'query ($i: CreateSessionInput!) { cursor @skip(if: false) }',
    'mutation ($i: CreateSessionInput!) { createSession(input: $i) { __typename } }',
    'query ($i: [JobStatus!]) { jobs(status: $i) { totalCount } }',
    'query ($i: DateTime, $j: Cursor) { cursor }',
  ]);
  return asQuery(query, { variables: { i: input, j: input } });
}

function deepVariables(chance: Chance): Sent {
  const [open, close] = chance.pick([['[', ']'] as const, ['{"a":', '}'] as const]);
  const levels = many(chance) * 2;
  const deep = `${open.repeat(levels)}1${close.repeat(chance.pick([levels, levels, levels - 1]))}`;
  const query = chance.pick([
    'query ($i: [JobStatus!]) { jobs(status: $i) { totalCount } }',
    'mutation ($i: CreateSessionInput!) { createSession(input: $i) { __typename } }',
  ]);
  return chance.pick([
    { body: `{"query":"${query}","variables":{"i":${deep}}}` },
    { body: `{"query":"{ cursor }","extensions":{"i":${deep}}}` },
    { body: deep },
  ]);
}

function poisonedKeys(chance: Chance): Sent {
  const key = chance.pick(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']);
  const poison = `"${key}":{"isAdmin":true,"role":"ADMIN","data":1,"pool":"cks"}`;
  const query = chance.pick([
    `query ($${key}: Int) { jobs(first: $${key}) { totalCount } }`,
    `{ ${key} { ${key} } }`,
    `mutation ($i: CreateSessionInput!) { createSession(input: $i) { __typename } }`,
    `{ ...${key} } fragment ${key} on Query { cursor @${key} }`,
  ]);
  return chance.pick([
    { body: `{"query":"${query}","variables":{${poison},"i":{${poison}}}}` },
    { body: `{${poison},"query":"${query}","operationName":"${key}"}` },
    { body: `{"query":"${query}",${poison},"extensions":{${poison}}}` },
  ]);
}

function wrongBodies(chance: Chance): Sent {
  const body = chance.pick([
    `[${'{"query":"{ cursor }"},'.repeat(chance.int(1, 100))}{"query":"{ cursor }"}]`,
    '{"query":{"kind":"Document"}}',
    '{"query":"{ cursor }","variables":"{}"}',
    '{"query":"{ cursor }","operationName":["A"]}',
    '{"query":"query A { cursor } query A { viewer { name } }","operationName":"A"}',
    '{"query":"query A { cursor }","operationName":"B"}',
    '{"query":"query A { cursor } query B { cursor }"}',
    '{"query":""}',
    '{"query":"mutation { createSession }","query":"{ cursor }"}',
    '{"id":"x","extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}',
    '"{ cursor }"',
    'null',
    '{}',
    '{"query":"{ cursor }"} {"query":"{ cursor }"}',
    '\u0000',
    'x'.repeat(many(chance)),
  ]);
  return { body };
}

function wrongHeaders(chance: Chance): Sent {
  const headers = chance.pick<Record<string, string>>([
    { 'content-type': 'application/json; charset=utf-7' },
    { 'content-type': `application/json${';a=b'.repeat(chance.int(1, 1_000))}` },
    { 'content-type': 'multipart/form-data; boundary=x' },
    { 'content-encoding': chance.pick(['gzip', 'br', 'deflate', 'identity, gzip', 'x']) },
    { accept: `${'text/event-stream,'.repeat(chance.int(1, 500))}*/*` },
    { accept: 'text/html' },
    { accept: 'text/event-stream' },
    { 'x-forwarded-for': '127.0.0.1', 'x-http-method-override': 'GET' },
  ]);
  return { body: JSON.stringify({ query: chance.pick(VALID) }), headers };
}

function tooLarge(chance: Chance): Sent {
  const size = chance.pick([100_001, 200_000, 1_000_000, chance.int(100_001, 25_000_000)]);
  return { body: `{"query":"{ cursor }${' '.repeat(size)}"}` };
}

/** Texts, variables and bodies that no client in good faith sends. */
export const BODIES: Readonly<Record<string, Maker>> = {
  strangeLetters,
  brokenSyntax,
  mutated,
  longTexts,
  comments,
  numbers,
  variables,
  deepVariables,
  poisonedKeys,
  wrongBodies,
  wrongHeaders,
  tooLarge,
};
