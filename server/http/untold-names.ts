import { type DocumentNode, GraphQLError } from 'graphql';

/** Whoever writes GraphQL at all knows these. */
const BUILT_IN = ['Int', 'Float', 'String', 'Boolean', 'ID'];

const NAME = /[_A-Za-z][_0-9A-Za-z]*/g;

/** Texts in quotes, as the libraries print names and as they print values. */
const QUOTED = /"""(?:\\"""|[^])*?"""|"(?:[^"\\]|\\.)*"/g;

/** Says what else would have been right. */
const HINT = / ?Did you mean [^]*$/;

/**
 * The mistakes, told without names that their reader did not write. The libraries name types,
 * fields and arguments of the schema that would have fitted; whatever they name they quote, so
 * each name in quotes that is not in the caller's own words is left out.
 */
export function withoutUntoldNames(
  mistakes: readonly Error[],
  { loc }: DocumentNode,
  ...words: unknown[]
): GraphQLError[] {
  if (mistakes.length === 0) return [];
  const text = `${loc?.source.body ?? ''} ${JSON.stringify(words)}`;
  const told = new Set([...BUILT_IN, ...(text.match(NAME) ?? [])]);
  const hide = (quoted: string) => quoted.replaceAll(NAME, (name) => (told.has(name) ? name : '…'));
  return mistakes.map((mistake) => {
    const { nodes, source, positions, path, extensions, cause } = asGraphQLError(mistake);
    const message = mistake.message.replace(HINT, '').replaceAll(QUOTED, hide);
    return new GraphQLError(message, { nodes, source, positions, path, extensions, cause });
  });
}

/** The cause stays with it: by it others tell a mistake of the caller from a fault of ours. */
function asGraphQLError(mistake: Error): GraphQLError {
  if (mistake instanceof GraphQLError) return mistake;
  return new GraphQLError(mistake.message, { cause: mistake });
}
