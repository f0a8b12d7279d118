import { Agent, request } from 'node:http';
import { onTestFinished } from 'vitest';
import { connect, type Message, type Socket } from '../kit/socket.ts';
import type { Hostile } from './hostile-chance.ts';

/** What came back; status 0 when the server ended the connection instead. */
export interface Outcome {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

/** Makes a document ready and sends it when it is called: what the sender works is not timed. */
export type Sending = (document: Hostile) => () => Promise<Outcome>;

/** Sends over HTTP, on connections that are kept. */
export function sendingOverHttp(url: string, token: string): Sending {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const own = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return ({ body, headers }) => {
    const bytes = Buffer.from(body);
    const options = { method: 'POST', agent, headers: { ...own, ...headers } };
    return () =>
      new Promise((resolve) => {
        const begun = performance.now();
        const end = (status: number, text: string) =>
          resolve({ status, text, ms: performance.now() - begun });
        const sent = request(`${url}/graphql`, options, (response) => {
          let text = '';
          response.on('data', (chunk) => (text += String(chunk)));
          response.on('close', () => end(response.statusCode ?? 0, text));
        });
        sent.on('error', () => end(0, ''));
        sent.end(bytes);
      });
  };
}

/** Sends over one WebSocket, and opens another when the server has closed it. */
export function sendingOverWebSocket(url: string, token: string): Sending {
  let socket: Socket | undefined;
  return ({ body }) => {
    const message = `{"id":"1","type":"subscribe","payload":${body}}`;
    return async () => {
      socket ??= await connect(url, { authorization: `Bearer ${token}` });
      const begun = performance.now();
      socket.send(message);
      const received = await receive(socket);
      if (received.at(-1) === undefined) socket = undefined;
      return { status: 0, text: JSON.stringify(received), ms: performance.now() - begun };
    };
  };
}

/** The answers to the only operation; undefined after the last when the socket was closed. */
async function receive(socket: Socket): Promise<(Message | undefined)[]> {
  const received: (Message | undefined)[] = [];
  const closed = socket.closed.then(() => undefined);
  for (;;) {
    const message = await Promise.race([socket.next().catch(() => undefined), closed]);
    received.push(message);
    if (message === undefined || ['error', 'complete'].includes(message.type)) return received;
  }
}
