import type { World } from '../../../server/world.ts';
import type { Route } from '../ports.ts';
import type { Access } from './access.ts';
import type { EventLog } from './event-log.ts';
import type { Faults, RequestSeen } from './faults.ts';
import type { KeptObjects } from './kept-objects.ts';
import type { Kinds } from './kinds.ts';
import type { KnownMishaps } from './mishaps.ts';
import type { Store } from './store.ts';
import type { WatchAsk, Watches } from './watches.ts';

/** Everything that answers to requests work with. */
export interface Api {
  readonly world: World;
  readonly store: Store;
  readonly objects: KeptObjects;
  readonly kinds: Kinds;
  readonly routes: readonly Route[];
  readonly watches: Watches;
  readonly access: Access;
  readonly faults: Faults;
  readonly mishaps: KnownMishaps;
  readonly log: EventLog;
  /** Host and port of the server. */
  readonly address: () => string;
  /** Resets all connections, old and new, for so many milliseconds. */
  readonly goAway: (ms: number) => void;
  /** Is told of every request before and after its effect; may have its connection reset. */
  readonly onRequest: RequestHook | undefined;
}

/** Is told of a request, and may cut its connection. */
export type RequestHook = (when: 'BEFORE' | 'AFTER', request: RequestSeen) => 'RESET' | undefined;

/** A request whose body has arrived. */
export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly accept: string | undefined;
  readonly contentType: string;
  readonly body: unknown;
  readonly user: string;
}

/** What is answered: JSON, text, or a watch that goes on. */
export type Reply =
  | { readonly status: number; readonly body: unknown; readonly warnings?: readonly string[] }
  | { readonly status: number; readonly text: string; readonly type?: string }
  | { readonly watch: WatchAsk };
