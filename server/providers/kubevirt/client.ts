import type { Duplex } from 'node:stream';
import { z } from 'zod';
import type { World } from '../../world.ts';
import { Connection, type HttpCall } from './connection.ts';
import { createOnce } from './creation.ts';
import { isRefusal } from './errors.ts';
import {
  type CallOptions,
  type Kubernetes,
  KubernetesError,
  type Manifest,
  type ObjectKind,
  type ObjectName,
  type Removal,
  type View,
  type Where,
} from './kubernetes.ts';
import { listAll } from './list.ts';
import { ObjectReader } from './object-reader.ts';
import { pathOfKind, pathOfObject, withQuery } from './paths.ts';
import { RateLimit } from './rate-limit.ts';
import { mayRepeat, wasNotTaken, withRetries } from './retry.ts';
import type { KubevirtSettings } from './settings.ts';
import { ListWatch, type WatchState } from './view.ts';

/** What a client of the Kubernetes API needs. */
export interface ClientOptions {
  readonly world: World;
  readonly settings: Pick<
    KubevirtSettings,
    'kubeconfig' | 'context' | 'requestsPerSecond' | 'requestBurst'
  >;
  readonly log: (line: string) => void;
  /** Told of a listener of a view that threw: a bug, which must not stop the view. */
  readonly onFault?: (error: unknown) => void;
}

/** The API, and how its client is doing. */
export interface KubernetesClient extends Kubernetes {
  /** Reads the settings now, so that a mistake in them is told at the start. Sends nothing. */
  connect(): Promise<void>;
  /** How each watch that runs is doing. */
  watches(): WatchState[];
}

/** A client of the API server that the settings name. It connects when it is first used. */
export function connectKubernetes(options: ClientOptions): KubernetesClient {
  return new Client(options);
}

/** A login that is refused again and again is no reason to read files all the time. */
const READ_AGAIN_MS = 1_000;

