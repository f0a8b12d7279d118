import { Progress } from '@mantine/core';
import { memo } from 'react';
import { Link } from 'wouter';
import type { Job } from '../subject.ts';
import { ActionButton } from './action-button.tsx';
import { ActionScope } from './action-scope.tsx';
import { CANCEL_JOB } from './cluster-pool-actions.ts';
import { timeLeftMs } from './job-time.ts';
import { Ago, formatMs, useNow } from './moment.tsx';
import { paths } from './paths.ts';
import { PhaseBar } from './phases.tsx';
import { say } from './pool-words.ts';
import { Status } from './status.tsx';

/** A job: what it does, how far it is, and how long it will take. */
export const JobCard = memo(function JobCard(props: { job: Job; medianMs: number | undefined }) {
  const { job, medianMs } = props;
  const isUnderWay = job.finishedAt === null;
  const words = say(job.kind);
  return (
    <li className="job" data-job={job.kind} data-under-way={isUnderWay}>
      <ActionScope>
        <header className="card-head">
          <div>
            <h3>{words}</h3>
          </div>
          <Status status={shownStatus(job)} />
          {job.allowedActions.includes('cancelJob') && (
            <ActionButton
              document={CANCEL_JOB}
              variables={{ jobId: job.id }}
              label="Cancel job"
              about={words}
              confirm={CANCEL_WARNING}
            />
          )}
        </header>
        {isUnderWay ? <UnderWay job={job} medianMs={medianMs} /> : <Ended job={job} />}
        <PhaseBar phases={job.steps} label={`Steps of: ${words}`} />
      </ActionScope>
    </li>
  );
});

const CANCEL_WARNING =
  'It stops at its next step. What it has begun is undone: an incomplete set of snapshots is ' +
  'deleted, and clusters that it holds go back to their golden state.';

function UnderWay({ job, medianMs }: { job: Job; medianMs: number | undefined }) {
  const percent = Math.round(job.progress * 100);
  return (
    <>
      <Progress value={percent} aria-label={`${say(job.kind)}: ${percent} percent done`} />
      <p className="quiet">
        {percent} % · begun <Ago at={job.createdAt} /> · <TimeLeft job={job} medianMs={medianMs} />
        {job.statusMessage !== null && <> · {job.statusMessage}</>}
      </p>
    </>
  );
}

/** A cancelled job has not its usual way to go. */
function TimeLeft({ job, medianMs }: { job: Job; medianMs: number | undefined }) {
  const left = timeLeftMs(job, medianMs, useNow());
  if (job.cancelRequestedAt !== null) return <>stops at its next step</>;
  if (left === null) return <>no estimate yet</>;
  return left < 1_000 ? <>any moment now</> : <>about {formatMs(roundUp(left))} left</>;
}

function Ended({ job }: { job: Job }) {
  const { finishedAt, createdAt, error } = job;
  if (finishedAt === null) return null;
  const took = formatMs(Date.parse(finishedAt) - Date.parse(createdAt));
  return (
    <p className="quiet">
      <Ago at={finishedAt} />, after {took} · <Link href={paths.historyOf(job.id)}>History</Link>
      {error !== null && <span className="bad"> · {error}</span>}
    </p>
  );
}

function shownStatus({ cancelRequestedAt, finishedAt, status }: Job): string {
  return cancelRequestedAt !== null && finishedAt === null ? 'CANCELLING' : status;
}

/** An estimate is not known to the millisecond. */
function roundUp(ms: number): number {
  return Math.ceil(ms / 1_000) * 1_000;
}
