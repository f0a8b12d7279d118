import type { Socket as NetworkSocket } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

/** A message of the graphql-transport-ws protocol. */
export interface Message {
  type: string;
  id?: string;
  payload?: unknown;
}

/** How a socket is opened. */
export interface Opening {
  headers?: Record<string, string>;
  protocols?: string[];
}

/** A WebSocket that keeps what it receives, so that a test cannot miss a message. */
export interface Socket {
  readonly raw: WebSocket;
  /** The connection below it, once it is open. */
  network(): NetworkSocket;
  send(message: Message | string): void;
  /** The next message not yet taken; rejects when the socket is closed instead. */
  next(): Promise<Message>;
  /** How it was closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
}

/** Opens a socket; rejects with the status when it is refused. */
export function openSocket(url: string, opening: Opening = {}): Promise<Socket> {
  const { headers, protocols = ['graphql-transport-ws'] } = opening;
  const raw = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocols, { headers });
  onTestFinished(() => raw.terminate());
  const socket = keeping(raw);
  return new Promise((resolve, reject) => {
    raw.on('open', () => resolve(socket));
    raw.on('unexpected-response', (_request, { statusCode }) => {
      reject(new Error(`refused with ${statusCode}`));
      raw.terminate();
    });
    raw.on('error', reject);
  });
}

function keeping(raw: WebSocket): Socket {
  let network: NetworkSocket | undefined;
  raw.on('upgrade', ({ socket }) => void (network = socket));
  const received: Message[] = [];
  const waiting: { resolve: (message: Message) => void; reject: (error: Error) => void }[] = [];
  raw.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Message;
    const waiter = waiting.shift();
    if (waiter === undefined) received.push(message);
    else waiter.resolve(message);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    raw.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() });
      for (const { reject } of waiting) reject(new Error(`closed with ${code}`));
    });
  });
  return {
    raw,
    closed,
    network() {
      if (network === undefined) throw new Error('not open');
      return network;
    },
    send: (message) => raw.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next() {
      const message = received.shift();
      if (message !== undefined) return Promise.resolve(message);
      return new Promise((resolve, reject) => void waiting.push({ resolve, reject }));
    },
  };
}

/** Opens a socket and introduces the caller. */
export async function connect(
  url: string,
  payload?: Record<string, unknown>,
  opening?: Opening,
): Promise<Socket> {
  const socket = await openSocket(url, opening);
  socket.send({ type: 'connection_init', ...(payload && { payload }) });
  const message = await socket.next();
  if (message.type !== 'connection_ack') throw new Error(`not let in: ${message.type}`);
  return socket;
}
