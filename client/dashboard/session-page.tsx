import { type CombinedError, useQuery } from 'urql';
import { Link } from 'wouter';
import { graphql } from '../graphql.ts';
import { isOutage } from '../refresh.ts';
import { SESSION_FIELDS, VM_HANDLE_FIELDS } from '../subject.ts';
import { ActionScope } from './action-scope.tsx';
import { ExtendCard } from './extend-card.tsx';
import { useThing } from './live.ts';
import { usePageTitle } from './page-title.ts';
import { paths } from './paths.ts';
import { KeepCard } from './keep-card.tsx';
import { SessionCard } from './session-card.tsx';
import { SessionVms } from './session-vms.tsx';
import { WaysInCard } from './ways-in-card.tsx';
import './session-page.css';

const ONE_SESSION = graphql(
  `
    query OneSession($id: ID!) {
      session(id: $id) {
        ...SessionFields
        vms {
          ...VmHandleFields
        }
      }
    }
  `,
  [SESSION_FIELDS, VM_HANDLE_FIELDS],
);

/** One session: as it happens while the feed knows of it, as it was when that is long ago. */
export default function SessionPage(props: { id: string }) {
  const id = decoded(props.id);
  const live = useThing('sessions', id);
  const isEnded = live === undefined || live.endedAt !== null;
  const [{ data, error }] = useQuery({ query: ONE_SESSION, variables: { id }, pause: !isEnded });
  const session = live ?? data?.session;
  usePageTitle(titleOf(session));
  if (session == null) return <NoSession {...{ data, error }} />;
  return (
    <>
      <ActionScope>
        <SessionCard session={session} />
      </ActionScope>
      <SessionVms session={session} known={data?.session?.vms ?? NONE} />
      {session.status === 'RUNNING' && <WaysInCard key={id} session={session} />}
      <div className="session-tools">
        <ExtendCard session={session} />
        <KeepCard session={session} />
      </div>
    </>
  );
}

const NONE: readonly never[] = [];

/** Addresses spell the end of an id in their own way, and the router hands it on like that. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

interface Titled {
  readonly owner: string;
  readonly pool: { readonly name: string };
  readonly assignedCluster: { readonly name: string } | null;
}

function titleOf(session: Titled | null | undefined): string {
  if (session == null) return 'Session';
  return `${session.assignedCluster?.name ?? session.pool.name} · ${session.owner}`;
}

/** What a question that has brought no session has come to. */
interface NoSessionProps {
  readonly data: object | undefined;
  readonly error: CombinedError | undefined;
}

function NoSession({ data, error }: NoSessionProps) {
  const isOut = data === undefined && isOutage(error);
  const isKnown = !isOut && (data !== undefined || error !== undefined);
  return (
    <section className="card" aria-label="Session">
      <h1>Session</h1>
      {!isKnown && (
        <p className="quiet">
          {isOut ? 'The server did not answer; it is asked again.' : 'Looking for it …'}
        </p>
      )}
      {isKnown && (
        <p>
          There is no such session, or it is not yours to see; those that ended are kept for a
          month. <Link href={paths.sessions}>To the sessions</Link>
        </p>
      )}
    </section>
  );
}
