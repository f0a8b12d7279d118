import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Things } from '../feed.ts';
import { type LiveView, type Standing, standingOf, type Viewer } from '../live-feed.ts';
import type { SnapyardClient } from '../snapyard-client.ts';

/** The feed that every part of the page looks at. */
export const LiveContext = createContext<SnapyardClient['feed'] | null>(null);

/**
 * One part of what the feed shows, kept up to date: the component is drawn again only when it is
 * another. What is chosen must therefore be in the view already, not made from it.
 */
export function useLive<Part>(choose: (view: LiveView) => Part): Part {
  const feed = useContext(LiveContext);
  if (feed === null) throw new Error('there is no feed around this component');
  return useSyncExternalStore(feed.listen, () => choose(feed.read()));
}

/** Everything of one kind, by id; the same map until something of that kind changes. */
export function useThings<Kind extends keyof Things>(kind: Kind): Things[Kind] {
  return useLive((view) => view.feed.things[kind]);
}

/** The things of each kind. */
type ThingOf<Kind extends keyof Things> =
  Things[Kind] extends ReadonlyMap<string, infer Thing> ? Thing : never;

/** One thing by its id; undefined when the feed has none, or no id is given. */
export function useThing<Kind extends keyof Things>(
  kind: Kind,
  id: string | null | undefined,
): ThingOf<Kind> | undefined {
  return useLive((view) => {
    const things: ReadonlyMap<string, unknown> = view.feed.things[kind];
    return things.get(id ?? '') as ThingOf<Kind> | undefined;
  });
}

/** The pool of a name, which may have been another's before, or be one's that is on its way out. */
export function usePoolNamed(name: string): ThingOf<'clusterPools'> | undefined {
  return useLive(({ feed }) => {
    for (const pool of feed.things.clusterPools.values()) {
      if (pool.name === name && pool.deletedAt === null) return pool;
    }
    return undefined;
  });
}

/** How far what is shown can be trusted. */
export function useStanding(): Standing {
  return useLive(standingOf);
}

/** Who the server takes us for; null until it has said so. */
export function useViewer(): Viewer | null {
  return useLive(({ viewer }) => viewer);
}
