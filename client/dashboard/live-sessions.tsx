import { memo, useMemo } from 'react';
import { Link } from 'wouter';
import type { Session } from '../subject.ts';
import { ActionScope } from './action-scope.tsx';
import { useChoice } from './address.ts';
import { isSoon } from './extension.ts';
import { useThings } from './live.ts';
import { TimeLeft, useNow } from './moment.tsx';
import { Pages } from './pages.tsx';
import { paths } from './paths.ts';
import { useQueuePlaces } from './queue-place.ts';
import { ReleaseButton } from './release-button.tsx';
import { liveSessions, type SessionWish } from './session-wish.ts';
import { Status } from './status.tsx';

const PAGE_SIZE = 50;

/** Sessions that go on, as it happens. */
export function LiveSessions({ wish, viewerName }: { wish: SessionWish; viewerName: string }) {
  const sessions = useThings('sessions');
  const live = useMemo(
    () => liveSessions(sessions.values(), wish, viewerName),
    [sessions, wish, viewerName],
  );
  const [wanted, setPage] = useChoice('page', '1');
  const pages = Math.ceil(live.length / PAGE_SIZE);
  const page = Math.max(1, Math.min(Math.trunc(Number(wanted)) || 1, pages));
  return (
    <section className="card" aria-label="Live sessions">
      <h2>
        Going on <span className="quiet">{live.length}</span>
      </h2>
      <ActionScope>
        {live.length === 0 && <p className="quiet">None.</p>}
        {live.length > 0 && (
          <LiveTable
            sessions={live.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)}
            pool={wish.pool}
          />
        )}
      </ActionScope>
      <Pages
        of="live sessions"
        page={page}
        last={pages}
        onPage={(number) => setPage(String(number))}
      />
    </section>
  );
}

function LiveTable({ sessions, pool }: { sessions: readonly Session[]; pool: string }) {
  const isAnybodyWaiting = sessions.some(({ status }) => status === 'PENDING');
  const places = useQueuePlaces(isAnybodyWaiting, pool === '' ? null : pool);
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Session</th>
          <th scope="col">State</th>
          <th scope="col">Owner</th>
          <th scope="col">Pool</th>
          <th scope="col">Time left</th>
          <th scope="col">
            <span className="unseen">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((session) => (
          <LiveRow key={session.id} session={session} place={places.get(session.id) ?? null} />
        ))}
      </tbody>
    </table>
  );
}

const LiveRow = memo(function LiveRow(props: { session: Session; place: number | null }) {
  const { session, place } = props;
  const { id, status, owner, pool, assignedCluster, expiresAt } = session;
  return (
    <tr data-session={id} data-status={status}>
      <td data-label="Session">
        <Link href={paths.session(id)}>{assignedCluster?.name ?? 'No cluster yet'}</Link>
      </td>
      <td data-label="State">
        <span>
          <Status status={status} /> <span className="quiet">{detailOf(session, place)}</span>
        </span>
      </td>
      <td data-label="Owner">{owner}</td>
      <td data-label="Pool">
        <Link href={paths.pool(pool.name)}>{pool.name}</Link>
      </td>
      <td data-label="Time left">{expiresAt !== null && <RowEnd at={expiresAt} />}</td>
      <td className="action">
        <ReleaseButton session={session} />
      </td>
    </tr>
  );
});

function RowEnd({ at }: { at: string }) {
  return (
    <span className="row-end" data-soon={isSoon(at, useNow())}>
      <TimeLeft until={at} />
    </span>
  );
}

function detailOf({ status, statusMessage }: Session, place: number | null): string | null {
  if (status === 'PENDING') return place === null ? 'in the queue' : `place ${place} in the queue`;
  return statusMessage;
}
