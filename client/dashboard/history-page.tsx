import { useMemo } from 'react';
import { Link, useSearch } from 'wouter';
import { useQuery } from 'urql';
import { LOG_THING, type LogThing } from './history-documents.ts';
import { HistoryList } from './history-list.tsx';
import { placeOf, stateOf, titleOf, typeOf } from './history-words.ts';
import { usePageTitle } from './page-title.ts';
import { paths } from './paths.ts';
import { PhaseBar } from './phases.tsx';
import { ProvisioningTimes } from './provisioning-times.tsx';
import { Status } from './status.tsx';
import './history-page.css';

/** What has happened: how fast claims were served, and the log; or the log of one thing. */
export default function HistoryPage() {
  const id = new URLSearchParams(useSearch()).get('id');
  return id === null ? <AllHistory /> : <HistoryOf key={id} id={id} />;
}

function AllHistory() {
  usePageTitle('History');
  return (
    <>
      <h1 className="unseen">History</h1>
      <ProvisioningTimes />
      <HistoryList id={null} typeOfId={null} />
    </>
  );
}

function HistoryOf({ id }: { id: string }) {
  const variables = useMemo(() => ({ id }), [id]);
  const [{ data, fetching, error }] = useQuery({ query: LOG_THING, variables });
  const thing = data?.node ?? null;
  const title = thing === null ? 'One thing' : titleOf(thing);
  usePageTitle(`History: ${title}`);
  if (fetching && data === undefined) return <p className="card quiet">Looking it up …</p>;
  return (
    <>
      <section className="card" aria-label="What it is">
        <Link href={paths.history}>← All history</Link>
        <header className="card-head">
          <h1>History: {title}</h1>
          <StateOf thing={thing} />
        </header>
        {thing === null && (
          <p className="quiet">
            {error === undefined
              ? 'There is no such thing any more; what the log has of it is below.'
              : 'The server does not tell what this is.'}
          </p>
        )}
        {thing !== null && <PlaceLink thing={thing} />}
        <Steps thing={thing} />
      </section>
      <HistoryList id={id} typeOfId={thing === null ? null : typeOf(thing)} />
    </>
  );
}

function StateOf({ thing }: { thing: LogThing | null }) {
  const state = thing === null ? null : stateOf(thing);
  return state === null ? null : <Status status={state} />;
}

function PlaceLink({ thing }: { thing: LogThing }) {
  const place = placeOf(thing);
  if (place === null) return null;
  return (
    <p>
      <Link href={place}>{place.startsWith('/pools/') ? 'To its pool' : 'To its page'}</Link>
    </p>
  );
}

function Steps({ thing }: { thing: LogThing | null }) {
  if (thing?.__typename === 'Session')
    return <PhaseBar phases={thing.timeline} label="How it went" />;
  if (thing?.__typename !== 'Job') return null;
  return (
    <>
      <PhaseBar phases={thing.steps} label="Steps" />
      {thing.error !== null && <p className="warning">{thing.error}</p>}
    </>
  );
}
