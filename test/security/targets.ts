import { send } from '../kit/served.ts';
import { type Message, openSocket, type Socket } from '../kit/socket.ts';
import type { Reply, Result, Target } from './probes.ts';

/** Where a server is, and how a caller introduces itself. */
export interface Address {
  readonly url: string;
  /** The caller's token; a stranger has none. */
  readonly token?: string | undefined;
}

const PAGES = ['/graphql', '/graphiql', '/playground', '/console', '/graphql-playground', '/'];

/** A server as it is met over HTTP. */
export function overHttp({ url, token }: Address): Target {
  const own = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const get = async (path: string, accept: string) => {
    return replyOf((await send(`${url}${path}`, { headers: { ...own, accept } })).text);
  };
  const post = async (type: string, body: string) => {
    const headers = { ...own, 'content-type': type };
    return replyOf((await send(`${url}/graphql`, { method: 'POST', headers, body })).text);
  };
  return {
    ask: (operation) => post('application/json', JSON.stringify(operation)),
    visit: (query) => get(`/graphql?query=${encodeURIComponent(query)}`, 'application/json'),
    submit: (query) =>
      post('application/x-www-form-urlencoded', String(new URLSearchParams({ query }))),
    async browse() {
      const pages = await Promise.all(PAGES.map((path) => get(path, 'text/html')));
      return { text: pages.map(({ text }) => text).join('\n'), results: [] };
    },
  };
}

function replyOf(text: string): Reply {
  try {
    const parsed: unknown = JSON.parse(text);
    const results = Array.isArray(parsed) ? parsed : [parsed];
    return { text, results: results as Result[] };
  } catch {
    return { text, results: [] };
  }
}

/**
 * The same server as it is met over WebSocket. What belongs to HTTP is tried as far as a WebSocket
 * goes: the question in the address it begins with, or as a form in a message.
 */
export function overWebSocket({ url, token }: Address): Target {
  const payload = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const init = { type: 'connection_init', payload };
  const ping = { type: 'ping' };
  return {
    ask: (operation) => talk(url, [init, { type: 'subscribe', id: '1', payload: operation }]),
    visit: (query) => talk(`${url}/graphql?query=${encodeURIComponent(query)}&path=`, [init, ping]),
    submit: (query) => talk(url, [init, String(new URLSearchParams({ query })), ping]),
    browse: () => talk(`${url}/playground?path=`, [ping]),
  };
}

/** What a server says when it has done with the message before. */
const ANSWERED = ['connection_ack', 'pong', 'error', 'complete'];

/** Sends messages, each after the answer to the one before, and keeps what comes. */
async function talk(url: string, messages: readonly (Message | string)[]): Promise<Reply> {
  const received: Message[] = [];
  try {
    const socket = await openSocket(url);
    for (const message of messages) received.push(...(await tell(socket, message)));
    socket.raw.terminate();
  } catch {
    // Refused, or closed out: what came before counts.
  }
  return { text: JSON.stringify(received), results: received.flatMap(resultOf) };
}

async function tell(socket: Socket, message: Message | string): Promise<Message[]> {
  const received: Message[] = [];
  socket.send(message);
  while (!ANSWERED.includes(received.at(-1)?.type ?? '')) received.push(await socket.next());
  return received;
}

function resultOf({ type, payload }: Message): Result[] {
  if (type === 'error') return [{ errors: payload as Result['errors'] & object }];
  return type === 'next' ? [payload as Result] : [];
}
