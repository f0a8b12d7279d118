import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Auth } from '../auth.ts';
import { answer, HttpRefusal } from './answer.ts';

/** The page in the forms in which it is sent; made once, for it is 9 MB and never changes. */
interface Page {
  readonly etag: string;
  readonly policy: string;
  readonly identity: Buffer;
  readonly br: Buffer;
  readonly gzip: Buffer;
}

/**
 * Nothing from anywhere else, and no script but the one that the page brings, which is known by
 * its hash: what somebody manages to write into the page does not run. The editor makes workers of
 * texts in that script, and styles while it runs, which is why those two are not stricter.
 */
function policyFor(script: string): string {
  const hash = createHash('sha256').update(script).digest('base64');
  return [
    "default-src 'self'",
    `script-src 'sha256-${hash}'`,
    'worker-src blob:',
    "style-src 'self' 'unsafe-inline'",
    "font-src 'self' data:",
    "img-src 'self' data:",
    "object-src 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}

const WELCOME = `# Snapyard: everything is one GraphQL API. Try:
query Pools {
  viewer { name role }
  clusterPools {
    edges { node { name stats { availableClusters lockedClusters totalClusters } } }
  }
}
`;

/**
 * GraphiQL, from our own files: it works without the internet. It subscribes over WebSocket, except
 * where a token is needed: the headers that people type in there it sends over HTTP only.
 *
 * Where there are tokens, the page is for admins. A browser cannot send a Bearer token for a page,
 * so it asks for a name, which does not matter, and a password, which is the token. The API takes
 * no passwords: what a browser sends by itself opens this page and nothing else.
 */
export class Playground {
  readonly #auth: Auth;
  #page: Promise<Page> | undefined;

  constructor(auth: Auth) {
    this.#auth = auth;
  }

  /** Sends the page, or nothing to a browser that has it. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#assertAdmin(request);
    this.#page ??= makePage(!this.#auth.loopbackOnly);
    const page = await this.#page;
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache, private',
      'content-security-policy': page.policy,
      'referrer-policy': 'no-referrer',
      etag: page.etag,
      vary: 'Accept-Encoding, Authorization',
    };
    if (request.headers['if-none-match'] === page.etag) return answer(response, 304, headers, '');
    const encoding = encodingFor(request);
    answer(response, 200, { ...headers, 'content-encoding': encoding }, page[encoding]);
  }

  #assertAdmin({ headers: { authorization } }: IncomingMessage): void {
    const identity = this.#auth.authenticate(asBearer(authorization));
    if (identity?.viewer.role === 'ADMIN') return;
    const message = 'the playground is for admins: any name, and the token as password';
    const challenge = 'Basic realm="Snapyard playground", charset="UTF-8"';
    throw new HttpRefusal(401, 'UNAUTHENTICATED', message, { 'www-authenticate': challenge });
  }
}

/** A password as the token that it is; any other header as it came. */
function asBearer(authorization: string | undefined): string | undefined {
  const encoded = /^Basic +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return authorization;
  const [, ...password] = Buffer.from(encoded, 'base64').toString().split(':');
  return `Bearer ${password.join(':')}`;
}

function encodingFor({ headers }: IncomingMessage): 'br' | 'gzip' | 'identity' {
  const accepted = headers['accept-encoding'];
  return (['br', 'gzip'] as const).find((one) => accepted?.includes(one)) ?? 'identity';
}

/** The library is loaded only when somebody wants the page. */
async function makePage(needsToken: boolean): Promise<Page> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL({
    title: 'Snapyard playground',
    endpoint: '/graphql',
    method: 'POST',
    subscriptionsProtocol: needsToken ? 'SSE' : 'WS',
    defaultQuery: WELCOME,
    ...(needsToken && { headers: '{ "authorization": "Bearer " }' }),
  }).replaceAll('\r\n', '\n');
  const identity = Buffer.from(html);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5 };
  return {
    etag: `"${createHash('sha256').update(identity).digest('base64url')}"`,
    policy: policyFor(onlyScriptIn(html)),
    identity,
    br: await promisify(brotliCompress)(identity, { params }),
    gzip: await promisify(gzip)(identity),
  };
}

/** What the library's page has between its script tags; there is one pair. */
function onlyScriptIn(html: string): string {
  return html.slice(html.indexOf('<script>') + '<script>'.length, html.lastIndexOf('</script>'));
}
