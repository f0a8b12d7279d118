import { useMemo, useSyncExternalStore } from 'react';
import { byName } from './cluster.tsx';
import { ClusterPoolCard } from './cluster-pool.tsx';
import { ConnectionMark } from './connection-mark.tsx';
import type { Things } from './feed.ts';
import { type LiveView, type Standing, standingOf, type Viewer } from './live-feed.ts';
import { SessionList } from './session.tsx';
import type { SnapyardClient } from './snapyard-client.ts';
import type { Cluster } from './subject.ts';
import { TokenForm } from './token.tsx';

/** The page: every pool, every session, as it happens. */
export function Page(props: { feed: SnapyardClient['feed']; onToken: (token: string) => void }) {
  const { feed, onToken } = props;
  const view = useSyncExternalStore(feed.listen, feed.read);
  const standing = standingOf(view);
  return (
    <>
      <PageHead viewer={view.viewer} standing={standing} />
      <main data-standing={standing}>
        <Content view={view} onToken={onToken} />
      </main>
    </>
  );
}

function Content({ view, onToken }: { view: LiveView; onToken: (token: string) => void }) {
  const { feed, viewer, tokenWanted } = view;
  if (tokenWanted !== 'NONE') return <TokenForm wanted={tokenWanted} onToken={onToken} />;
  const isKnown = feed.cursor !== null || feed.things.clusterPools.size > 0;
  if (!isKnown) return <p className="card quiet">Waiting for the server …</p>;
  return <Overview things={feed.things} viewer={viewer} />;
}

function PageHead({ viewer, standing }: { viewer: Viewer | null; standing: Standing }) {
  return (
    <header className="page-head">
      <h1>
        <img src="/favicon.svg" alt="" width="28" height="28" /> Snapyard
      </h1>
      <ConnectionMark standing={standing} />
      <nav aria-label="Elsewhere">
        <a href="/playground">Playground</a>
      </nav>
      {viewer !== null && (
        <p className="viewer">
          {viewer.name} <span className="quiet">{viewer.role.toLowerCase()}</span>
        </p>
      )}
    </header>
  );
}

function Overview({ things, viewer }: { things: Things; viewer: Viewer | null }) {
  const pools = useMemo(() => [...things.clusterPools.values()].sort(byName), [things]);
  const clusters = useMemo(() => clustersByPool(things), [things]);
  const sessions = useMemo(() => [...things.sessions.values()], [things]);
  return (
    <>
      {pools.length === 0 && <p className="card quiet">There are no pools yet.</p>}
      {pools.map((pool) => (
        <ClusterPoolCard key={pool.id} pool={pool} clusters={clusters.get(pool.id) ?? []} />
      ))}
      <SessionList sessions={sessions} viewerName={viewer?.name ?? null} />
    </>
  );
}

function clustersByPool({ clusters }: Things): ReadonlyMap<string, readonly Cluster[]> {
  return Map.groupBy([...clusters.values()].sort(byName), ({ pool }) => pool.id);
}
