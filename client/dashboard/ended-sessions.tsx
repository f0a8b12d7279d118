import { Group } from '@mantine/core';
import { useState } from 'react';
import { useQuery } from 'urql';
import { Link } from 'wouter';
import { graphql, type ResultOf } from '../graphql.ts';
import { useThings } from './live.ts';
import { DayAndTime, formatSeconds } from './moment.tsx';
import { paths } from './paths.ts';
import { PressButton } from './press-button.tsx';
import { endWords } from './session-words.ts';
import { type EndedStatus, isWanted, type SessionWish } from './session-wish.ts';
import { Status } from './status.tsx';

const PAGE_SIZE = 20;

const ENDED = graphql(`
  query EndedSessions($first: Int, $after: String, $pool: String, $status: [SessionStatus!]) {
    sessions(first: $first, after: $after, pool: $pool, status: $status) {
      edges {
        node {
          id
          owner
          status
          statusMessage
          endReason
          createdAt
          endedAt
          pool {
            id
            name
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

type Ended = ResultOf<typeof ENDED>['sessions']['edges'][number]['node'];

interface EndedSessionsProps {
  wish: SessionWish;
  statuses: readonly EndedStatus[];
  viewerName: string;
}

/** Sessions that have ended, a page at a time; the first page is kept up to date as they end. */
export function EndedSessions({ wish, statuses, viewerName }: EndedSessionsProps) {
  // Where each page so far goes on, the first from the beginning.
  const [starts, setStarts] = useState<readonly (string | null)[]>([null]);
  const live = useThings('sessions');
  const [{ data, error, fetching }] = useQuery({
    query: ENDED,
    variables: {
      first: PAGE_SIZE,
      after: starts.at(-1) ?? null,
      pool: wish.pool === '' ? null : wish.pool,
      status: [...statuses],
    },
  });
  const sessions = (data?.sessions.edges ?? [])
    .map(({ node }) => node)
    .filter((node) => isWanted(node, wish, viewerName))
    // An answer may be a moment ahead of the feed: until that tells the end, it is listed above.
    .filter(({ id }) => live.get(id)?.endedAt !== null);
  // Until the page is there the one before is shown, which goes on elsewhere.
  const { endCursor, hasNextPage } = data?.sessions.pageInfo ?? NO_MORE;
  return (
    <section className="card" aria-label="Ended sessions">
      <h2>Ended</h2>
      {sessions.length > 0 && <EndedTable sessions={sessions} />}
      {data !== undefined && sessions.length === 0 && (
        <p className="quiet">{hasNextPage ? 'None on this page.' : 'None.'}</p>
      )}
      {error !== undefined && data === undefined && (
        <p className="quiet">The server did not tell; it is asked again.</p>
      )}
      <Group>
        {starts.length > 1 && (
          <PressButton
            variant="default"
            isRunning={fetching}
            onClick={() => setStarts(starts.slice(0, -1))}
          >
            Newer
          </PressButton>
        )}
        {hasNextPage && (
          <PressButton
            variant="default"
            isRunning={fetching}
            onClick={() => setStarts([...starts, endCursor])}
          >
            Older
          </PressButton>
        )}
      </Group>
    </section>
  );
}

const NO_MORE = { hasNextPage: false, endCursor: null };

function EndedTable({ sessions }: { sessions: readonly Ended[] }) {
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Session</th>
          <th scope="col">State</th>
          <th scope="col">Owner</th>
          <th scope="col">Pool</th>
          <th scope="col">Lasted</th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((session) => (
          <EndedRow key={session.id} session={session} />
        ))}
      </tbody>
    </table>
  );
}

function EndedRow({ session }: { session: Ended }) {
  const { id, status, owner, pool, createdAt } = session;
  return (
    <tr data-session={id} data-status={status}>
      <td data-label="Session">
        <Link href={paths.session(id)}>
          <DayAndTime at={createdAt} />
        </Link>
      </td>
      <td data-label="State">
        <span>
          <Status status={status} /> <span className="quiet">{endWords(session)}</span>
        </span>
      </td>
      <td data-label="Owner">{owner}</td>
      <td data-label="Pool">{pool.name}</td>
      <td data-label="Lasted">{lengthOf(session)}</td>
    </tr>
  );
}

function lengthOf({ createdAt, endedAt }: Ended): string {
  if (endedAt === null) return '';
  const ms = Date.parse(endedAt) - Date.parse(createdAt);
  return formatSeconds(Math.max(0, Math.round(ms / 1_000)));
}
