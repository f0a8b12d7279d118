import { History } from 'lucide-react';
import { memo } from 'react';
import { Link } from 'wouter';
import type { LogChange } from './history-documents.ts';
import type { Entry } from './history-rows.ts';
import { causeWord, dayOf, happeningWord, kindWord, nameOf, pageOf } from './history-words.ts';
import { ClockTime } from './moment.tsx';
import { paths } from './paths.ts';
import { Status } from './status.tsx';

/** Lines of the log by day, the newest first. */
export function HistoryDays(props: { entries: readonly Entry[]; isOfOneThing: boolean }) {
  const { entries, isOfOneThing } = props;
  const days = Map.groupBy(entries, ({ change }) => dayOf(change.at));
  return [...days].map(([day, ofDay]) => (
    <tbody key={day}>
      <tr className="day">
        <th colSpan={5} scope="rowgroup">
          {day}
        </th>
      </tr>
      {ofDay.map(({ key, change }) => (
        <HistoryRow key={key} change={change} isOfOneThing={isOfOneThing} />
      ))}
    </tbody>
  ));
}

const HistoryRow = memo(function HistoryRow(props: { change: LogChange; isOfOneThing: boolean }) {
  const { change, isOfOneThing } = props;
  const { at, type, cause, reason, actor } = change;
  return (
    <tr data-change={change.kind} data-type={type}>
      <td data-label="Time" className="log-time">
        <ClockTime at={at} />
      </td>
      <td data-label={kindWord(type)} className="log-thing">
        <span className="quiet log-kind">{kindWord(type)}</span>{' '}
        <ThingName change={change} isOfOneThing={isOfOneThing} />
      </td>
      <td data-label="What">
        <Move change={change} />
      </td>
      <td data-label="Why" className="log-why">
        <span>
          {causeWord(cause)}
          {reason !== null && <span className="log-reason"> {reason}</span>}
        </span>
      </td>
      <td data-label="Who" className="log-actor">
        {actor}
      </td>
    </tr>
  );
});

function ThingName({ change, isOfOneThing }: { change: LogChange; isOfOneThing: boolean }) {
  const name = nameOf(change) ?? 'gone';
  const page = pageOf(change);
  return (
    <span className="log-name">
      {page === null ? name : <Link href={page}>{name}</Link>}
      {!isOfOneThing && (
        <Link
          href={paths.historyOf(change.id)}
          className="log-only"
          aria-label={`History of ${kindWord(change.type)} ${name}`}
          title="Only this one's history"
        >
          <History size={14} aria-hidden />
        </Link>
      )}
    </span>
  );
}

function Move({ change: { kind, from, to } }: { change: LogChange }) {
  if (from === null && to === null) return <>{happeningWord(kind)}</>;
  return (
    <span className="log-move">
      {from === null ? happeningWord(kind) : <Status status={from} />}
      <span aria-hidden="true">→</span>
      <span className="unseen">to</span>
      {to === null ? happeningWord('DELETED') : <Status status={to} />}
    </span>
  );
}
