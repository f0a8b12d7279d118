import type { ServerResponse } from 'node:http';
import type { Cancel, World } from '../../../server/world.ts';
import { ApiError, type Kind, type KubeObject } from '../ports.ts';
import type { Fields } from './fields.ts';
import { apiVersionOf } from './kinds.ts';
import type { Matches } from './selector.ts';
import { statusOf } from './status.ts';
import type { Store, StoredChange } from './store.ts';

const BOOKMARK_MS = 60_000;
/** The real server ends a watch after a time between these. */
const LONGEST_MS = [30 * 60_000, 60 * 60_000] as const;
/** A client that does not read is dropped before it holds more than this. */
const MOST_UNREAD = 8 * 2 ** 20;

/** What a client wants to be told of. */
export interface WatchAsk {
  readonly kind: Kind;
  readonly version: string;
  readonly query: URLSearchParams;
  readonly matches: Matches;
  /** How an object is shown in an event; as a table, for one. */
  readonly show: (object: KubeObject) => unknown;
}

/** How a watch ends that somebody ends: as it should, torn, or with the news that it is too old. */
export type WatchEnd = 'CLOSE' | 'RESET' | 'EXPIRE';

interface OpenWatch {
  readonly ask: WatchAsk;
  readonly response: ServerResponse;
  readonly isSilent: boolean;
  readonly timers: Set<Cancel>;
  /** The version up to which the client has been told all. */
  told: number;
}

/** Tells clients of changes: one JSON line for each, as long as both sides want. */
export class Watches {
  readonly #store: Store;
  readonly #world: World;
  readonly #draw: (key: string, between: readonly [number, number]) => number;
  readonly #open = new Set<OpenWatch>();
  readonly #unsubscribe: () => void;
  #count = 0;

  constructor(
    store: Store,
    world: World,
    draw: (key: string, between: readonly [number, number]) => number,
  ) {
    this.#store = store;
    this.#world = world;
    this.#draw = draw;
    this.#unsubscribe = store.onChange((change) => {
      for (const watch of this.#open) tellChange(watch, change);
    });
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Begins a watch; one that is silent sends nothing but its headers, and never ends. */
  open(ask: WatchAsk, response: ServerResponse, isSilent: boolean): void {
    const from = startOf(ask.query);
    if (from !== undefined && from > this.#store.version) throw tooLarge(from, this.#store.version);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watch: OpenWatch = { ask, response, isSilent, timers: new Set(), told: from ?? 0 };
    this.#open.add(watch);
    response.on('close', () => this.#forget(watch));
    if (isSilent) return;
    try {
      this.#begin(watch, from);
      this.#setTimers(watch);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      send(watch, 'ERROR', statusOf(error));
      this.#end(watch);
    }
  }

  /** Ends the watches of a kind, or all of them. */
  end(kind: string | undefined, how: WatchEnd): void {
    for (const watch of this.#open) {
      if (kind !== undefined && watch.ask.kind.kind !== kind) continue;
      if (how === 'RESET') watch.response.socket?.resetAndDestroy();
      if (how === 'EXPIRE') {
        const message = `too old resource version: ${watch.told} (${this.#store.version})`;
        send(watch, 'ERROR', statusOf(new ApiError(410, 'Expired', message)));
      }
      this.#end(watch);
    }
  }

  close(): void {
    this.#unsubscribe();
    for (const watch of this.#open) this.#end(watch);
  }

  #begin(watch: OpenWatch, from: number | undefined): void {
    const { kind, matches, query } = watch.ask;
    if (from === undefined) {
      const objects = this.#store.list(kind.kind).filter(matches);
      for (const object of objects) send(watch, 'ADDED', watch.ask.show(object));
      watch.told = this.#store.version;
      const wantsEnd = query.get('sendInitialEvents') === 'true';
      if (wantsEnd && takesBookmarks(query)) this.#bookmark(watch, true);
      return;
    }
    for (const change of this.#store.since(from)) tellChange(watch, change);
  }

  #setTimers(watch: OpenWatch): void {
    const { query } = watch.ask;
    this.#count += 1;
    const longest = this.#draw(`watch ${this.#count}`, LONGEST_MS);
    const asked = Number(query.get('timeoutSeconds') ?? 0) * 1000 || longest;
    this.#after(watch, Math.min(asked, longest), () => this.#end(watch));
    if (takesBookmarks(query)) this.#bookmarkLater(watch);
  }

  #bookmarkLater(watch: OpenWatch): void {
    this.#after(watch, BOOKMARK_MS, () => {
      this.#bookmark(watch, false);
      this.#bookmarkLater(watch);
    });
  }

  #bookmark(watch: OpenWatch, isInitialEnd: boolean): void {
    const { kind, version } = watch.ask;
    const annotations = isInitialEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } };
    const metadata = { resourceVersion: `${this.#store.version}`, ...annotations };
    send(watch, 'BOOKMARK', { kind: kind.kind, apiVersion: apiVersionOf(kind, version), metadata });
  }

  #after(watch: OpenWatch, ms: number, then: () => void): void {
    const cancel = this.#world.after(ms, () => {
      watch.timers.delete(cancel);
      then();
    });
    watch.timers.add(cancel);
  }

  #end(watch: OpenWatch): void {
    this.#forget(watch);
    watch.response.end();
  }

  #forget(watch: OpenWatch): void {
    this.#open.delete(watch);
    for (const cancel of watch.timers) cancel();
    watch.timers.clear();
  }
}

/** The version after which changes are asked for; undefined to begin with what is there. */
function startOf(query: URLSearchParams): number | undefined {
  const version = query.get('resourceVersion') ?? '';
  if (query.get('sendInitialEvents') === 'true') return undefined;
  return version === '' || version === '0' ? undefined : Number(version);
}

function takesBookmarks(query: URLSearchParams): boolean {
  return ['true', '1'].includes(query.get('allowWatchBookmarks') ?? '');
}

/** An object that comes to match is added for this client, one that ceases to is deleted. */
function tellChange(watch: OpenWatch, { type, object, before, version }: StoredChange): void {
  const { kind, matches, show } = watch.ask;
  watch.told = version;
  if (object.kind !== kind.kind || watch.isSilent) return;
  const was = before !== undefined && matches(before);
  const is = type !== 'DELETED' && matches(object);
  if (is) send(watch, was ? 'MODIFIED' : 'ADDED', show(object));
  else if (was) send(watch, 'DELETED', show(lastSeen(before, object)));
}

function lastSeen(before: KubeObject, object: KubeObject): KubeObject {
  const { resourceVersion } = object.metadata;
  return { ...before, metadata: { ...before.metadata, resourceVersion } };
}

function send({ response, isSilent }: OpenWatch, type: string, object: unknown): void {
  if (isSilent || response.writableEnded) return;
  if (response.writableLength > MOST_UNREAD) response.destroy();
  else response.write(`${JSON.stringify({ type, object } satisfies Fields)}\n`);
}

function tooLarge(asked: number, latest: number): ApiError {
  const message = `Timeout: Too large resource version: ${asked}, current: ${latest}`;
  const cause = { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' };
  return new ApiError(504, 'Timeout', message, { causes: [cause], retryAfterSeconds: 1 });
}
