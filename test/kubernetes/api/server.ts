import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { parse as parseYaml } from 'yaml';
import { ApiError } from '../ports.ts';
import { userOf } from './access.ts';
import { understand, type Understood } from './answers.ts';
import type { Api, Reply } from './api.ts';
import { control } from './control.ts';
import type { Struck } from './faults.ts';
import { fromProtobuf } from './protobuf.ts';
import { badRequest } from './refusals.ts';
import { acceptSocket } from './sockets.ts';
import { statusOf } from './status.ts';

/** The HTTP server of the simulator. */
export interface ApiServer {
  readonly port: number;
  /** Resets every connection, and every new one, until told otherwise. */
  setGone(isGone: boolean): void;
  close(): Promise<void>;
}

/** Opens the server; what it needs to know of itself is asked for when it listens. */
export async function openServer(api: Api, port: number): Promise<ApiServer> {
  const sockets = new Set<Socket>();
  let isGone = false;
  // No time-outs of its own: the time of the simulator is not that of this machine.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
  server.on('connection', (socket: Socket) => {
    if (isGone) return void socket.resetAndDestroy();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', (request, response) => void serve(api, request, response));
  server.on('upgrade', (request, socket: Socket, head) => {
    socket.on('error', () => socket.destroy());
    acceptSocket(api, request, socket, head);
  });
  await listen(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    setGone: (now) => {
      isGone = now;
      if (now) for (const socket of sockets) socket.resetAndDestroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function serve(api: Api, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const raw = await bytesOfBody(request);
  if (raw === undefined || response.destroyed) return;
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const controlled = control(api, request.method ?? 'GET', url, raw.toString());
  if (controlled !== undefined) return send(response, controlled);
  let understood: Understood | undefined;
  try {
    const user = userOf(api.access, request.headers.authorization);
    understood = understand(api, request.method ?? 'GET', url);
    perform(api, understood, { request, response, url, raw, user });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    sendRefusal(response, error, understood);
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly raw: Buffer;
  readonly user: string;
}

/** Lets the request have its effect and answers it, unless a fault has it otherwise. */
function perform(api: Api, understood: Understood, exchange: Exchange): void {
  const { request, response, url, user } = exchange;
  const { seen, answer } = understood;
  const fault = api.faults.strike(seen);
  if (fault) api.log.tell('a fault struck a request', describe(understood), { does: fault.does });
  if (fault?.when === 'BEFORE' && disturb(fault, response)) return;
  if (api.onRequest?.('BEFORE', seen) === 'RESET') return reset(response);
  const contentType = (request.headers['content-type'] ?? '').split(';')[0] ?? '';
  const { accept } = request.headers;
  const body = bodyOf(exchange.raw, contentType);
  const reply = answer({ method: request.method ?? '', url, accept, contentType, body, user });
  if (api.onRequest?.('AFTER', seen) === 'RESET') return reset(response);
  if (fault?.when === 'AFTER' && disturb(fault, response)) return;
  if ('watch' in reply) api.watches.open(reply.watch, response, fault?.does === 'SILENT');
  else send(response, reply, accept);
}

/** Does what a fault wants instead of an answer; whether there is none any more. */
function disturb({ does, error }: Struck, response: ServerResponse): boolean {
  if (does === 'SILENT') return false;
  if (does === 'RESET') reset(response);
  else if (does !== 'HANG') throw error;
  return true;
}

function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

function describe({ seen: { verb, resource, namespace, name } }: Understood): string {
  return `${verb} ${[resource, namespace, name].filter((part) => part !== undefined).join(' ')}`;
}

function bodyOf(raw: Buffer, contentType: string): unknown {
  if (raw.length === 0) return undefined;
  const isProtobuf = contentType === 'application/vnd.kubernetes.protobuf';
  const read = isProtobuf ? fromProtobuf(raw) : undefined;
  if (isProtobuf && read !== undefined) return read;
  if (isProtobuf || contentType.includes('cbor')) {
    const why = 'the body of the request was in an unknown format';
    const message = `${why} - accepted media types include: application/json, application/yaml`;
    throw new ApiError(415, 'UnsupportedMediaType', message);
  }
  const text = raw.toString();
  try {
    return contentType.includes('yaml') ? parseYaml(text) : (JSON.parse(text) as unknown);
  } catch {
    throw badRequest('the object provided is unrecognized: it is no JSON');
  }
}

/** What the client sent; undefined where it went away meanwhile. */
async function bytesOfBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

function sendRefusal(response: ServerResponse, error: ApiError, understood?: Understood): void {
  if (response.headersSent) return void response.destroy();
  const body = statusOf(error, understood?.target);
  if (error.retryAfterSeconds !== undefined) {
    response.setHeader('retry-after', String(error.retryAfterSeconds));
  }
  send(response, { status: error.code, body });
}

function send(
  response: ServerResponse,
  reply: Exclude<Reply, { watch: unknown }>,
  accept?: string,
): void {
  // Old kubectl takes the description of the API in this form only; nothing at all is legal in it.
  if (accept?.startsWith('application/com.github.proto-openapi.spec.v2') && 'body' in reply) {
    response.writeHead(200, { 'content-type': accept.replace('@', '.') });
    response.end();
    return;
  }
  if ('text' in reply) {
    response.writeHead(reply.status, { 'content-type': reply.type ?? 'text/plain' });
    response.end(reply.text);
    return;
  }
  for (const warning of reply.warnings ?? []) {
    response.appendHeader('warning', `299 - "${warning.replaceAll('"', String.raw`\"`)}"`);
  }
  response.writeHead(reply.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(reply.body));
}
