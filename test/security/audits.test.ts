import { serverAudits } from 'graphql-http';
import { expect, test } from 'vitest';
import { bearer, makeTokens, send, serve } from '../kit/served.ts';

/** What the audits need of `fetch`, on a connection of its own, with a token. */
function fetchWith(token: string) {
  return async (url: string, { method = 'GET', headers = {}, body }: RequestInit = {}) => {
    const sent = { ...Object.fromEntries(new Headers(headers)), ...bearer(token) };
    const text = typeof body === 'string' ? { body } : {};
    const answer = await send(url, { method, headers: sent, ...text });
    const received = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
    return new Response(answer.text, {
      status: answer.status,
      headers: Object.fromEntries(received) as Record<string, string>,
    });
  };
}

test('all that GraphQL over HTTP says one must and should do is done', async () => {
  const tokens = makeTokens();
  const { url, errors } = await serve({ auth: tokens.auth });
  const fetchFn = fetchWith(tokens.add('auditor', 'ADMIN'));
  const audits = serverAudits({ url: `${url}/graphql`, fetchFn });
  const failed: string[] = [];
  const passed = { MUST: 0, SHOULD: 0, MAY: 0 };
  for (const { id, name, fn } of audits) {
    const [kind = ''] = name.split(' ');
    const { status } = await fn();
    if (status === 'ok') passed[kind as keyof typeof passed] += 1;
    else failed.push(`${id} ${name}`);
  }
  console.info(`audits passed: ${JSON.stringify(passed)} of ${audits.length}`);
  expect(failed.filter((name) => !name.includes(' MAY '))).toEqual([]);
  expect(passed).toMatchObject({ MUST: 13, SHOULD: 23 });
  // What one may do and we do not: operations in the address, which any page may ask for.
  expect(failed.filter((name) => !name.includes('GET'))).toEqual([]);
  expect(errors).toEqual([]);
});
