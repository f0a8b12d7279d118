import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { answer, answerText } from './answer.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/** The page is all our own files, and `'self'` covers the socket to where they came from. */
const POLICY = ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"].join('; ');

/** Sends the files of one folder, `index.html` for the folder itself. */
export class StaticFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Sends one file. */
  async handle(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = this.#fileOf(path);
    if (file === undefined) return answerMissing(path, response);
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() !== true) return answerMissing(path, response);
    const headers = {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'cache-control': cachingOf(path),
      'content-security-policy': POLICY,
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      etag: `W/"${found.size.toString(36)}-${Math.floor(found.mtimeMs).toString(36)}"`,
    };
    if (request.headers['if-none-match'] === headers.etag)
      return answer(response, 304, headers, '');
    response.writeHead(200, { ...headers, 'content-length': found.size });
    if (request.method === 'HEAD') return void response.end();
    await pipeline(createReadStream(file), response);
  }

  /** The file of a path; undefined for one that leads out of the folder or to a hidden file. */
  #fileOf(path: string): string | undefined {
    const decoded = decode(path);
    if (decoded === undefined || /[\0\\]|\/\./.test(decoded)) return undefined;
    const file = normalize(join(this.#folder, decoded === '/' ? 'index.html' : decoded));
    return file.startsWith(normalize(this.#folder + sep)) ? file : undefined;
  }
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** The build names files in `assets` by their content. */
function cachingOf(path: string): string {
  return path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
}

function answerMissing(path: string, response: ServerResponse): void {
  if (path !== '/') return answerText(response, 404, 'not found');
  answerText(
    response,
    404,
    'The dashboard is not built. "npm run build" builds it; see /playground.',
  );
}
