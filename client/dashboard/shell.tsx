import { Link, Route, Switch, useLocation } from 'wouter';
import { tabToken } from '../tab-token.ts';
import { ColorSchemeSwitch } from './color-scheme-switch.tsx';
import { ConnectionMark } from './connection-mark.tsx';
import {
  ClusterPoolPage,
  HistoryPage,
  NewPoolPage,
  SavedPage,
  SessionPage,
  SessionsPage,
  usePreloadedPages,
} from './lazy-pages.ts';
import { useLive, useStanding, useViewer } from './live.ts';
import { Overview } from './overview.tsx';
import { PageFault } from './page-fault.tsx';
import { paths } from './paths.ts';
import { RefusedNote } from './refused-note.tsx';
import { TokenForm } from './token.tsx';

/** What is asked of whoever opens the page, and what it wants to do with a token. */
interface ShellProps {
  /** Goes on as somebody else; null for as nobody. */
  readonly onToken: (token: string | null) => void;
}

/** What is around every page: where one can go, who one is, and whether what is shown is live. */
export function Shell({ onToken }: ShellProps) {
  const standing = useStanding();
  // Where nothing is followed nothing is live, behind or away.
  const isFollowing = useLive((view) => view.tokenWanted === 'NONE' && view.refusal === null);
  const [location] = useLocation();
  return (
    <>
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      <header className="page-head">
        <Link href={paths.overview} className="brand">
          <img src="/favicon.svg" alt="" width="28" height="28" />
          <span className="brand-name">Snapyard</span>
        </Link>
        {isFollowing && <ConnectionMark />}
        <Places />
        <Who onToken={onToken} />
        <ColorSchemeSwitch />
      </header>
      <main id="main" tabIndex={-1} data-standing={standing}>
        <RefusedNote />
        <PageFault key={location}>
          <Content onToken={onToken} />
        </PageFault>
      </main>
    </>
  );
}

const PLACES = [
  ['Overview', paths.overview],
  ['Sessions', paths.sessions],
  ['Saved', paths.saved],
  ['History', paths.history],
] as const;

function Places() {
  const [location] = useLocation();
  const isAdmin = useViewer()?.role === 'ADMIN';
  return (
    <nav aria-label="Pages">
      {PLACES.map(([name, path]) => (
        <Link key={path} href={path} aria-current={isAt(location, path) ? 'page' : undefined}>
          {name}
        </Link>
      ))}
      {isAdmin && <a href={paths.playground}>Playground</a>}
    </nav>
  );
}

/** A pool belongs to the overview, a session to the sessions. */
function isAt(location: string, path: string): boolean {
  if (path !== paths.overview) return location.startsWith(path);
  return location === path || location.startsWith('/pools/');
}

function Who({ onToken }: ShellProps) {
  const viewer = useViewer();
  if (viewer === null) return null;
  return (
    <p className="viewer">
      {viewer.name} <span className="quiet">{viewer.role.toLowerCase()}</span>
      {tabToken.read() !== null && (
        <button type="button" className="link" onClick={() => onToken(null)}>
          Sign out
        </button>
      )}
    </p>
  );
}

function Content({ onToken }: ShellProps) {
  usePreloadedPages();
  const tokenWanted = useLive((view) => view.tokenWanted);
  const isRefused = useLive(({ refusal }) => refusal !== null);
  const isKnown = useLive(({ feed }) => feed.cursor !== null || feed.things.clusterPools.size > 0);
  if (tokenWanted !== 'NONE') return <TokenForm wanted={tokenWanted} onToken={onToken} />;
  if (isRefused && !isKnown) return null;
  if (!isKnown) return <p className="card quiet">Waiting for the server …</p>;
  return (
    <Switch>
      <Route path={paths.overview} component={Overview} />
      <Route path="/pools/:name">{({ name }) => <ClusterPoolPage name={name} />}</Route>
      <Route path={paths.newPool} component={NewPoolPage} />
      <Route path={paths.sessions} component={SessionsPage} />
      <Route path="/sessions/:id">{({ id }) => <SessionPage id={id} />}</Route>
      <Route path={paths.saved} component={SavedPage} />
      <Route path={paths.history} component={HistoryPage} />
      <Route>
        <p className="card">
          There is no such page. <Link href={paths.overview}>To the overview</Link>
        </p>
      </Route>
    </Switch>
  );
}
