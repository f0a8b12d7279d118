import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GraphQLSchema } from 'graphql';
import { assertSafeHost, type Auth } from '../auth.ts';
import type { Consoles } from '../consoles.ts';
import type { Contexts } from '../context.ts';
import type { Metrics } from '../metrics.ts';
import type { World } from '../world.ts';
import { answerResult, answerText, HttpRefusal } from './answer.ts';
import { ConsoleSockets } from './console-sockets.ts';
import { createEngine, type Engine } from './engine.ts';
import { EventStreams } from './event-stream.ts';
import { GraphqlEndpoint } from './graphql-endpoint.ts';
import { GraphqlSockets } from './graphql-sockets.ts';
import { createGuard, type Guard } from './guard.ts';
import { KeptAnswers } from './kept-answers.ts';
import { LIMITS, type Limits } from './limits.ts';
import type { Log } from './log.ts';
import { MetricsPage } from './metrics-page.ts';
import { isPlayground, Playground, PLAYGROUND_FILE } from './playground.ts';
import { refuseUpgrade } from './refused-upgrade.ts';
import { type Shown, shownResults } from './shown-error.ts';
import { StaticFiles } from './static-files.ts';

/** Where and for whom the server listens. */
export interface HttpSettings {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Origins of pages that may call the server, besides its own. */
  readonly origins: readonly string[];
  /** The built dashboard. */
  readonly clientFolder: string;
  readonly limits?: Limits;
}

/** What the HTTP server is made of. */
export interface HttpParts {
  readonly world: World;
  readonly log: Log;
  readonly schema: GraphQLSchema;
  readonly contexts: Contexts;
  readonly auth: Auth;
  readonly settings: HttpSettings;
  /** What `/metrics` shows; without it there is no such page. */
  readonly metrics?: Metrics | undefined;
  /** The streams of VMs; there are none when left out. */
  readonly consoles?: Consoles | undefined;
}

const GRAPHQL = '/graphql';
/** Time for running requests to finish when the server stops; what follows takes 2 s at most. */
const DRAIN_MS = 7_000;
const DRAIN_STEP_MS = 10;
/** A connection on which nothing moves for longer is dropped; streams send pings. */
const IDLE_MS = 60_000;

/** One port for everything: the API, the dashboard, the playground and the probes. */
export class Http {
  readonly #parts: HttpParts;
  readonly #limits: Limits;
  readonly #guard: Guard;
  readonly #shown: Shown;
  readonly #engine: Engine;
  readonly #streams: EventStreams;
  readonly #endpoint: GraphqlEndpoint;
  readonly #sockets: GraphqlSockets;
  readonly #consoles: ConsoleSockets | undefined;
  readonly #playground: Playground;
  readonly #metrics: MetricsPage;
  readonly #files: StaticFiles;
  readonly #server: Server;
  readonly #responses = new Set<ServerResponse>();
  #stopped: Promise<void> | undefined;
  #state: 'STARTING' | 'READY' | 'STOPPING' = 'STARTING';

