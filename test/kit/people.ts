import { z } from 'zod';

const answer = z.object({ data: z.record(z.string(), z.object({ id: z.string() })) });

/** Claims a cluster as somebody without a page would; answers the session's id. */
export function claimOne(origin: string, pool: string): Promise<string> {
  const query = `mutation ($pool: String!) {
    createSession(input: { pool: $pool }) { ... on Session { id } }
  }`;
  return ask(origin, 'createSession', query, { pool });
}

/** Releases a session as somebody without a page would. */
export function endOne(origin: string, sessionId: string): Promise<string> {
  const query = `mutation ($sessionId: ID!) {
    releaseSession(input: { sessionId: $sessionId }) { ... on Session { id } }
  }`;
  return ask(origin, 'releaseSession', query, { sessionId });
}

async function ask(
  origin: string,
  verb: string,
  query: string,
  variables: object,
): Promise<string> {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data } = answer.parse(await response.json());
  const done = data[verb];
  if (done === undefined) throw new Error(`${verb} was not answered`);
  return done.id;
}
