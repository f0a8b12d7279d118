import { createReadStream, type Stats } from 'node:fs';
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
  '.ttf': 'font/ttf',
  '.woff2': 'font/woff2',
};

/** The page is all our own files, and `'self'` covers the socket to where they came from. */
const POLICY = [
  "default-src 'self'",
  "object-src 'none'",
  "frame-src 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
];

/** A terminal measures its letters and colours them by styles that it makes as it runs. */
const CONSOLE_POLICY = [
  ...POLICY,
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
];

/** Documents, by the paths at which they are: the page tells its own places apart by itself. */
const DOCUMENTS: readonly (readonly [RegExp, string])[] = [
  [/^\/$|^\/(pools|sessions)\/[^/]+\/?$|^\/(new-pool|sessions|saved|history)\/?$/, '/index.html'],
  [/^\/console\/?$/, '/console.html'],
];

/** Forms in which the build leaves files that shrink, by what browsers call them. */
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

/** How the names of those forms end. */
const PACKED = /(\.br|\.gz)+$/;

/** A file in the form in which it is sent. */
interface Found {
  readonly file: string;
  readonly stats: Stats;
  readonly encoding: string | undefined;
}

/** Sends the files of one folder, and its documents at the paths where people find them. */
export class StaticFiles {
  readonly #folder: string;
  /** Files of the folder that are not sent, in any form. */
  readonly #kept: ReadonlySet<string>;

  /** What others send, who ask for more, is `kept` from being had here: names in the folder. */
  constructor(folder: string, kept: readonly string[]) {
    this.#folder = folder;
    this.#kept = new Set(kept.map((name) => normalize(join(folder, name)).toLowerCase()));
  }

  /** Sends one file. */
  async handle(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = DOCUMENTS.find(([pattern]) => pattern.test(path))?.[1] ?? path;
    const file = this.#fileOf(name);
    const found = file && (await find(file, request));
    if (!found) return answerMissing(name, response);
    const { stats, encoding } = found;
    const headers = {
      'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
      'cache-control': cachingOf(path),
      'content-security-policy': policyOf(name),
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      vary: 'Accept-Encoding',
      etag: `W/"${stats.size.toString(36)}-${Math.floor(stats.mtimeMs).toString(36)}"`,
    };
    if (request.headers['if-none-match'] === headers.etag)
      return answer(response, 304, headers, '');
    const coding = encoding === undefined ? {} : { 'content-encoding': encoding };
    response.writeHead(200, { ...headers, ...coding, 'content-length': stats.size });
    if (request.method === 'HEAD') return void response.end();
    await pipeline(createReadStream(found.file), response);
  }

  /** The file of a path; undefined for one that leads out of the folder or to a hidden file. */
  #fileOf(path: string): string | undefined {
    const decoded = decode(path);
    if (decoded === undefined || /[\0\\]|\/\./.test(decoded)) return undefined;
    const file = normalize(join(this.#folder, decoded));
    const isInside = file.startsWith(normalize(this.#folder + sep));
    return isInside && !this.#isKept(file) ? file : undefined;
  }

  /** However the path was spelled, also where the disk does not tell small letters from others. */
  #isKept(file: string): boolean {
    return this.#kept.has(file.toLowerCase().replace(PACKED, ''));
  }
}

/** The file in the smallest form that the browser takes; undefined when there is none. */
async function find(file: string, { headers }: IncomingMessage): Promise<Found | undefined> {
  const accepted = headers['accept-encoding'] ?? '';
  for (const [encoding, ending] of ENCODINGS) {
    const takes = accepted.includes(encoding);
    const stats = takes ? await statsOf(file + ending) : undefined;
    if (stats !== undefined) return { file: file + ending, stats, encoding };
  }
  const stats = await statsOf(file);
  return stats && { file, stats, encoding: undefined };
}

async function statsOf(file: string): Promise<Stats | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() === true ? found : undefined;
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

function policyOf(name: string): string {
  return (name === '/console.html' ? CONSOLE_POLICY : POLICY).join('; ');
}

function answerMissing(name: string, response: ServerResponse): void {
  if (!name.endsWith('.html')) return answerText(response, 404, 'not found');
  answerText(response, 404, 'The dashboard is not built. "npm run build" builds it.');
}