  constructor(parts: HttpParts) {
    const { settings, auth, schema, contexts, world, log } = parts;
    assertSafeHost(settings.host, auth);
    this.#parts = parts;
    this.#limits = settings.limits ?? LIMITS;
    this.#guard = createGuard(settings.origins, auth.loopbackOnly);
    this.#shown = shownResults(world, log);
    this.#engine = createEngine({
      schema,
      contexts,
      world,
      shown: this.#shown,
      limits: this.#limits,
    });
    this.#streams = new EventStreams(world, auth);
    const shared = { engine: this.#engine, auth, limits: this.#limits };
    this.#endpoint = new GraphqlEndpoint({
      ...shared,
      guard: this.#guard,
      streams: this.#streams,
      kept: new KeptAnswers(world, () => contexts.moment()),
    });
    const stopping = () => this.#state === 'STOPPING';
    this.#sockets = new GraphqlSockets({ ...shared, schema, world, log, stopping });
    const { consoles } = parts;
    this.#consoles =
      consoles && new ConsoleSockets({ consoles, auth, world, log, limits: this.#limits });
    this.#playground = new Playground(auth, settings.clientFolder);
    this.#files = new StaticFiles(settings.clientFolder, [PLAYGROUND_FILE]);
    this.#metrics = new MetricsPage(parts.metrics, auth, {
      operations: () => this.#engine.running(),
      webSockets: () => this.#sockets.size,
      eventStreams: () => this.#streams.size,
      subscriptions: () => this.#engine.groups.subscriptions,
      groups: () => this.#engine.groups.size,
      slowest: () => this.#engine.groups.slowest,
    });
    this.#server = this.#createServer();
  }

  #createServer(): Server {
    const timeouts = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 30_000 };
    const server = createServer(timeouts, (request, response) => {
      void this.#serve(request, response);
    });
    server.maxConnections = this.#limits.connections;
    server.setTimeout(IDLE_MS);
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    return server;
  }

  /** Begins to listen; answers where. */
  async listen(): Promise<string> {
    const { host, port } = this.#parts.settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    const address = this.#server.address();
    const bound = address !== null && typeof address === 'object' ? address.port : port;
    return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  }

  /** From now on `/readyz` says yes. */
  markReady(): void {
    if (this.#state === 'STARTING') this.#state = 'READY';
  }

  /**
   * Stops within 10 s: nobody new comes in, what runs is finished and answered, then streams and
   * sockets are ended.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#state = 'STOPPING';
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const response of this.#responses) response.shouldKeepAlive = false;
    this.#streams.close();
    await this.#drain();
    await Promise.all([this.#sockets.close(), this.#consoles?.close()]);
    this.#server.closeAllConnections();
    await closed;
  }

  async #drain(): Promise<void> {
    const { world } = this.#parts;
    const latest = world.elapsed() + DRAIN_MS;
    const isBusy = () => this.#responses.size > 0 || this.#engine.running() > 0;
    while (isBusy() && world.elapsed() < latest) await world.sleep(DRAIN_STEP_MS);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#responses.add(response);
    response.once('close', () => this.#responses.delete(response));
    if (this.#state === 'STOPPING') response.shouldKeepAlive = false;
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#answerFailure(error, response);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/'] = (request.url ?? '/').split('?');
    if (path === '/healthz') return answerText(response, 200, 'ok');
    if (path === '/readyz') return this.#answerReady(response);
    const refusal = this.#guard.refusal(request);
    if (refusal !== undefined) throw new HttpRefusal(403, 'FORBIDDEN', refusal);
    if (this.#state === 'STOPPING') throw new HttpRefusal(503, 'UNAVAILABLE', 'stopping');
    if (path === GRAPHQL && !wantsPage(request)) {
      return await this.#endpoint.handle(request, response);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new HttpRefusal(405, 'BAD_INPUT', 'only GET', { allow: 'GET, HEAD' });
    if (path === '/metrics') return await this.#metrics.handle(request, response);
    if (path === GRAPHQL || isPlayground(path)) {
      return await this.#playground.handle(path, request, response);
    }
    await this.#files.handle(path, request, response);
  }

  #answerReady(response: ServerResponse): void {
    const isReady = this.#state === 'READY';
    answerText(response, isReady ? 200 : 503, isReady ? 'ready' : 'not ready');
  }

  #answerFailure(error: unknown, response: ServerResponse): void {
    if (response.headersSent) return void response.destroy();
    const { status, headers } = error instanceof HttpRefusal ? error : FAULT;
    const result =
      error instanceof HttpRefusal ? { errors: [error.error] } : this.#shown.failure(error);
    answerResult(response, status, 'application/json', result, headers);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const sockets = this.#socketsFor(request);
    if (sockets === undefined) return this.#refuse(socket, '404 Not Found');
    if (this.#guard.refusal(request) !== undefined) return this.#refuse(socket, '403 Forbidden');
    const isFull = sockets === this.#sockets && this.#sockets.isFull;
    if (this.#state === 'STOPPING' || isFull)
      return this.#refuse(socket, '503 Service Unavailable');
    sockets.upgrade(request, socket, head);
  }

  #refuse(socket: Duplex, status: Parameters<typeof refuseUpgrade>[2]): void {
    refuseUpgrade(socket, this.#parts.world, status);
  }

  #socketsFor({ url = '/' }: IncomingMessage): GraphqlSockets | ConsoleSockets | undefined {
    const [path = '/'] = url.split('?');
    if (path === GRAPHQL) return this.#sockets;
    return this.#consoles?.leadsHere(path) === true ? this.#consoles : undefined;
  }
}

const FAULT = { status: 500, headers: {} };

/** Whether somebody opened the address of the API in a browser. */
function wantsPage({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && (headers.accept ?? '').includes('text/html');
}
