import { Group, TextInput } from '@mantine/core';
import { type SubmitEvent, useState } from 'react';
import { Link } from 'wouter';
import type { Session } from '../subject.ts';
import { ActionButton } from './action-button.tsx';
import { ActionScope, useRefusal } from './action-scope.tsx';
import { useStanding } from './live.ts';
import { paths } from './paths.ts';
import { PressButton } from './press-button.tsx';
import { useSavedSets } from './saved-sets.ts';
import { SAVE } from './session-actions.ts';
import { CREATE_SNAPSHOTS } from './snapshot-actions.ts';
import { Status } from './status.tsx';
import { useAction } from './use-action.ts';

/** The longest name that the server takes. */
const LONGEST_NAME = 60;

/**
 * Keeps what was made in a session: for its owner, or, by admins, for everybody. It stays while
 * there is a refusal to be read.
 */
export function KeepCard({ session }: { session: Session }) {
  const state = useRefusal();
  const may = session.allowedActions.includes('saveSession');
  if (!may && state.refusal === null) return null;
  return (
    <section className="card" aria-label="Save">
      <h2>Save this session</h2>
      <ActionScope state={state}>{may && <Keeping session={session} />}</ActionScope>
    </section>
  );
}

function Keeping({ session }: { session: Session }) {
  const { allowedActions, pool } = session;
  return (
    <>
      <p className="quiet">
        Its VMs go on while they are saved. New sessions can start from there, whenever you like.
      </p>
      <SaveForm session={session} />
      <SavedOfIt sessionId={session.id} />
      {allowedActions.includes('createSnapshots') && (
        <Group>
          <ActionButton
            document={CREATE_SNAPSHOTS}
            variables={{ input: { pool: pool.name, sessionId: session.id } }}
            label="Make this the pool's golden state"
            about={`(${pool.name})`}
            confirm={`New clusters of ${pool.name} are then made with all that is on these VMs.`}
            look={{ size: 'sm' }}
          />
        </Group>
      )}
    </>
  );
}

function SaveForm({ session }: { session: Session }) {
  const { run, isRunning } = useAction(SAVE);
  const [name, setName] = useState('');
  const isAway = useStanding() === 'AWAY';
  const trimmed = name.trim();
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (trimmed === '' || isRunning || isAway) return;
    void run({ sessionId: session.id, name: trimmed }).then((data) => data && setName(''));
  };
  return (
    <form className="save" onSubmit={onSubmit}>
      <Group gap="xs" align="flex-end">
        <TextInput
          label="Name"
          maxLength={LONGEST_NAME}
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PressButton type="submit" isRunning={isRunning} isOff={isAway || trimmed === ''}>
          Save
        </PressButton>
      </Group>
    </form>
  );
}

/** What was saved of this session, as it is taken. */
function SavedOfIt({ sessionId }: { sessionId: string }) {
  const sets = useSavedSets().filter((set) => set.sessionId === sessionId);
  if (sets.length === 0) return null;
  return (
    <ul className="saved-of-it" aria-label="Saved of this session">
      {sets.map(({ id, title, status, statusMessage }) => (
        <li key={id}>
          <Link href={paths.saved}>{title}</Link> <Status status={status} />{' '}
          <span className="quiet">{statusMessage}</span>
        </li>
      ))}
    </ul>
  );
}
