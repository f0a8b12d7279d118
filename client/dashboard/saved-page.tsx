import { useMemo } from 'react';
import { Link, useLocation } from 'wouter';
import { ActionButton } from './action-button.tsx';
import { ActionScope } from './action-scope.tsx';
import { formatBytes } from './bytes.ts';
import { useThing, useViewer } from './live.ts';
import { DayAndTime } from './moment.tsx';
import { usePageTitle } from './page-title.ts';
import { paths } from './paths.ts';
import { type SavedSet, useSavedSets } from './saved-sets.ts';
import { CLAIM } from './session-actions.ts';
import { roleWords } from './session-words.ts';
import { DELETE_SAVED } from './snapshot-actions.ts';
import { Status } from './status.tsx';
import './session-page.css';

/** What people saved of their sessions, to be started from again. */
export default function SavedPage() {
  usePageTitle('Saved');
  const sets = useSavedSets();
  const viewer = useViewer();
  const isAdmin = viewer?.role === 'ADMIN';
  return (
    <>
      <h1>Saved</h1>
      <section className="card" aria-label="Saved sessions">
        <ActionScope>
          {sets.length === 0 ? <NothingSaved /> : <SavedTable sets={sets} withOwner={isAdmin} />}
        </ActionScope>
      </section>
    </>
  );
}

function NothingSaved() {
  return (
    <p className="quiet">
      Nothing is saved yet. Open one of <Link href={paths.sessions}>your sessions</Link> while it
      runs, give what you have made a name and save it: its VMs go on, and new sessions can start
      from there.
    </p>
  );
}

function SavedTable({ sets, withOwner }: { sets: readonly SavedSet[]; withOwner: boolean }) {
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Name</th>
          {withOwner && <th scope="col">Owner</th>}
          <th scope="col">Pool</th>
          <th scope="col">State</th>
          <th scope="col">VMs</th>
          <th scope="col">Size</th>
          <th scope="col">Taken</th>
          <th scope="col">
            <span className="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sets.map((set) => (
          <SavedRow key={set.id} set={set} withOwner={withOwner} />
        ))}
      </tbody>
    </table>
  );
}

function SavedRow({ set, withOwner }: { set: SavedSet; withOwner: boolean }) {
  const { title, owner, pool, status, statusMessage, sizeBytes, createdAt, sessionId } = set;
  const roles = useMemo(() => set.snapshots.map(({ role }) => roleWords(role)).join(', '), [set]);
  return (
    <tr data-saved={title}>
      <td data-label="Name" className="saved-title">
        <strong>{title}</strong>
      </td>
      {withOwner && <td data-label="Owner">{owner}</td>}
      <td data-label="Pool">
        <Link href={paths.pool(pool.name)}>{pool.name}</Link>
      </td>
      <td data-label="State">
        <span>
          <Status status={status} /> <span className="quiet">{statusMessage}</span>
        </span>
      </td>
      <td data-label="VMs">{roles}</td>
      <td data-label="Size">{sizeBytes === null ? '' : formatBytes(sizeBytes)}</td>
      <td data-label="Taken">
        <span>
          <DayAndTime at={createdAt} />
          {sessionId !== null && (
            <>
              {' '}
              of <Link href={paths.session(sessionId)}>a session</Link>
            </>
          )}
        </span>
      </td>
      <td className="action">
        <span className="actions">
          <StartButton set={set} />
          <DeleteButton set={set} />
        </span>
      </td>
    </tr>
  );
}

/** A session started from it belongs to whom it belongs to. */
function StartButton({ set }: { set: SavedSet }) {
  const pool = useThing('clusterPools', set.pool.id);
  const viewer = useViewer();
  const [, go] = useLocation();
  const may = pool?.allowedActions.includes('createSession') === true;
  if (!may || set.status !== 'READY') return null;
  const isOthers = viewer !== null && viewer.name !== set.owner;
  const input = { pool: set.pool.name, snapshotId: set.id };
  return (
    <ActionButton
      document={CLAIM}
      variables={{ input: isOthers ? { ...input, owner: set.owner } : input }}
      label={isOthers ? `Start for ${set.owner}` : 'Start a session'}
      about={`from ${set.title}`}
      onDone={({ createSession: session }) => {
        if ('id' in session) go(paths.session(session.id));
      }}
    />
  );
}

function DeleteButton({ set }: { set: SavedSet }) {
  if (!set.allowedActions.includes('deleteSavedSnapshot')) return null;
  return (
    <ActionButton
      document={DELETE_SAVED}
      variables={{ snapshotId: set.id }}
      label="Delete"
      about={set.title}
      confirm="What was saved under this name is lost. Sessions started from it go on."
    />
  );
}
