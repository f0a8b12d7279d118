import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CONSOLE_CLOSED } from '../../schema/model/console.ts';
import type { Auth } from '../auth.ts';
import type { ConsoleGrant } from '../console-grant.ts';
import { CONSOLES_PATH, type Consoles } from '../consoles.ts';
import { ProviderError } from '../providers/provider.ts';
import type { Cancel, World } from '../world.ts';
import { ConsoleLine, sayGoodbye } from './console-line.ts';
import { ConsoleVisit, type Ending } from './console-visit.ts';
import type { Limits } from './limits.ts';
import type { Log } from './log.ts';
import { refuseUpgrade } from './refused-upgrade.ts';

/** What the sockets of consoles are made of. */
export interface ConsoleSocketParts {
  readonly consoles: Consoles;
  readonly auth: Auth;
  readonly world: World;
  readonly log: Log;
  readonly limits: Limits;
}

/** Somebody at the door: a request that wants to become a WebSocket. */
interface Knock {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** A stream, or why there is none. */
type Opened =
  | { readonly stream: Duplex; readonly ending?: undefined }
  | { readonly stream?: undefined; readonly ending: Ending };

/** Revoked tokens and dead lines are found by beats. */
const BEAT_MS = 5_000;
/** After a commit it is looked whether what was granted still holds; not more often than this. */
const LOOK_MS = 50;
/** How long a provider may take to open a stream. */
const OPEN_MS = 20_000;

const NO_TICKET = {
  code: CONSOLE_CLOSED.noTicket,
  reason: 'This ticket is not known: used, or too old.',
};
const FORBIDDEN = { code: CONSOLE_CLOSED.forbidden, reason: 'The token is no longer known.' };
const TOO_MANY = { code: CONSOLE_CLOSED.tooMany, reason: 'Too many consoles are open.' };
const TAKEN = { code: CONSOLE_CLOSED.taken, reason: 'This console was opened elsewhere.' };
const SERVER_STOPS = { code: CONSOLE_CLOSED.serverStops, reason: 'The server stops.' };
const FAULT = { code: CONSOLE_CLOSED.fault, reason: 'Something went wrong in the server.' };

/** Consoles over WebSocket: whoever shows a ticket, from the upgrade to the close. */
export class ConsoleSockets {
  readonly #parts: ConsoleSocketParts;
  readonly #server: WebSocketServer;
  readonly #visits = new Set<ConsoleVisit>();
  /** Who was refused and has not yet gone. */
  readonly #leaving = new Set<WebSocket>();
  readonly #stopWatching: () => void;
  #cancelBeat: Cancel | undefined;
  #cancelLook: Cancel | undefined;

