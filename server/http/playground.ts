import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { answer } from './answer.ts';

/** The page in the forms in which it is sent; made once, for it is 9 MB and never changes. */
interface Page {
  readonly etag: string;
  readonly identity: Buffer;
  readonly br: Buffer;
  readonly gzip: Buffer;
}

/** The page needs its own inline scripts and workers, and nothing from anywhere else. */
const POLICY = [
  "default-src 'self' blob: data:",
  "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self' ws: wss:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

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
 */
export class Playground {
  readonly #subscriptionsProtocol: 'WS' | 'SSE';
  #page: Promise<Page> | undefined;

  constructor(needsToken: boolean) {
    this.#subscriptionsProtocol = needsToken ? 'SSE' : 'WS';
  }

  /** Sends the page, or nothing to a browser that has it. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#page ??= makePage(this.#subscriptionsProtocol);
    const page = await this.#page;
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      etag: page.etag,
      vary: 'Accept-Encoding',
    };
    if (request.headers['if-none-match'] === page.etag) return answer(response, 304, headers, '');
    const encoding = encodingFor(request);
    answer(response, 200, { ...headers, 'content-encoding': encoding }, page[encoding]);
  }
}

function encodingFor({ headers }: IncomingMessage): 'br' | 'gzip' | 'identity' {
  const accepted = headers['accept-encoding'];
  return (['br', 'gzip'] as const).find((one) => accepted?.includes(one)) ?? 'identity';
}

/** The library is loaded only when somebody wants the page. */
async function makePage(subscriptionsProtocol: 'WS' | 'SSE'): Promise<Page> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL({
    title: 'Snapyard playground',
    endpoint: '/graphql',
    method: 'POST',
    subscriptionsProtocol,
    defaultQuery: WELCOME,
  });
  const identity = Buffer.from(html);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5 };
  const etag = `"${createHash('sha256').update(identity).digest('base64url')}"`;
  return {
    etag,
    identity,
    br: await promisify(brotliCompress)(identity, { params }),
    gzip: await promisify(gzip)(identity),
  };
}
