import { Group, NumberInput } from '@mantine/core';
import { type SubmitEvent, useState } from 'react';
import type { Session } from '../subject.ts';
import { ActionScope, useRefusal } from './action-scope.tsx';
import { type Extension, extensionOf, type Lasting, latestEnd } from './extension.ts';
import { useStanding, useThing } from './live.ts';
import { DayAndTime, useNow } from './moment.tsx';
import { PressButton } from './press-button.tsx';
import { EXTEND } from './session-actions.ts';
import { useAction } from './use-action.ts';

const CHOICES = [15, 30, 60] as const;

/** Puts off the end of a session, where the viewer may; stays while a refusal is to be read. */
export function ExtendCard({ session }: { session: Session }) {
  const pool = useThing('clusterPools', session.pool.id);
  const state = useRefusal();
  const may = session.allowedActions.includes('extendSession');
  if (!may && state.refusal === null) return null;
  const { createdAt, expiresAt } = session;
  const lasting = { createdAt, expiresAt, maxTtlMinutes: pool?.maxTtlMinutes ?? null };
  return (
    <section className="card" aria-label="Extend">
      <h2>Extend</h2>
      {may && <EndNow lasting={lasting} />}
      <ActionScope state={state}>
        {may && <ExtendForm sessionId={session.id} lasting={lasting} />}
      </ActionScope>
    </section>
  );
}

function EndNow({ lasting }: { lasting: Lasting }) {
  const latest = latestEnd(lasting);
  const { expiresAt } = lasting;
  return (
    <p className="quiet">
      {expiresAt !== null && (
        <>
          It ends at <DayAndTime at={expiresAt} />.{' '}
        </>
      )}
      {latest !== null && (
        <>
          Its pool allows it to last until <DayAndTime at={new Date(latest).toISOString()} />.
        </>
      )}
    </p>
  );
}

function ExtendForm({ sessionId, lasting }: { sessionId: string; lasting: Lasting }) {
  const { run, isRunning } = useAction(EXTEND);
  const [own, setOwn] = useState<number | string>('');
  const isAway = useStanding() === 'AWAY';
  const now = useNow();
  const minutes = typeof own === 'number' ? own : null;
  const outcome = minutes === null ? null : extensionOf(lasting, minutes, now);
  const extend = (wanted: number) => void run({ sessionId, minutes: wanted });
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (minutes !== null && !isRunning && !isAway) extend(minutes);
  };
  return (
    <form className="extend" onSubmit={onSubmit}>
      <Group role="group" aria-label="Let it end in" gap="xs">
        <span aria-hidden="true">Let it end in</span>
        {CHOICES.map((choice) => (
          <PressButton
            key={choice}
            variant="default"
            size="sm"
            isRunning={isRunning}
            isOff={isAway || extensionOf(lasting, choice, now).effect === 'NOTHING'}
            onClick={() => extend(choice)}
          >
            {choice} min
          </PressButton>
        ))}
      </Group>
      <Group gap="xs" align="flex-end">
        <NumberInput
          label="Or in so many minutes from now"
          min={1}
          allowDecimal={false}
          value={own}
          onChange={setOwn}
        />
        <PressButton
          type="submit"
          isRunning={isRunning}
          isOff={isAway || (outcome?.effect ?? 'NOTHING') === 'NOTHING'}
        >
          Extend
        </PressButton>
      </Group>
      {outcome !== null && <Preview outcome={outcome} />}
    </form>
  );
}

function Preview({ outcome: { endsAt, effect } }: { outcome: Extension }) {
  const at = <DayAndTime at={new Date(endsAt).toISOString()} />;
  if (effect === 'NOTHING') return <p className="quiet">It ends no earlier than that already.</p>;
  return (
    <p className="quiet">
      It would end at {at}
      {effect === 'CUT' ? ', the latest that its pool allows.' : '.'}
    </p>
  );
}