  constructor(parts: ConsoleSocketParts) {
    this.#parts = parts;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: parts.limits.messageBytes,
      perMessageDeflate: false,
    });
    this.#stopWatching = parts.consoles.watch(() => this.#lookSoon());
  }

  /** How many are open, or being opened. */
  get size(): number {
    return this.#visits.size + this.#leaving.size;
  }

  /** Whether a path leads to a console. */
  leadsHere(path: string): boolean {
    return path.startsWith(CONSOLES_PATH);
  }

  /**
   * Opens the stream that a ticket is for, and only then makes a WebSocket of the request: open
   * means connected. Who is refused gets one too, and a code and a sentence with its closing:
   * of an upgrade that fails a page learns nothing.
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const knock = { request, socket, head };
    const [path = ''] = (request.url ?? '').split('?');
    const grant = this.#parts.consoles.redeem(path.slice(CONSOLES_PATH.length));
    if (grant === undefined) return this.#refuseStranger(knock);
    const refusal = this.#refusal(grant);
    if (refusal !== undefined) return this.#refuse(knock, refusal);
    void this.#visit(new ConsoleVisit(grant), knock);
  }

  /** Strangers who do not leave must not shut the door for those with a ticket. */
  #refuseStranger(knock: Knock): void {
    const { limits, world } = this.#parts;
    if (this.#leaving.size < limits.consoles) return this.#refuse(knock, NO_TICKET);
    refuseUpgrade(knock.socket, world, '503 Service Unavailable');
  }

  #refusal(grant: ConsoleGrant): Ending | undefined {
    const { auth, limits } = this.#parts;
    if (!isValid(auth, grant)) return FORBIDDEN;
    const over = this.#whyOver(grant);
    if (over !== undefined) return over;
    const others = [...this.#visits].filter((visit) => !isSameConsole(visit.grant, grant));
    const own = others.filter((visit) => visit.grant.viewer.name === grant.viewer.name);
    const isFull = others.length >= limits.consoles || own.length >= limits.consolesPerCaller;
    return isFull ? TOO_MANY : undefined;
  }

  /** Why what was granted is over; where that cannot be read it is over, too. */
  #whyOver(grant: ConsoleGrant): Ending | undefined {
    try {
      const reason = this.#parts.consoles.whyOver(grant);
      return reason === undefined ? undefined : { code: CONSOLE_CLOSED.ended, reason };
    } catch (error) {
      this.#parts.log.error({ err: error }, 'it is not known whether a console is over');
      return FAULT;
    }
  }

  async #visit(visit: ConsoleVisit, knock: Knock): Promise<void> {
    const { socket } = knock;
    const leave = () => visit.end(FAULT);
    socket.on('error', leave);
    socket.once('close', leave);
    const earlier = [...this.#visits].filter(({ grant }) => isSameConsole(grant, visit.grant));
    this.#visits.add(visit);
    void visit.gone.then(() => this.#visits.delete(visit));
    this.#beatOn();
    for (const other of earlier) other.end(TAKEN);
    // Some machines have one line only: it must be free before it is asked for again.
    await Promise.all(earlier.map(({ gone }) => gone));
    const opened = await this.#open(visit);
    socket.off('error', leave);
    socket.off('close', leave);
    this.#settle(visit, knock, opened);
  }

  async #open(visit: ConsoleVisit): Promise<Opened> {
    const { consoles, world } = this.#parts;
    const late = new AbortController();
    const reason = 'the VM did not open its stream within 20 seconds';
    const cancel = world.after(OPEN_MS, () =>
      late.abort(new ProviderError(reason, { retryable: true })),
    );
    try {
      const signal = AbortSignal.any([visit.signal, late.signal]);
      signal.throwIfAborted();
      return { stream: await unlessAborted(consoles.open(visit.grant, signal), signal) };
    } catch (error) {
      return { ending: visit.ending ?? this.#whyNot(error) };
    } finally {
      cancel();
    }
  }

  #whyNot(error: unknown): Ending {
    if (error instanceof ProviderError) {
      return { code: CONSOLE_CLOSED.refused, reason: `The stream was not opened: ${error.reason}` };
    }
    this.#parts.log.error({ err: error }, 'a console could not be opened');
    return FAULT;
  }

  /** Much may have happened while the stream was being opened. */
  #settle(visit: ConsoleVisit, knock: Knock, { stream, ending }: Opened): void {
    const over = this.#whyOver(visit.grant);
    if (over !== undefined) visit.end(over);
    const why = visit.ending ?? ending;
    const socket = why === undefined ? this.#accept(knock) : undefined;
    if (stream !== undefined && socket !== undefined) {
      return visit.connected(new ConsoleLine(socket, stream, this.#parts.world));
    }
    visit.failed(stream);
    if (why !== undefined) this.#refuse(knock, why);
  }

  #refuse(knock: Knock, { code, reason }: Ending): void {
    const socket = this.#accept(knock);
    if (socket === undefined) return;
    this.#leaving.add(socket);
    socket.once('close', () => this.#leaving.delete(socket));
    sayGoodbye(socket, this.#parts.world, code, reason);
  }

  /** The WebSocket; undefined where the request was not one for that, which it has been told. */
  #accept({ request, socket, head }: Knock): WebSocket | undefined {
    let made: WebSocket | undefined;
    socket.on('error', () => socket.destroy());
    if (socket.destroyed) return undefined;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      made = webSocket;
    });
    return made;
  }

  #beatOn(): void {
    this.#cancelBeat ??= this.#parts.world.after(BEAT_MS, () => {
      this.#cancelBeat = undefined;
      for (const visit of this.#visits) this.#beat(visit);
      if (this.#visits.size > 0) this.#beatOn();
    });
  }

  #beat(visit: ConsoleVisit): void {
    if (!isValid(this.#parts.auth, visit.grant)) visit.end(FORBIDDEN);
    else visit.beat();
  }

  #lookSoon(): void {
    if (this.#visits.size === 0) return;
    this.#cancelLook ??= this.#parts.world.after(LOOK_MS, () => {
      this.#cancelLook = undefined;
      for (const visit of this.#visits) {
        const over = this.#whyOver(visit.grant);
        if (over !== undefined) visit.end(over);
      }
    });
  }

  /** Ends all consoles: the server stops. */
  async close(): Promise<void> {
    this.#stopWatching();
    this.#cancelLook?.();
    const visits = [...this.#visits];
    for (const visit of visits) visit.end(SERVER_STOPS);
    await Promise.all([...visits.map(({ gone }) => gone), ...[...this.#leaving].map(closed)]);
    this.#cancelBeat?.();
  }
}

/** Waits no longer than the signal allows; a stream that comes after that is closed. */
function unlessAborted(opening: Promise<Duplex>, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      reject(signal.reason as Error);
      opening.then(discard, () => {});
    };
    signal.addEventListener('abort', giveUp, { once: true });
    opening.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

function discard(stream: Duplex): void {
  stream.on('error', () => {});
  stream.destroy();
}

/** One line, one viewer; but an SSH server takes many. */
function isSameConsole(one: ConsoleGrant, other: ConsoleGrant): boolean {
  return one.vmId === other.vmId && one.kind === other.kind && one.kind !== 'SSH';
}

function isValid(auth: Auth, { viewer }: ConsoleGrant): boolean {
  return auth.isValid({ viewer, tokenId: viewer.tokenId ?? null });
}

function closed(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}
