import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { schema } from '../../schema/index.ts';
import type { Role } from '../../schema/model/viewer.ts';
import { type Auth, loopbackAuth, tokenAuth } from '../../server/auth.ts';
import type { Consoles } from '../../server/consoles.ts';
import { Http, type HttpSettings } from '../../server/http/http.ts';
import { LIMITS, type Limits } from '../../server/http/limits.ts';
import { newToken, readTokens, watchTokens, writeTokens } from '../../server/token-file.ts';
import type { Metrics } from '../../server/metrics.ts';
import { realWorld, type World } from '../../server/world.ts';
import { type FakeContexts, fakeContexts, type FakePorts } from './fake-context.ts';

/** How a test wants its server. */
export interface Serving extends FakePorts {
  auth?: Auth;
  world?: World;
  limits?: Partial<Limits>;
  settings?: Partial<HttpSettings>;
  metrics?: Metrics;
  consoles?: Consoles;
}

/** A server on a free port, over fake ports; it is stopped when the test ends. */
export interface Served {
  readonly http: Http;
  readonly url: string;
  readonly contexts: FakeContexts;
  /** What was logged as an error. */
  readonly errors: { fields: Record<string, unknown>; message: string }[];
}

/** Starts a server. */
export async function serve(serving: Serving = {}): Promise<Served> {
  const contexts = fakeContexts(serving);
  const errors: Served['errors'] = [];
  const ignore = () => {};
  const http = new Http({
    world: serving.world ?? realWorld(),
    log: {
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: (fields, message) => void errors.push({ fields: { ...fields }, message }),
    },
    schema,
    contexts,
    auth: serving.auth ?? loopbackAuth(),
    metrics: serving.metrics,
    consoles: serving.consoles,
    settings: {
      host: '127.0.0.1',
      port: 0,
      origins: [],
      clientFolder: '/nowhere',
      limits: { ...LIMITS, ...serving.limits },
      ...serving.settings,
    },
  });
  onTestFinished(() => http.stop());
  return { http, url: await http.listen(), contexts, errors };
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Buffer;
}

/** What to send. */
export interface Sending {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** Sends one request on a connection of its own; unlike `fetch` it may set any header. */
export function send(
  url: string,
  { method = 'GET', headers, body }: Sending = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const { statusCode: status = 0, headers: received } = response;
        resolve({ status, headers: received, text: bytes.toString(), bytes });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What a GraphQL request came back as. */
export interface GraphqlAnswer extends Answer {
  readonly json: { data?: Record<string, unknown> | null; errors?: ShownError[] };
  /** What it cost, which `json` leaves out. */
  readonly cost: { requested: number; limit: number } | undefined;
}

/** An error as callers see it. */
export interface ShownError {
  message: string;
  path?: unknown[];
  extensions: { code: string; id?: string };
}

/** Posts one operation. */
export async function post(
  { url }: Pick<Served, 'url'>,
  operation: string | object,
  headers: Record<string, string> = {},
): Promise<GraphqlAnswer> {
  const body = typeof operation === 'string' ? { query: operation } : operation;
  const answer = await send(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const { extensions, ...json } = JSON.parse(answer.text) as GraphqlAnswer['json'] & {
    extensions?: Pick<GraphqlAnswer, 'cost'>;
  };
  return { ...answer, json, cost: extensions?.cost };
}

/** The header of a caller. */
export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** A file of tokens that a test can add to and strike from. */
export interface Tokens {
  readonly path: string;
  readonly auth: Auth;
  add(name: string, role: Role): string;
  revoke(name: string): void;
}

/** Makes a file of tokens, gone when the test ends. */
export function makeTokens(): Tokens {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-tokens-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tokens');
  writeTokens(path, []);
  return {
    path,
    auth: tokenAuth(watchTokens(path, () => {})),
    add(name, role) {
      const { token, entry } = newToken(realWorld(), name, role);
      writeTokens(path, [...readTokens(path), entry]);
      return token;
    },
    revoke(name) {
      writeTokens(
        path,
        readTokens(path).filter((entry) => entry.name !== name),
      );
    },
  };
}

/** A promise that a test settles by hand. */
export function deferred<Value>() {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: (value: Value) => resolve(value) };
}
