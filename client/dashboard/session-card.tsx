import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import type { Session } from '../subject.ts';
import { ActionButton } from './action-button.tsx';
import { useThing } from './live.ts';
import { DayAndTime } from './moment.tsx';
import { paths } from './paths.ts';
import { PhaseBar } from './phases.tsx';
import { useQueuePlace } from './queue-place.ts';
import { CLAIM } from './session-actions.ts';
import { endWords, placeWords, servedWords } from './session-words.ts';
import { ReleaseButton } from './release-button.tsx';
import { Status } from './status.tsx';
import { SessionEnd } from './session-end.tsx';

/** A session: whose, of what, how far, and until when. */
export function SessionCard({ session }: { session: Session }) {
  const { owner, pool, assignedCluster, status, statusMessage, endedAt, expiresAt } = session;
  return (
    <section className="card" aria-label="Session" data-session={session.id} data-status={status}>
      <header className="card-head session-head">
        <div>
          <h1>{assignedCluster?.name ?? 'Session'}</h1>
          <p className="quiet">
            of {owner} · pool <Link href={paths.pool(pool.name)}>{pool.name}</Link>
          </p>
        </div>
        {endedAt === null && expiresAt !== null && <SessionEnd at={expiresAt} />}
        <ReleaseButton session={session} look={{ size: 'sm' }} />
        {endedAt !== null && <ClaimAgain poolId={pool.id} />}
      </header>
      <div className="session-state">
        <Status status={status} /> <EndOrMessage session={session} />
        {status === 'PENDING' && <QueuePlace session={session} />}
      </div>
      {endedAt === null && statusMessage !== null && status === 'RUNNING' && (
        <p className="warning">{statusMessage}</p>
      )}
      <PhaseBar phases={session.timeline} label="Steps of the claim" />
      <SessionFacts session={session} />
    </section>
  );
}

function EndOrMessage({ session }: { session: Session }) {
  const { status, statusMessage } = session;
  const end = endWords(session);
  if (end !== null) return <span className="session-reason">{end}</span>;
  if (status === 'RUNNING' || statusMessage === null) return null;
  return <span className="session-reason quiet">{statusMessage}</span>;
}

function QueuePlace({ session }: { session: Session }) {
  const place = useQueuePlace(session);
  return <strong aria-live="polite">{placeWords(place, session.pool.name)}</strong>;
}

function SessionFacts({ session }: { session: Session }) {
  const { createdAt, runningAt, endedAt, strategy, fallbackReason } = session;
  const served = servedWords(session);
  return (
    <dl className="session-facts">
      <Fact name="Claimed">
        <DayAndTime at={createdAt} />
      </Fact>
      {runningAt !== null && (
        <Fact name="Running since">
          <DayAndTime at={runningAt} />
        </Fact>
      )}
      {endedAt !== null && (
        <Fact name="Ended">
          <DayAndTime at={endedAt} />
        </Fact>
      )}
      {served !== null && <Fact name="Served from">{served}</Fact>}
      {strategy !== null && <Fact name="Strategy">{strategy.toLowerCase()}</Fact>}
      {fallbackReason !== null && <Fact name="Because">{fallbackReason}</Fact>}
      <Fact name="History">
        <Link href={paths.historyOf(session.id)}>of this session</Link>
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function ClaimAgain({ poolId }: { poolId: string }) {
  const pool = useThing('clusterPools', poolId);
  const [, go] = useLocation();
  if (pool?.allowedActions.includes('createSession') !== true) return null;
  return (
    <ActionButton
      document={CLAIM}
      variables={{ input: { pool: pool.name } }}
      label="Claim again"
      about={`in ${pool.name}`}
      look={{ variant: 'filled', size: 'sm' }}
      onDone={({ createSession: session }) => {
        if ('id' in session) go(paths.session(session.id));
      }}
    />
  );
}
