import { useState } from 'react';
import { useMutation } from 'urql';
import type { EndReason, SessionStatus } from '../schema/model/session.ts';
import { graphql } from './graphql.ts';
import { RefusalNote, whyNot } from './refusal.tsx';
import type { Session } from './subject.ts';
import { TimeLeft } from './time-left.tsx';

/** Ends a session. */
export const RELEASE = graphql(`
  mutation Release($sessionId: ID!) {
    releaseSession(input: { sessionId: $sessionId }) {
      __typename
      ... on Session {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);

const LABELS: Readonly<Record<SessionStatus, string>> = {
  PENDING: 'Waiting',
  PROVISIONING: 'Getting ready',
  RUNNING: 'Running',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
};

const END_REASONS: Readonly<Record<EndReason, string>> = {
  RELEASED: 'released',
  EXPIRED: 'time was up',
  ADMIN: 'ended by an admin',
};

const SCOPES = ['Mine', 'All'] as const;

/** All sessions the viewer may see, or its own. */
export function SessionList(props: { sessions: readonly Session[]; viewerName: string | null }) {
  const { sessions, viewerName } = props;
  const [scope, setScope] = useState<(typeof SCOPES)[number]>('All');
  const [refusal, setRefusal] = useState<string | null>(null);
  const wanted = scope === 'All' ? sessions : sessions.filter(({ owner }) => owner === viewerName);
  const shown = wanted.toSorted(byAge);
  return (
    <section className="card" aria-label="Sessions">
      <header className="card-head">
        <h2>Sessions</h2>
        <div className="choice" role="group" aria-label="Whose sessions">
          {SCOPES.map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === scope}
              onClick={() => setScope(name)}
            >
              {name}
            </button>
          ))}
        </div>
      </header>
      {shown.length === 0 && <p className="quiet">None. Claim a cluster above to start one.</p>}
      {shown.length > 0 && <SessionTable sessions={shown} onRefusal={setRefusal} />}
      <RefusalNote text={refusal} />
    </section>
  );
}

type OnRefusal = (refusal: string | null) => void;

function SessionTable(props: { sessions: readonly Session[]; onRefusal: OnRefusal }) {
  return (
    <table className="sessions">
      <thead>
        <tr>
          <th scope="col">Owner</th>
          <th scope="col">Status</th>
          <th scope="col">Cluster</th>
          <th scope="col">Time left</th>
          <th scope="col">
            <span className="unseen">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {props.sessions.map((session) => (
          <SessionRow key={session.id} session={session} onRefusal={props.onRefusal} />
        ))}
      </tbody>
    </table>
  );
}

function SessionRow({ session, onRefusal }: { session: Session; onRefusal: OnRefusal }) {
  const { owner, status, assignedCluster, pool, expiresAt, endedAt } = session;
  return (
    <tr data-status={status} data-session={session.id}>
      <td data-label="Owner">{owner}</td>
      <td data-label="Status">
        <span className="badge" data-status={status}>
          {LABELS[status]}
        </span>{' '}
        <span className="quiet">{detailOf(session)}</span>
      </td>
      <td data-label="Cluster">
        {endedAt === null && (assignedCluster?.name ?? `in ${pool.name}`)}
      </td>
      <td data-label="Time left">
        {endedAt === null && expiresAt !== null && <TimeLeft until={expiresAt} />}
      </td>
      <td className="action">
        {session.allowedActions.includes('releaseSession') && (
          <ReleaseButton session={session} onRefusal={onRefusal} />
        )}
      </td>
    </tr>
  );
}

function detailOf({ status, statusMessage, queuePosition, endReason }: Session): string | null {
  if (statusMessage !== null) return statusMessage;
  if (status === 'PENDING' && queuePosition !== null) return `place ${queuePosition} in the queue`;
  return endReason === null ? null : END_REASONS[endReason];
}

function ReleaseButton({ session, onRefusal }: { session: Session; onRefusal: OnRefusal }) {
  const [{ fetching }, release] = useMutation(RELEASE);
  const onRelease = async () => {
    onRefusal(null);
    onRefusal(whyNot(await release({ sessionId: session.id })));
  };
  const what = session.assignedCluster?.name ?? `the place in ${session.pool.name}`;
  return (
    <button type="button" disabled={fetching} onClick={() => void onRelease()}>
      Release<span className="unseen"> {what}</span>
    </button>
  );
}

/** Those that live come first, and of each kind the youngest. */
function byAge(a: Session, b: Session): number {
  const ended = Number(a.endedAt !== null) - Number(b.endedAt !== null);
  return ended || b.createdAt.localeCompare(a.createdAt) || a.id.localeCompare(b.id);
}
