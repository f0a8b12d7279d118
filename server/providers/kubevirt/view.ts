import type { Cancel, World } from '../../world.ts';
import { isRefusal, reasonOf } from './errors.ts';
import {
  KubernetesError,
  type ObjectKind,
  type ObjectName,
  type View,
  type Where,
} from './kubernetes.ts';
import { unlessAborted } from './limited-signal.ts';
import { listAll } from './list.ts';
import { nameOfView } from './paths.ts';
import { backOff } from './retry.ts';
import { Shelf } from './shelf.ts';
import { readWatch, type Source } from './watch-stream.ts';

/** Who knows which views run. */
export interface Registry<T> {
  readonly onRun: (view: ListWatch<T>, isRunning: boolean) => void;
}

/** How a watch is doing. */
export interface WatchState {
  readonly what: string;
  readonly objects: number;
  /** How often it began anew, for whatever reason. */
  readonly restarts: number;
  /** Milliseconds since the server last said anything, be it that there is nothing. */
  readonly silentMs: number;
  readonly trouble: string | undefined;
}

/** How long it goes on when nobody holds it any more: mostly somebody comes back at once. */
const LINGER_MS = 10_000;
/** An event that got lost is seen at the latest by then. */
const LIST_ANEW_MS = 600_000;
/** After so many failures in a row it is doubted that the watch's beginning is still good. */
const FAILURES_BEFORE_LIST = 3;
/** A watch that ends sooner, without a word, counts as failed: else it would be opened at once. */
const SHORT_WATCH_MS = 5_000;

/**
 * A list that is kept up to date by a watch, as long as somebody holds it. Everything that goes
 * wrong makes it begin anew, after a pause that grows; nothing makes it stop but its closing.
 * One run of it has one signal: what comes after its abortion is of no concern.
 */
export class ListWatch<T> implements View<T> {
  readonly #kind: ObjectKind<T>;
  readonly #where: Where;
  readonly #source: Source & Registry<T>;
  readonly #world: World;
  readonly #shelf: Shelf<T>;
  readonly #listeners = new Set<(changed: ObjectName | undefined) => void>();
  readonly #waiting = new Set<() => void>();
  #run: AbortController | undefined;
  #cancelLinger: Cancel = () => {};
  #isClosed = false;
  #version: string | undefined;
  #listedAt = 0;
  #heardAt = 0;
  #failures = 0;
  #restarts = 0;
  #trouble: string | undefined;