class Client implements KubernetesClient {
  readonly #options: ClientOptions;
  readonly #world: World;
  readonly #limit: RateLimit;
  readonly #reader: ObjectReader;
  readonly #views = new Map<ObjectKind<unknown>, Map<string, ListWatch<unknown>>>();
  readonly #running = new Set<ListWatch<unknown>>();
  #connection: Promise<Connection> | undefined;
  /** Their streams and watches may go on for a while. */
  readonly #retired = new Set<Connection>();
  #readAt = -Infinity;
  #isClosed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#world = options.world;
    const { requestsPerSecond, requestBurst } = options.settings;
    this.#limit = new RateLimit(options.world, requestsPerSecond, requestBurst);
    this.#reader = new ObjectReader(options.log);
  }

  async connect(): Promise<void> {
    await this.#connected();
  }

  async get<T>(kind: ObjectKind<T>, of: ObjectName, signal: AbortSignal): Promise<T | undefined> {
    const sent = await this.#getOrNothing(pathOfObject(kind, of), signal);
    return sent === undefined ? undefined : this.#reader.one(kind, sent);
  }

  async list<T>(kind: ObjectKind<T>, where: Where, signal: AbortSignal): Promise<T[]> {
    const { items } = await listAll(kind, where, (path) => this.#get(path, signal));
    return items
      .map((item) => this.#reader.oneOfMany(kind, item))
      .filter((item) => item !== undefined);
  }

  async create<T>(kind: ObjectKind<T>, body: Manifest, signal: AbortSignal): Promise<T> {
    const calls = {
      world: this.#world,
      signal,
      post: (path: string, object: object) =>
        this.#attempt({ method: 'POST', path, body: object, signal }),
      get: (path: string) => this.#getOrNothing(path, signal),
    };
    return this.#reader.one(kind, await createOnce(calls, kind, body));
  }

  async patch<T>(
    kind: ObjectKind<T>,
    of: ObjectName,
    patch: object,
    signal: AbortSignal,
  ): Promise<T> {
    const path = pathOfObject(kind, of, { fieldValidation: 'Strict' });
    const contentType = 'application/merge-patch+json';
    const call: HttpCall = { method: 'PATCH', path, contentType, body: patch, signal };
    // Sent twice, a patch without a precondition could undo what somebody did in between.
    const may = hasPrecondition(patch) ? mayRepeat : wasNotTaken;
    const sent = await withRetries(this.#world, signal, may, () => this.#attempt(call));
    return this.#reader.one(kind, sent);
  }

  async remove(kind: ObjectKind<unknown>, of: ObjectName, removal: Removal): Promise<void> {
    const { uid, signal } = removal;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    };
    const call: HttpCall = { method: 'DELETE', path: pathOfObject(kind, of), body, signal };
    try {
      await withRetries(this.#world, signal, mayRepeat, () => this.#attempt(call));
    } catch (error) {
      if (!isGoneOrGoing(error, uid)) throw error;
    }
  }

  call(method: 'GET' | 'PUT' | 'POST', path: string, options: CallOptions): Promise<unknown> {
    const { query = {}, body, signal } = options;
    const call: HttpCall = { method, path: withQuery(path, query), body, signal };
    const may = method === 'GET' ? mayRepeat : wasNotTaken;
    return withRetries(this.#world, signal, may, () => this.#attempt(call));
  }

  async stream(path: string, signal: AbortSignal): Promise<Duplex> {
    await this.#limit.take(signal);
    const connection = await this.#connected();
    return connection.stream(path, signal);
  }

  view<T>(kind: ObjectKind<T>, where: Where): View<T> {
    // Those that nobody holds are forgotten: there are ever new questions.
    const running = this.#views.get(kind)?.get(pathOfKind(kind, where));
    // Filed under its kind, so it holds what that kind's schema makes.
    return (running ?? this.#newView(kind, where)) as View<T>;
  }

  watches(): WatchState[] {
    return [...this.#running].flatMap((view) => view.state() ?? []);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const view of this.#running) view.close();
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
    await Promise.all([...this.#retired].map((each) => each.close()));
  }

  #newView(kind: ObjectKind<unknown>, where: Where): ListWatch<unknown> {
    const { log, onFault = (error) => log(`a listener of a view threw: ${String(error)}`) } =
      this.#options;
    const view = new ListWatch(kind, where, {
      world: this.#world,
      reader: this.#reader,
      onFault,
      onRun: (one, isRunning) => this.#file(kind, pathOfKind(kind, where), one, isRunning),
      get: (path, signal) => this.#attempt({ method: 'GET', path, signal }),
      watch: async (path, signal) => {
        await this.#limit.take(signal);
        const connection = await this.#connected();
        return connection.watch({ method: 'GET', path, signal });
      },
    });
    if (this.#isClosed) view.close();
    return view;
  }

  /** Files a view while it runs; of two for the same question both run, one is found. */
  #file(
    kind: ObjectKind<unknown>,
    question: string,
    view: ListWatch<unknown>,
    isRunning: boolean,
  ): void {
    const ofKind = this.#views.get(kind) ?? new Map<string, ListWatch<unknown>>();
    this.#views.set(kind, ofKind);
    if (isRunning) {
      this.#running.add(view);
      if (!ofKind.has(question)) ofKind.set(question, view);
      return;
    }
    this.#running.delete(view);
    if (ofKind.get(question) === view) ofKind.delete(question);
    if (ofKind.size === 0) this.#views.delete(kind);
  }

  async #getOrNothing(path: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#get(path, signal);
    } catch (error) {
      // Without that reason it is not the object that is unknown but its kind.
      if (isRefusal(error, 404, 'NotFound')) return undefined;
      throw error;
    }
  }

  #get(path: string, signal: AbortSignal): Promise<unknown> {
    return withRetries(this.#world, signal, mayRepeat, () =>
      this.#attempt({ method: 'GET', path, signal }),
    );
  }

  async #attempt(call: HttpCall): Promise<unknown> {
    await this.#limit.take(call.signal);
    const connection = await this.#connected();
    try {
      return await connection.exchange(call);
    } catch (error) {
      if (isRefusal(error, 401)) void this.#readSettingsAgain(connection);
      throw error;
    }
  }

  /**
   * Tokens that end are sometimes renewed by writing the kubeconfig anew. Until it can be read
   * whole, what was read before stays.
   */
  async #readSettingsAgain(refused: Connection): Promise<void> {
    const now = this.#world.elapsed();
    if (now - this.#readAt < READ_AGAIN_MS || this.#isClosed) return;
    this.#readAt = now;
    try {
      const next = await Connection.open(this.#world, this.#options.settings);
      if (this.#isClosed) return await next.close();
      this.#connection = Promise.resolve(next);
      this.#retired.add(refused);
      await refused.retire();
      this.#retired.delete(refused);
    } catch {
      // The refusal itself is told to whoever called.
    }
  }

  /** Settings that cannot be used now may be mended by the next call. */
  #connected(): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(closed());
    const { world, settings } = this.#options;
    this.#connection ??= Connection.open(world, settings).catch((error: unknown) => {
      this.#connection = undefined;
      throw error;
    });
    return this.#connection;
  }
}

function closed(): KubernetesError {
  return new KubernetesError('the client of the Kubernetes API is closed', {
    status: 0,
    reason: 'Closed',
  });
}

function hasPrecondition(patch: object): boolean {
  return PRECONDITION.safeParse(patch).success;
}

const PRECONDITION = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });

/** Whether what was to be deleted is no more, or was already on its way out. */
function isGoneOrGoing(error: unknown, uid: string | undefined): boolean {
  if (isRefusal(error, 404, 'NotFound')) return true;
  if (!isRefusal(error, 409)) return false;
  const isAnother = uid !== undefined && /precondition failed: UID/i.test(error.message);
  // How a namespace answers that is being deleted already.
  return isAnother || error.message.includes('automatically be purged');
}
