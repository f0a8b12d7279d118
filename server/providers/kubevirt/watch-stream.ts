import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { World } from '../../world.ts';
import { type ObjectKind, KubernetesError, type Where } from './kubernetes.ts';
import { LimitedSignal } from './limited-signal.ts';
import type { ObjectReader } from './object-reader.ts';
import { pathOfKind } from './paths.ts';
import { refusalInWatch } from './status.ts';

/** What a view uses of its client. */
export interface Source {
  readonly world: World;
  readonly reader: ObjectReader;
  /** One attempt at a GET. */
  readonly get: (path: string, signal: AbortSignal) => Promise<unknown>;
  /** One attempt at a watch; its answer goes on until the signal is aborted. */
  readonly watch: (path: string, signal: AbortSignal) => Promise<Readable>;
  readonly onFault: (error: unknown) => void;
}

/** One watch, from its opening to its end. */
export interface Watch {
  readonly kind: ObjectKind<unknown>;
  readonly where: Where;
  /** The moment after which events are wanted. */
  readonly version: string;
  readonly source: Source;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly onEvent: (event: WatchEvent) => void;
}

/** One thing that the server tells. */
export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

/** The server is asked to end a watch by itself about then, differently for each. */
const LEAST_SECONDS = 240;
const MOST_SECONDS = 290;
/** Bookmarks come about once a minute: a watch that is silent for longer than two is dead. */
const LONGEST_SILENCE_MS = 130_000;
const LONGEST_LINE = 16 * 1024 * 1024;

const EVENT = z.object({ type: z.string(), object: z.unknown() });

/**
 * Reads one watch to its end. A clean end and a silence just return, an error of the server or of
 * the connection throws; whoever calls goes on from the last version it was told.
 */
export async function readWatch(watch: Watch): Promise<void> {
  const { source } = watch;
  const silence = new LimitedSignal(source.world, watch.signal, LONGEST_SILENCE_MS);
  try {
    const body = await source.watch(pathOf(watch), silence.signal);
    watch.onOpen();
    for await (const line of linesOf(body, () => silence.renew())) {
      if (silence.signal.aborted) return;
      take(watch, line);
    }
  } catch (error) {
    if (silence.hasPassed && !watch.signal.aborted) return;
    throw asFailure(watch, error);
  } finally {
    // Whatever way it ended, nothing of it stays open.
    silence.end();
  }
}

function pathOf({ kind, where, version, source }: Watch): string {
  const seconds = LEAST_SECONDS + source.world.random() * (MOST_SECONDS - LEAST_SECONDS);
  return pathOfKind(kind, where, {
    watch: 1,
    resourceVersion: version,
    allowWatchBookmarks: 'true',
    timeoutSeconds: Math.floor(seconds),
  });
}

function take(watch: Watch, line: string): void {
  const event = EVENT.parse(JSON.parse(line));
  if (event.type === 'ERROR') throw refusalInWatch(event.object, `watching ${watch.kind.plural}`);
  watch.onEvent({ type: event.type, object: event.object });
}

function asFailure(watch: Watch, error: unknown): unknown {
  if (error instanceof KubernetesError || watch.signal.aborted) return error;
  const why = error instanceof z.ZodError ? 'it sent no event' : String(error);
  return new KubernetesError(`the watch of ${watch.kind.plural} broke: ${why}`, {
    status: 0,
    reason: 'NoAnswer',
    cause: error,
  });
}

async function* linesOf(body: Readable, onData: () => void): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of body as AsyncIterable<Buffer>) {
    onData();
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) throw new Error('an event is longer than any object may be');
    for (const line of lines) if (line.trim() !== '') yield line;
  }
}
