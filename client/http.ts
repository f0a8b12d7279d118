import { authorizationOf, type TokenKeeper } from './token-keeper.ts';

/** One answer, not a stream of events with one event, which is urql's second choice. */
const ACCEPT = 'application/graphql-response+json, application/json';

/** A server that says nothing at all is not waited for any longer. */
const ANSWER_WITHIN_MS = 30_000;

const UNAUTHORIZED = 401;

/** `fetch` that shows the token, and asks once more when there is another than the one refused. */
export function fetchWith(keeper: TokenKeeper): typeof fetch {
  return async (input, init) => {
    const token = await keeper.read();
    const response = await fetchAs(token, input, init);
    if (response.status !== UNAUTHORIZED || !(await keeper.renew(token))) return response;
    return await fetchAs(await keeper.read(), input, init);
  };
}

async function fetchAs(
  token: string | null,
  input: Parameters<typeof fetch>[0],
  init: RequestInit = {},
): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('accept', ACCEPT);
  for (const [name, value] of Object.entries(authorizationOf(token))) headers.set(name, value);
  const limit = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const signal = init.signal == null ? limit : AbortSignal.any([init.signal, limit]);
  return await fetch(input, { ...init, headers, signal });
}
