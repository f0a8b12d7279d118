import {
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';
import { expect, test } from 'vitest';
import { schema } from '../../schema/index.ts';
import { makeTokens, serve } from '../kit/served.ts';
import { overHttp, overWebSocket } from './targets.ts';

/** A question with a mistake in it. */
interface Mistaken {
  readonly query: string;
  readonly variables?: Record<string, unknown>;
}

/** Every form in which a library is known to help those who ask for something that is not there. */
const MISTAKES: readonly Mistaken[] = [
  { query: '{ vewer { name } }' },
  { query: '{ viewer }' },
  { query: '{ cursor { a } }' },
  { query: '{ session { id } }' },
  { query: '{ clusterPool(nam: "x") { name } }' },
  { query: '{ jobs(status: RUNING) { totalCount } }' },
  { query: '{ jobs(status: "RUNING") { totalCount } }' },
  { query: '{ node(id: "x") { status } }' },
  { query: '{ node(id: "x") { ... on Sesion { id } ... on Viewer { name } } }' },
  { query: 'mutation { createSession }' },
  { query: 'mutation { createSession(input: {}) { __typename } }' },
  { query: 'mutation { createSession(input: { poool: "x", pool: 3 }) { id } }' },
  { query: 'mutation { createSession(input: { pool: "x" }) { sttus } }' },
  { query: 'query ($a: Sesion) { cursor }' },
  { query: 'query ($a: CreateSession) { cursor }' },
  { query: '{ cursor @skp(if: true) }' },
  { query: '{ cursor @skip }' },
  { query: '{ cursor @skip(iff: true) }' },
  { query: '{ ...F } fragment F on Clustr { id }' },
  { query: '{ ...F } fragment F on JobStatus { id }' },
  { query: 'subscription { changes(filter: { tpyes: [SESION] }) { crsor } }' },
  { query: 'subscription { changes(filter: { types: ["SESION", 1] }) { prev { x } } }' },
  { query: 'query ($n: String) { jobs(first: $n) { totalCount } }', variables: { n: 'x' } },
  { query: 'query ($i: CreateSessionInput = { poool: 1 }) { cursor }' },
  { query: '{ provisioningStats(pool: "x", since: "soon") { count } }' },
  { query: '{ clusterPool(name: """a " clusterPools " b""", nam: 1) { nme(a: "\\"") } }' },
  ...fieldsOfTypes(),
  ...fieldsOfInputs(),
];

/** For each object and interface, its fields, each a letter short. */
function fieldsOfTypes(): Mistaken[] {
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => (isObjectType(type) || isInterfaceType(type)) && !type.name.startsWith('__'),
  );
  return types.map((type) => {
    const names = isObjectType(type) || isInterfaceType(type) ? Object.keys(type.getFields()) : [];
    const short = names.slice(0, 4).map((name) => name.slice(0, -1));
    return { query: `{ node(id: "x") { ... on ${type.name} { ${short.join(' ')} } } }` };
  });
}

/** For each mutation, an input whose every field is a letter short, as a variable. */
function fieldsOfInputs(): Mistaken[] {
  const fields = Object.values(schema.getMutationType()?.getFields() ?? {});
  return fields.map(({ name, args: [argument] }) => {
    const named = schema.getType(String(argument?.type).replace('!', ''));
    const names = isInputObjectType(named) ? Object.keys(named.getFields()) : [];
    const input = Object.fromEntries(names.map((one) => [one.slice(0, -1), 'x']));
    const query = `mutation ($i: ${named?.name}!) { ${name}(input: $i) { __typename } }`;
    return { query, variables: { i: input } };
  });
}

/** Names of the schema that are no words of English. */
function telling(): Set<string> {
  const types = Object.values(schema.getTypeMap()).filter((type) => !isSpecifiedScalarType(type));
  const names = types.flatMap((type) => {
    if (isEnumType(type)) return [type.name, ...type.getValues().map(({ name }) => name)];
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type))
      return [type.name];
    return [type.name, ...Object.keys(type.getFields())];
  });
  return new Set(names.filter((name) => /[A-Z]/.test(name)));
}

const NAMES = telling();

function untold({ query, variables = {} }: Mistaken, text: string): string[] {
  const told = new Set(`${query} ${JSON.stringify(variables)}`.match(/\w+/g));
  return (text.match(/\w+/g) ?? []).filter((word) => NAMES.has(word) && !told.has(word));
}

test.each(['VIEWER', 'USER'] as const)('a %s is told nothing it did not write', async (role) => {
  const tokens = makeTokens();
  const server = await serve({ auth: tokens.auth });
  const address = { url: server.url, token: tokens.add('caller', role) };
  const http = overHttp(address);
  for (const mistaken of MISTAKES) {
    const { results, text } = await http.ask(mistaken);
    const messages = results.flatMap(({ errors = [] }) => errors.map(({ message }) => message));
    expect(messages, mistaken.query).not.toEqual([]);
    expect(untold(mistaken, messages.join('\n')), `${mistaken.query}: ${text}`).toEqual([]);
    expect(text).not.toContain('Did you mean');
  }
  expect(server.errors).toEqual([]);
});

test('nor over WebSocket', async () => {
  const tokens = makeTokens();
  const { url } = await serve({ auth: tokens.auth });
  const webSocket = overWebSocket({ url, token: tokens.add('caller', 'VIEWER') });
  for (const mistaken of MISTAKES.slice(0, 40)) {
    const { results, text } = await webSocket.ask(mistaken);
    const messages = results.flatMap(({ errors = [] }) => errors.map(({ message }) => message));
    expect(messages, mistaken.query).not.toEqual([]);
    expect(untold(mistaken, messages.join('\n')), `${mistaken.query}: ${text}`).toEqual([]);
  }
});

test('an admin is helped, in every form', async () => {
  const tokens = makeTokens();
  const { url } = await serve({ auth: tokens.auth });
  const http = overHttp({ url, token: tokens.add('root', 'ADMIN') });
  const helped: string[] = [];
  const named: string[] = [];
  for (const mistaken of MISTAKES) {
    const { text } = await http.ask(mistaken);
    if (text.includes('Did you mean')) helped.push(mistaken.query);
    if (untold(mistaken, text).length > 0) named.push(mistaken.query);
  }
  // The same questions, so that the tests above can fail.
  expect(helped.length).toBeGreaterThan(40);
  expect(named.length).toBeGreaterThan(60);
});
