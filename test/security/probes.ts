/** What came back, as far as a probe looks at it. */
export interface Reply {
  readonly text: string;
  /** The results in it: several when several questions were answered at once. */
  readonly results: readonly Result[];
}

/** A result of GraphQL as a stranger finds it: anything may be in it. */
export interface Result {
  data?: Record<string, unknown> | null;
  errors?: { message?: string; extensions?: Record<string, unknown> }[];
  extensions?: Record<string, unknown>;
}

/** A server as a probe meets it, over one transport. */
export interface Target {
  /** Sends an operation, or whatever is given as one, in the way the transport sends them. */
  ask(operation: unknown): Promise<Reply>;
  /** Asks with the question in the address. */
  visit(query: string): Promise<Reply>;
  /** Opens the addresses where a page for people may be. */
  browse(): Promise<Reply>;
  /** Sends a question as a form of any web page would. */
  submit(query: string): Promise<Reply>;
}

/** A weakness that is often found in GraphQL servers, and how it shows. */
export interface Probe {
  readonly name: string;
  /** Whether the server has it. */
  succeeds(target: Target): Promise<boolean>;
}

const times = (count: number, part: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => part(i)).join(' ');

const CIRCLE = `{ __schema { types { ${'fields { type { '.repeat(4)} name ${'} }'.repeat(4)} } } }`;

function asking(
  name: string,
  operation: unknown,
  shows: (results: readonly Result[], text: string) => boolean,
): Probe {
  return {
    name,
    async succeeds(target) {
      const { results, text } = await target.ask(operation);
      return shows(results, text);
    },
  };
}

const hasData = (results: readonly Result[], field = '__typename') =>
  results.some(({ data }) => data?.[field] !== undefined);

const hasErrorWith = (results: readonly Result[], key: string) =>
  results.some(({ errors }) => errors?.some(({ extensions }) => extensions?.[key] !== undefined));

/**
 * The thirteen that a well-known scanner looks for, each by the rule by which it counts as found.
 * They know nothing of how a server is made: only what it answers.
 */
export const PROBES: readonly Probe[] = [
  asking('101 aliases', { query: `{ ${times(101, (i) => `alias${i}: __typename`)} }` }, (results) =>
    hasData(results, 'alias100'),
  ),
  asking(
    'a batch of 10',
    Array.from({ length: 10 }, () => ({ query: '{ __typename }' })),
    (results) => results.filter((one) => hasData([one])).length >= 10,
  ),
  asking('circular introspection', { query: CIRCLE }, (results) => hasData(results, '__schema')),
  asking(
    '10 directives',
    { query: `{ __typename ${times(10, (i) => `@unknown${i}`)} }` },
    (results) => results.some(({ errors }) => errors?.length === 10),
  ),
  asking('a field 500 times', { query: `{ ${times(500, () => '__typename')} }` }, (results) =>
    hasData(results),
  ),
  asking('suggestions', { query: '{ __schema { directive } }' }, (_results, text) =>
    text.includes('Did you mean'),
  ),
  {
    name: 'a mutation by GET',
    succeeds: async (target) => hasData((await target.visit('mutation { __typename }')).results),
  },
  {
    name: 'a query by GET',
    succeeds: async (target) => hasData((await target.visit('{ __typename }')).results),
  },
  {
    name: 'a GraphiQL page',
    succeeds: async (target) =>
      /graphiql|graphql playground|graphql-playground/i.test((await target.browse()).text),
  },
  asking('introspection', { query: '{ __schema { types { name fields { name } } } }' }, (results) =>
    hasData(results, '__schema'),
  ),
  {
    name: 'a query by a form',
    succeeds: async (target) => hasData((await target.submit('{ __typename }')).results),
  },
  asking('traces', { query: '{ __typename }' }, (results) =>
    results.some(({ extensions }) => extensions?.['tracing'] !== undefined),
  ),
  asking('exceptions', { query: 'query @deprecated { __typename }' }, (results, text) => {
    const hasStack = /node_modules|\.[cm]?[jt]s:\d+/.test(text);
    return hasStack || hasErrorWith(results, 'exception') || hasErrorWith(results, 'stacktrace');
  }),
];

/** The names of those that succeed. */
export async function found(target: Target): Promise<string[]> {
  const names: string[] = [];
  for (const probe of PROBES) if (await probe.succeeds(target)) names.push(probe.name);
  return names;
}
