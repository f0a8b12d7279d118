import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Operation } from '../../../server/http/operation.ts';

/** The transports of subscriptions. */
export type Transport = 'WS' | 'SSE';

/** What comes over a wire. */
export interface WireEnd {
  next(data: Record<string, unknown>): void;
  /** Refused, or broken off by errors. */
  errors(text: string): void;
  completed(): void;
  /** The line is gone; the code of a WebSocket that was closed. */
  gone(code: number | undefined): void;
}

/** One subscription over a real connection of its own. */
export interface Wire {
  /** Breaks the connection, as a network does. */
  destroy(): void;
  /** Stops reading from the socket; what comes stays in the network, and then with the server. */
  pause(): void;
  resume(): void;
}

/** Where to, and as whom. */
export interface Address {
  readonly origin: string;
  readonly token: string;
}

/** Subscribes. */
export function openWire(to: Address, how: Transport, operation: Operation, end: WireEnd): Wire {
  return how === 'WS' ? openWebSocket(to, operation, end) : openEvents(to, operation, end);
}

interface Result {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { readonly message: string }[];
}

function take({ data, errors }: Result, end: WireEnd): void {
  if (errors !== undefined) end.errors(errors.map(({ message }) => message).join('; '));
  else end.next(data ?? {});
}

interface Frame {
  readonly type: string;
  readonly payload?: unknown;
}

function openWebSocket({ origin, token }: Address, operation: Operation, end: WireEnd): Wire {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  const send = (frame: object) => socket.send(JSON.stringify(frame));
  const onFrame = ({ type, payload }: Frame) => {
    if (type === 'connection_ack') send({ id: '1', type: 'subscribe', payload: operation });
    if (type === 'next') take(payload as Result, end);
    if (type === 'error') take({ errors: (payload as Result['errors']) ?? [] }, end);
    if (type === 'complete') end.completed();
  };
  socket.on('open', () => {
    send({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } });
  });
  socket.on('message', (data: Buffer) => onFrame(JSON.parse(data.toString()) as Frame));
  // Each error is followed by a close.
  socket.on('error', () => {});
  socket.on('close', (code) => end.gone(code));
  return {
    destroy: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}

function openEvents({ origin, token }: Address, operation: Operation, end: WireEnd): Wire {
  const headers = {
    'content-type': 'application/json',
    accept: 'text/event-stream',
    authorization: `Bearer ${token}`,
  };
  const sent = request(`${origin}/graphql`, { method: 'POST', headers, agent: false });
  let isGone = false;
  let response: IncomingMessage | undefined;
  sent.on('response', (begun) => {
    response = begun;
  });
  const gone = () => {
    if (!isGone) end.gone(undefined);
    isGone = true;
  };
  sent.on('error', gone);
  sent.on('close', gone);
  readEvents(sent, end);
  sent.end(JSON.stringify(operation));
  return {
    destroy: () => sent.destroy(),
    pause: () => void response?.pause(),
    resume: () => void response?.resume(),
  };
}

function readEvents(sent: ClientRequest, end: WireEnd): void {
  let text = '';
  sent.on('response', (response) => {
    response.setEncoding('utf8');
    response.on('error', () => {});
    response.on('data', (chunk: string) => {
      const events = (text + chunk).split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) takeEvent(event, end);
    });
  });
}

function takeEvent(event: string, end: WireEnd): void {
  if (event.startsWith('event: complete')) return end.completed();
  const data = /^event: next\ndata: (.*)$/s.exec(event)?.[1];
  if (data !== undefined) take(JSON.parse(data) as Result, end);
}
