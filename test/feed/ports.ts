import type { Store } from '../../db/store.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import type { FeedFor } from '../../server/context.ts';
import type { Engine } from '../../server/http/engine.ts';
import type { Outlet } from '../../server/http/outlet.ts';

/** Runs operations, as the transports call it. */
export type Run = Engine['run'];

/** What may stand between the parts of a server: nothing, or a planted bug. */
export interface Ports {
  /** What the hub is woken by. */
  wakes?(store: Store): Pick<Store, 'onCommit'>;
  /** The feed below the resolvers. */
  feed?(feedFor: FeedFor, store: Store): FeedFor;
  /** The engine below the transports. */
  run?(run: Run): Run;
  /** The line to a reader as the server sees it. */
  outlet?(outlet: Outlet, viewer: Viewer): Outlet;
  /** What a kill leaves on the disk: the folder of a database, when not what was last written. */
  disk?(store: Store, folder: string): { left(): string };
}

/** A fault of the kind that a feed may have, in the place of a port. */
export interface Bug {
  readonly name: string;
  /** The promise it breaks. */
  readonly breaks: string;
  /** The ports of one run, faulty now and then as this chance will have it. */
  plant(random: () => number): Ports;
}
