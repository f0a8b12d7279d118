import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Auth } from '../auth.ts';
import { answer, answerText, HttpRefusal } from './answer.ts';

/**
 * Nothing from anywhere else, and no script but the files of the build: what somebody manages to
 * write into the page does not run. The editor makes styles while it runs and brings fonts inside
 * its styles, which is why those two are not stricter.
 */
const POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "img-src 'self' data:",
  "object-src 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

const TOKEN = '/playground/token';
/** The file of the page, in whatever form; it must not be had around the gate. */
export const PLAYGROUND_FILE = 'playground.html';

/** Whether what is at this path is the playground's to answer. */
export function isPlayground(path: string): boolean {
  return path === '/playground' || path === TOKEN || path.startsWith(`/${PLAYGROUND_FILE}`);
}

/**
 * GraphiQL, built from our own files: it works without the internet.
 *
 * Where there are tokens, the page is for admins. A browser cannot send a Bearer token for a page,
 * so it asks for a name, which does not matter, and a password, which is the token. The API takes
 * no passwords: what a browser sends by itself opens this page and nothing else. So that nobody
 * types the token twice, the page may ask for the one that it was opened with.
 */
export class Playground {
  readonly #auth: Auth;
  readonly #file: string;

  /** The folder is that of the built client. */
  constructor(auth: Auth, clientFolder: string) {
    this.#auth = auth;
    this.#file = join(clientFolder, PLAYGROUND_FILE);
  }

  /** Sends the page, nothing to a browser that has it, or the token it was opened with. */
  async handle(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const token = this.#tokenOfAdmin(request);
    if (path === TOKEN) return this.#answerToken(token, request, response);
    const html = await readFile(this.#file).catch(() => undefined);
    if (html === undefined)
      return answerText(response, 404, 'The playground is not built. "npm run build" builds it.');
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache, private',
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      etag: `"${createHash('sha256').update(html).digest('base64url')}"`,
      vary: 'Authorization',
    };
    if (request.headers['if-none-match'] === headers.etag)
      return answer(response, 304, headers, '');
    answer(response, 200, headers, html);
  }

  /** The token of the admin who asks; null where there are none. */
  #tokenOfAdmin({ headers: { authorization } }: IncomingMessage): string | null {
    const shown = asBearer(authorization);
    const identity = this.#auth.authenticate(shown);
    if (identity?.viewer.role === 'ADMIN') return identity.tokenId === null ? null : tokenIn(shown);
    const message = 'the playground is for admins: any name, and the token as password';
    const challenge = 'Basic realm="Snapyard playground", charset="UTF-8"';
    throw new HttpRefusal(401, 'UNAUTHENTICATED', message, { 'www-authenticate': challenge });
  }

  /**
   * Answers our own page only. It names nothing that the browser does not know already, but a
   * foreign page must not read it, nor anybody find it in the history or in a cache.
   */
  #answerToken(token: string | null, request: IncomingMessage, response: ServerResponse): void {
    const site = request.headers['sec-fetch-site'];
    const purpose = request.headers['sec-fetch-dest'];
    if ((site ?? 'same-origin') !== 'same-origin' || (purpose ?? 'empty') !== 'empty')
      throw new HttpRefusal(403, 'FORBIDDEN', 'only the playground asks for this');
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
    };
    const answered = { wantsTokens: !this.#auth.loopbackOnly, token };
    answer(response, 200, headers, JSON.stringify(answered));
  }
}

/** A password as the token that it is; any other header as it came. */
function asBearer(authorization: string | undefined): string | undefined {
  const encoded = /^Basic +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return authorization;
  const [, ...password] = Buffer.from(encoded, 'base64').toString().split(':');
  return `Bearer ${password.join(':')}`;
}

function tokenIn(authorization: string | undefined): string | null {
  return /^Bearer +(\S+)/i.exec(authorization ?? '')?.[1] ?? null;
}
