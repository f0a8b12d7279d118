import type { IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { findSession } from '../../db/session.ts';
import { audits } from '../../db/tables.ts';
import { findVmsOfCluster } from '../../db/vm-handle.ts';
import type { ControlPlane } from '../../schema/context.ts';
import { schema } from '../../schema/index.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import { consoleKinds, type ConsoleTicket } from '../../schema/model/console.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import type { VmHandle } from '../../schema/model/vm-handle.ts';
import { type Auth, loopbackAuth } from '../../server/auth.ts';
import { type Consoles, createConsoles } from '../../server/consoles.ts';
import { createContexts } from '../../server/context.ts';
import { createControlPlane } from '../../server/control-plane.ts';
import { createFeed } from '../../server/feed.ts';
import { Http } from '../../server/http/http.ts';
import { LIMITS, type Limits } from '../../server/http/limits.ts';
import { Hub } from '../../server/hub.ts';
import type { Provider } from '../../server/providers/provider.ts';
import { watchLoopback } from './loopback.ts';
import { openYard, type Yard } from './yard.ts';

/** How a bench is made. */
export interface ConsoleBenchOptions {
  readonly auth?: Auth;
  readonly limits?: Partial<Limits>;
  /** What opens streams in place of the simulator. */
  readonly streams?: Pick<Provider, 'open'> & { readonly kinds: readonly ('SERIAL' | 'VNC')[] };
}

/** A yard behind a real HTTP server whose consoles can be visited; all in virtual time. */
export interface ConsoleBench {
  readonly yard: Yard;
  readonly http: Http;
  readonly url: string;
  readonly consoles: Consoles;
  /** What was logged as an error. */
  readonly errors: string[];
  as(viewer: Viewer): ControlPlane;
  /** The worker's VM of a cluster, as it stands in the database. */
  vm(cluster: string): VmHandle;
  /** All VMs there are, and what each of these viewers could open of them, as one word. */
  openable(viewers: readonly Viewer[]): { readonly vm: VmHandle; readonly kinds: string }[];
  /** Who did what to which VM, by the record. */
  audits(): string[];
  /** Opens a WebSocket where the ticket leads; nothing is awaited. */
  visit(ticket: Pick<ConsoleTicket, 'url'>, headers?: Record<string, string>): Visit;
  /** Lets time pass until this holds. */
  until(holds: () => boolean): Promise<void>;
}

/** Somebody before a console. */
export interface Visit {
  readonly raw: WebSocket;
  isOpen(): boolean;
  /** All that came, as text. */
  shown(): string;
  /** Bytes that came. */
  length(): number;
  /** The code and the reason of its closing, or the status of a refused upgrade. */
  ending(): string | undefined;
  type(text: string | Buffer): void;
}

/** Opens one with a pool `cks` of two clusters that are there; it is closed when the test ends. */
export async function openConsoleBench(options: ConsoleBenchOptions = {}): Promise<ConsoleBench> {
  const loopback = watchLoopback();
  const yard = openYard({ isBusy: loopback.isBusy });
  const { world, store } = yard;
  const consoles = createConsoles({ store, world, provider: () => streamsOf(yard, options) });
  const findTraits = () => yard.simulator.capabilities;
  const verbsFor = createControlPlane({ store, findTraits, consoles });
  const hub = new Hub(store, world);
  const feedFor = createFeed({ store, world, hub });
  const contexts = createContexts({ store, world, verbsFor, feedFor });
  const errors: string[] = [];
  const http = httpOver({ world, contexts, consoles, errors }, options);
  onTestFinished(async () => {
    await yard.done(http.stop());
    hub.close();
    await yard.close();
    loopback.close();
  });
  await yard.addPool({ name: 'cks', size: 2 });
  yard.loops.start();
  await yard.settled('cks', 2);
  const url = await http.listen();
  const visits: Visit[] = [];
  return {
    yard,
    http,
    url,
    consoles,
    errors,
    as: verbsFor,
    vm: (cluster) => workerOf(yard, cluster),
    openable: (viewers) => yard.members('cks').flatMap((one) => openableIn(yard, one, viewers)),
    audits: () =>
      store.read((db) =>
        db
          .select()
          .from(audits)
          .all()
          .map((row) => `${row.actor} ${row.action}`),
      ),
    visit: (ticket, headers = {}) => {
      const visit = visitAt(`${url.replace('http', 'ws')}${ticket.url}`, headers);
      visits.push(visit);
      return visit;
    },
    until: (holds) => world.runUntil(holds, { withinMs: 60_000 }),
  };
}

type Below = Pick<ConstructorParameters<typeof Http>[0], 'world' | 'contexts' | 'consoles'> & {
  readonly errors: string[];
};

function httpOver({ errors, ...below }: Below, { auth, limits }: ConsoleBenchOptions): Http {
  const ignore = () => {};
  const error = (fields: object, message: string) =>
    void errors.push(`${message}: ${JSON.stringify(fields, Object.getOwnPropertyNames(fields))}`);
  return new Http({
    ...below,
    log: { debug: ignore, info: ignore, warn: ignore, error },
    schema,
    auth: auth ?? loopbackAuth(),
    settings: {
      host: '127.0.0.1',
      port: 0,
      origins: [],
      clientFolder: '/nowhere',
      limits: { ...LIMITS, ...limits },
    },
  });
}

function streamsOf(
  { simulator }: Yard,
  { streams }: ConsoleBenchOptions,
): Pick<Provider, 'capabilities' | 'open'> {
  if (streams === undefined) return simulator;
  const capabilities = { ...simulator.capabilities, streams: streams.kinds };
  return { capabilities, open: (...args) => streams.open(...args) };
}

function workerOf(yard: Yard, name: string): VmHandle {
  const cluster = yard.members('cks').find((one) => one.name === name);
  const vms = yard.store.read((db) => findVmsOfCluster(db, cluster?.id ?? ''));
  const vm = vms.find(({ role }) => role === 'WORKER');
  if (vm === undefined) throw new Error(`there is no worker of ${name}`);
  return vm;
}

function openableIn(yard: Yard, cluster: Cluster, viewers: readonly Viewer[]) {
  return yard.store.read((db) =>
    findVmsOfCluster(db, cluster.id).map((vm) => {
      const session = vm.sessionId === null ? undefined : findSession(db, vm.sessionId);
      const kindsOf = (viewer: Viewer) =>
        consoleKinds(vm, { cluster, session }, viewer, ['SERIAL']);
      return { vm, kinds: viewers.map((viewer) => kindsOf(viewer).join()).join('|') };
    }),
  );
}

function visitAt(url: string, headers: Record<string, string>): Visit {
  const raw = new WebSocket(url, { headers });
  onTestFinished(() => raw.terminate());
  const chunks: Buffer[] = [];
  let ending: string | undefined;
  raw.on('message', (data: Buffer) => void chunks.push(data));
  raw.on('error', () => {});
  raw.on('close', (code, reason) => (ending ??= `${code} ${String(reason)}`));
  raw.on('unexpected-response', (_request, { statusCode }: IncomingMessage) => {
    ending = `HTTP ${statusCode}`;
    raw.terminate();
  });
  return {
    raw,
    isOpen: () => raw.readyState === raw.OPEN,
    shown: () => Buffer.concat(chunks).toString(),
    length: () => chunks.reduce((sum, { length }) => sum + length, 0),
    ending: () => ending,
    type: (text) => raw.send(Buffer.from(text as string)),
  };
}
