import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { ApiError } from '../ports.ts';
import { userOf } from './access.ts';
import { authorizeSeen, findRoute, seenRoute } from './answers.ts';
import type { Api } from './api.ts';
import { badRequest } from './refusals.ts';
import { statusOf } from './status.ts';
import { noSuchPath } from './target.ts';

/** The only language that KubeVirt's streams are spoken in. */
const PROTOCOL = 'plain.kubevirt.io';

const SOCKETS = new WebSocketServer({
  noServer: true,
  handleProtocols: () => PROTOCOL,
  perMessageDeflate: false,
});

/** Takes a WebSocket for a route that has a stream to give; refuses any other as plain HTTP. */
export function acceptSocket(
  api: Api,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  try {
    const stream = streamFor(api, request, socket);
    if (stream === undefined) return;
    SOCKETS.handleUpgrade(request, socket, head, (webSocket) => join(webSocket, stream));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    refuse(socket, error);
  }
}

function streamFor(api: Api, request: IncomingMessage, socket: Socket): Duplex | undefined {
  const user = userOf(api.access, request.headers.authorization);
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const found = findRoute(api, 'GET', url);
  if (found === undefined) throw noSuchPath();
  const seen = seenRoute(found);
  authorizeSeen(api, user, seen, found.route.group);
  api.log.tell('stream asked for', `${seen.namespace}/${seen.name}`, { resource: seen.resource });
  const fault = api.faults.strike(seen);
  if (fault?.does === 'HANG') return undefined;
  if (fault?.does === 'RESET') {
    socket.resetAndDestroy();
    return undefined;
  }
  if (fault !== undefined && fault.does !== 'SILENT') throw fault.error;
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',');
  if (!offered.some((one) => one.trim() === PROTOCOL)) {
    throw badRequest(`only the sub-protocol ${PROTOCOL} is spoken here`);
  }
  const { params } = found;
  const query = url.searchParams;
  const answer = found.route.answer({ params, query, body: undefined, user });
  if (!('stream' in answer)) throw badRequest('this is not spoken over a WebSocket');
  return answer.stream;
}

/** Carries bytes both ways, no faster than either side takes them; each ends the other. */
function join(webSocket: WebSocket, stream: Duplex): void {
  const outside = createWebSocketStream(webSocket);
  const end = () => {
    outside.destroy();
    stream.destroy();
    webSocket.terminate();
  };
  outside.on('error', end).on('close', end);
  stream.on('error', end).on('close', () => webSocket.close());
  stream.pipe(outside);
  outside.pipe(stream);
}

function refuse(socket: Socket, error: ApiError): void {
  const body = JSON.stringify(statusOf(error));
  const head = [
    `HTTP/1.1 ${error.code} ${error.reason}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
