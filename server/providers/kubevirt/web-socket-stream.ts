import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ClientOptions, createWebSocketStream, WebSocket } from 'ws';
import type { World } from '../../world.ts';
import { refusal } from './status.ts';

/** What a WebSocket is opened with. */
export interface WebSocketCall {
  readonly world: World;
  readonly url: URL;
  readonly options: ClientOptions;
  /** For the opening only. */
  readonly signal: AbortSignal;
}

/** The only sub-protocol of KubeVirt: raw bytes, in binary frames. */
const PROTOCOL = 'plain.kubevirt.io';
const LONGEST_FRAME = 16 * 1024 * 1024;
const LONGEST_REFUSAL = 64 * 1024;
/** Consoles keep no connection alive by themselves, and a dead one looks like a silent one. */
const PING_MS = 20_000;
const MOST_UNANSWERED_PINGS = 3;

/** Opens one and answers it as a stream. A refusal is a `KubernetesError` with its text. */
export function openWebSocket(call: WebSocketCall): Promise<Duplex> {
  const socket = new WebSocket(call.url, [PROTOCOL], {
    ...call.options,
    perMessageDeflate: false,
    maxPayload: LONGEST_FRAME,
  });
  // Made at once, so that nothing is lost that comes right after the opening.
  const stream = createWebSocketStream(socket);
  stream.on('error', () => {});
  // The stream tells of the first error only, and one that nobody hears ends the process.
  socket.on('error', () => {});
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      stream.destroy();
      reject(call.signal.reason as Error);
    };
    call.signal.addEventListener('abort', giveUp, { once: true });
    const settled = () => call.signal.removeEventListener('abort', giveUp);
    socket.once('open', () => {
      settled();
      keepAlive(call.world, socket, stream);
      resolve(stream);
    });
    socket.once('unexpected-response', (_request, response) => {
      readRefusal(call, response)
        .then(reject, reject)
        .finally(() => {
          settled();
          stream.destroy();
        });
    });
    socket.once('error', (error) => {
      settled();
      reject(error);
    });
    if (call.signal.aborted) giveUp();
  });
}

/**
 * Pings the other side now and then and gives up one that no longer answers. While nobody reads
 * here, answers are not read either, so silence then proves nothing.
 */
function keepAlive(world: World, socket: WebSocket, stream: Duplex): void {
  let unanswered = 0;
  const heard = () => {
    unanswered = 0;
  };
  const ping = () => {
    if (unanswered >= MOST_UNANSWERED_PINGS) {
      stream.destroy(new Error('the other side of the stream has fallen silent'));
      return;
    }
    if (!socket.isPaused) {
      unanswered += 1;
      socket.ping(() => {});
    }
    cancel = world.after(PING_MS, ping);
  };
  let cancel = world.after(PING_MS, ping);
  socket.on('pong', heard);
  socket.on('message', heard);
  stream.once('close', () => {
    cancel();
    // Where its closing is not answered, it is cut: the library would wait for it in real time.
    socket.terminate();
  });
}

async function readRefusal(call: WebSocketCall, response: IncomingMessage): Promise<Error> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > LONGEST_REFUSAL) break;
  }
  return refusal({
    what: `GET ${call.url.pathname}`,
    status: response.statusCode ?? 0,
    text,
    retryAfter: response.headers['retry-after'],
    now: call.world.now(),
  });
}