  constructor(kind: ObjectKind<T>, where: Where, source: Source & Registry<T>) {
    this.#kind = kind;
    this.#where = where;
    this.#source = source;
    this.#world = source.world;
    this.#shelf = new Shelf(kind, source.reader);
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  async ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#isClosed) throw closedView();
    this.#start();
    if (this.#shelf.isFilled) return this.#lingerIfFree();
    let settle: () => void = () => {};
    const listed = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#waiting.add(settle);
    try {
      await unlessAborted(listed, signal);
      if (this.#isClosed) throw closedView();
    } finally {
      this.#waiting.delete(settle);
      this.#lingerIfFree();
    }
  }

  get(of: ObjectName): T | undefined {
    return this.#shelf.get(of);
  }

  all(): T[] {
    return this.#shelf.all();
  }

  onChange(listener: (changed: ObjectName | undefined) => void): () => void {
    // Wrapped: whoever gives the same function twice holds it twice.
    const held = (changed: ObjectName | undefined) => listener(changed);
    this.#listeners.add(held);
    this.#start();
    return () => {
      this.#listeners.delete(held);
      this.#lingerIfFree();
    };
  }

  /** How it is doing; undefined while nobody holds it. */
  state(): WatchState | undefined {
    if (this.#run === undefined) return undefined;
    return {
      what: nameOfView(this.#kind, this.#where),
      objects: this.#shelf.size,
      restarts: this.#restarts,
      silentMs: this.#world.elapsed() - this.#heardAt,
      trouble: this.#trouble,
    };
  }

  /** Ends it for good, at once. */
  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#listeners.clear();
    for (const settle of this.#waiting) settle();
  }

  #start(): void {
    this.#cancelLinger();
    if (this.#run !== undefined || this.#isClosed) return;
    this.#run = new AbortController();
    this.#source.onRun(this, true);
    this.#heardAt = this.#world.elapsed();
    void this.#goOn(this.#run.signal);
  }

  #lingerIfFree(): void {
    this.#cancelLinger();
    if (this.#run === undefined || this.#listeners.size + this.#waiting.size > 0) return;
    this.#cancelLinger = this.#world.after(LINGER_MS, () => this.#stop());
  }

  #stop(): void {
    this.#cancelLinger();
    this.#run?.abort(closedView());
    this.#run = undefined;
    this.#source.onRun(this, false);
    this.#version = undefined;
    this.#failures = 0;
    this.#restarts = 0;
    this.#trouble = undefined;
    this.#shelf.clear();
  }

  async #goOn(signal: AbortSignal): Promise<void> {
    for (; !signal.aborted; this.#restarts += 1) {
      try {
        if (this.#mustList()) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof KubernetesError && error.reason === 'Closed') return this.close();
        await this.#recover(error, signal);
      }
    }
  }

  #mustList(): boolean {
    return this.#version === undefined || this.#world.elapsed() - this.#listedAt >= LIST_ANEW_MS;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const begun = this.#world.elapsed();
    const listed = await listAll(this.#kind, this.#where, (path) => this.#source.get(path, signal));
    if (signal.aborted) return;
    this.#version = listed.resourceVersion;
    this.#listedAt = begun;
    this.#heard();
    const isFirst = !this.#shelf.isFilled;
    const changed = this.#shelf.replace(listed.items);
    if (isFirst) {
      for (const settle of this.#waiting) settle();
      this.#tell(undefined, signal);
    }
    for (const of of isFirst ? [] : changed) this.#tell(of, signal);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const begun = this.#world.elapsed();
    let hasSaid = false;
    await readWatch({
      kind: this.#kind,
      where: this.#where,
      version: this.#version ?? '',
      source: this.#source,
      signal,
      onOpen: () => {
        this.#trouble = undefined;
        this.#heard();
      },
      onEvent: (event) => {
        hasSaid = true;
        this.#take(event, signal);
      },
    });
    const isShort = this.#world.elapsed() - begun < SHORT_WATCH_MS;
    if (!hasSaid && isShort && !signal.aborted) throw endedAtOnce(this.#kind);
    this.#failures = 0;
  }

  #take(event: { type: string; object: unknown }, signal: AbortSignal): void {
    if (signal.aborted) return;
    const raw = this.#source.reader.raw(this.#kind, event.object);
    this.#heard();
    if (raw === undefined) return;
    this.#failures = 0;
    this.#version = raw.metadata.resourceVersion || this.#version;
    if (event.type === 'BOOKMARK') return;
    const changed = this.#shelf.put(raw, event.type === 'DELETED');
    if (changed !== undefined) this.#tell(changed, signal);
  }

  #heard(): void {
    this.#heardAt = this.#world.elapsed();
  }

  /** A listener that throws is a bug of its own; the others and the view go on. */
  #tell(changed: ObjectName | undefined, signal: AbortSignal): void {
    for (const listener of this.#listeners) {
      if (signal.aborted) return;
      try {
        listener(changed);
      } catch (error) {
        this.#source.onFault(error);
      }
    }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    this.#failures += 1;
    const isExpired = isRefusal(error, 410);
    if (isExpired || this.#failures >= FAILURES_BEFORE_LIST) this.#version = undefined;
    // That a beginning has expired is ordinary, once.
    if (isExpired && this.#failures === 1) return;
    const what = nameOfView(this.#kind, this.#where);
    this.#trouble = `watching ${what}: ${reasonOf(error)}`;
    const pause = backOff(this.#world, this.#failures, error);
    try {
      await this.#world.sleep(pause, signal);
    } catch {
      // It has been closed meanwhile, which whoever called sees by itself.
    }
  }
}

function closedView(): KubernetesError {
  return new KubernetesError('the view is closed', { status: 0, reason: 'Closed' });
}

function endedAtOnce(kind: ObjectKind<unknown>): KubernetesError {
  return new KubernetesError(`the server ended the watch of ${kind.plural} at once`, {
    status: 0,
    reason: 'NoAnswer',
  });
}
