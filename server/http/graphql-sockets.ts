import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { handleProtocols, MessageType, type Server } from 'graphql-ws';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { World } from '../world.ts';
import { type Connection, type ProtocolParts, speakProtocol } from './graphql-protocol.ts';
import type { Log } from './log.ts';
import { SocketOperations } from './socket-operations.ts';
import { WebSocketLine } from './web-socket-line.ts';

/** What the sockets are made of. */
export interface SocketParts extends ProtocolParts {
  readonly world: World;
  readonly log: Log;
}

/** Revoked tokens are found within this time, dead lines within twice this time. */
const BEAT_MS = 5_000;

/** How long sockets may take to say goodbye. */
const CLOSE_MS = 1_000;

const SERVICE_RESTART = 1012;
const TRY_AGAIN_LATER = 1013;
const FORBIDDEN = 4403;
const INTERNAL = 4500;

/** GraphQL over WebSocket: the sockets, from upgrade to close. */
export class GraphqlSockets {
  readonly #parts: SocketParts;
  readonly #server: WebSocketServer;
  readonly #protocol: Server<Connection>;
  readonly #connections = new Map<WebSocket, Connection>();
  /** One for all of them: each socket costs memory for as long as it is open. */
  readonly #onError = (err: Error) => this.#parts.log.debug({ err }, 'a WebSocket broke');
  #cancelBeat = () => {};

  constructor(parts: SocketParts) {
    this.#parts = parts;
    this.#protocol = speakProtocol(parts);
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: parts.limits.messageBytes,
      perMessageDeflate: false,
      handleProtocols,
    });
    this.#scheduleBeat();
  }

  /** How many are open. */
  get size(): number {
    return this.#connections.size;
  }

  /** Whether there is room for another. */
  get isFull(): boolean {
    return this.#connections.size >= this.#parts.limits.webSockets;
  }

  /** Makes a WebSocket of a request that may come in. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { authorization } = request.headers;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const line = new WebSocketLine(webSocket, socket);
      this.#open(webSocket, { line, operations: new SocketOperations(), authorization });
    });
  }

  #open(socket: WebSocket, connection: Connection): void {
    const { log } = this.#parts;
    this.#connections.set(socket, connection);
    socket.on('error', this.#onError);
    const protocolSocket = this.#asProtocolSocket(socket, connection.line);
    const closed = this.#protocol.opened(protocolSocket, connection);
    socket.once('close', (code, reason) => {
      this.#connections.delete(socket);
      connection.operations.endAll();
      closed(code, String(reason)).catch((err: unknown) => {
        log.error({ err }, 'a subscription did not end well');
      });
    });
  }

  #asProtocolSocket(
    socket: WebSocket,
    line: WebSocketLine,
  ): Parameters<Server<Connection>['opened']>[0] {
    return {
      protocol: socket.protocol,
      send: (text) => line.send(text),
      close: (code, reason) => socket.close(code, reason),
      onPing: answerLatest((text) => line.send(text)),
      onMessage: (receive) => {
        socket.on('message', (data) => {
          line.holdBack();
          // Who has been sent away is not listened to.
          if (socket.readyState !== socket.OPEN) return;
          receive(textOf(data)).catch((err: unknown) => {
            this.#parts.log.error({ err }, 'a message on a WebSocket could not be handled');
            socket.close(INTERNAL, 'Internal server error');
          });
        });
      },
    };
  }

  #scheduleBeat(): void {
    this.#cancelBeat = this.#parts.world.after(BEAT_MS, () => {
      for (const [socket, connection] of this.#connections) this.#beat(socket, connection);
      this.#scheduleBeat();
    });
  }

  /** A line that has not answered since the last beat is dead; so is the right to a revoked one. */
  #beat(socket: WebSocket, { identity, line }: Connection): void {
    if (socket.readyState !== socket.OPEN) return;
    if (identity !== undefined && !this.#parts.auth.isValid(identity))
      return socket.close(FORBIDDEN, 'Forbidden');
    const health = line.beat();
    if (health === 'STUCK') this.#cut(socket);
    if (health === 'DEAD') socket.terminate();
  }

  /** Whoever takes nothing for so long may come again and go on; its memory is for others. */
  #cut(socket: WebSocket): void {
    socket.close(TRY_AGAIN_LATER, 'Too slow');
    const cancel = this.#parts.world.after(CLOSE_MS, () => socket.terminate());
    socket.once('close', cancel);
  }

  /** Sends everybody away; clients come back by themselves, to whoever listens then. */
  async close(): Promise<void> {
    this.#cancelBeat();
    const sockets = [...this.#connections.keys()];
    const gone = Promise.all(sockets.map(closed));
    for (const socket of sockets) socket.close(SERVICE_RESTART, 'Service restart');
    const cancel = this.#parts.world.after(CLOSE_MS, () => {
      for (const socket of sockets) socket.terminate();
    });
    await gone;
    cancel();
  }
}

/** Messages come in one piece or in several, depending on their size. */
function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}

function closed(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

/** Characters of what a ping of the protocol brings along that are sent back. */
const MOST_ECHOED = 125;

/**
 * Answers pings of the protocol as WebSockets answer theirs (RFC 6455, 5.5.3): while an answer
 * waits for the network only the latest ping is remembered, so that no number of them fills memory.
 */
function answerLatest(
  send: (text: string) => Promise<void>,
): (payload: Record<string, unknown> | undefined) => Promise<void> {
  let isSending = false;
  let latest: string | undefined;
  return async (payload) => {
    latest = pongTo(payload);
    if (isSending) return;
    isSending = true;
    while (latest !== undefined) {
      const text: string = latest;
      latest = undefined;
      await send(text);
    }
    isSending = false;
  };
}

function pongTo(payload: Record<string, unknown> | undefined): string {
  const isShort = payload !== undefined && JSON.stringify(payload).length <= MOST_ECHOED;
  return JSON.stringify({ type: MessageType.Pong, ...(isShort && { payload }) });
}
