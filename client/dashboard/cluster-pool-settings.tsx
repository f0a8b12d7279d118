import { type SubmitEvent, useState } from 'react';
import type { ClusterPool } from '../subject.ts';
import { UPDATE_POOL } from './cluster-pool-actions.ts';
import { labelOf, NumberField, valueInWords, WhenEmptyField } from './cluster-pool-fields.tsx';
import {
  changedByOthers,
  type Draft,
  draftOf,
  NUMBERS,
  type Problems,
  problemsOf,
  rebased,
  type Setting,
  SETTINGS,
  updateOf,
} from './cluster-pool-form.ts';
import { useStanding } from './live.ts';
import { PressButton } from './press-button.tsx';
import { RefusalNote } from './refusal.tsx';
import { useFormAction } from './use-form-action.ts';

/** The settings of a pool that can be changed while it lives, and the form for that. */
export function ClusterPoolSettings({ pool }: { pool: ClusterPool }) {
  const [isOpen, setIsOpen] = useState(false);
  const mayChange = pool.allowedActions.includes('updateClusterPool');
  return (
    <section className="card" aria-label="Settings">
      <header className="card-head">
        <div>
          <h2>Settings</h2>
        </div>
        {mayChange && !isOpen && (
          <PressButton size="compact-sm" variant="default" onClick={() => setIsOpen(true)}>
            Change<span className="unseen"> the settings of {pool.name}</span>
          </PressButton>
        )}
      </header>
      {isOpen && mayChange ? (
        <SettingsForm pool={pool} onClose={() => setIsOpen(false)} />
      ) : (
        <SettingsList pool={pool} />
      )}
    </section>
  );
}

function SettingsList({ pool }: { pool: ClusterPool }) {
  const values = draftOf(pool);
  return (
    <dl className="settings">
      {SETTINGS.map((setting) => (
        <div key={setting}>
          <dt>{labelOf(setting)}</dt>
          <dd data-setting={setting}>{valueInWords(setting, values[setting])}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What the form holds: the pool it was filled from, and what was typed since. */
function useSettingsForm(pool: ClusterPool, onSaved: () => void) {
  const [filled, setFilled] = useState(pool);
  const [draft, setDraft] = useState(() => draftOf(pool));
  const [problems, setProblems] = useState<Problems>({});
  const [refusal, setRefusal] = useState<string | null>(null);
  const { run, isRunning } = useFormAction(UPDATE_POOL);
  const fill = (values: Draft) => {
    setFilled(pool);
    setDraft(values);
    setProblems({});
    setRefusal(null);
  };
  const send = async () => {
    const seen = problemsOf(filled, draft);
    setProblems(seen);
    setRefusal(null);
    if (Object.keys(seen).length > 0) return;
    const input = updateOf(filled, draft);
    if (input === undefined) return onSaved();
    const { refusal: no } = await run({ input });
    if (no === null) return onSaved();
    if (no.field !== null && no.field in draft) setProblems({ [no.field]: no.message });
    else setRefusal(no.kind === 'Conflict' ? CONFLICT : no.message);
  };
  const change = (setting: Setting, value: string) =>
    setDraft((now) => ({ ...now, [setting]: value }));
  return { filled, draft, problems, refusal, isRunning, fill, send, change };
}

const CONFLICT =
  'Somebody else has changed the pool since this form was filled, so nothing was changed.';

function SettingsForm({ pool, onClose }: { pool: ClusterPool; onClose: () => void }) {
  const form = useSettingsForm(pool, onClose);
  const { draft, problems, change } = form;
  const isAway = useStanding() === 'AWAY';
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    void form.send();
  };
  const fields = { draft, problems, onChange: change };
  return (
    <form className="form" onSubmit={onSubmit} noValidate aria-label={`Settings of ${pool.name}`}>
      <div className="fields">
        {NUMBERS.map((setting) => (
          <NumberField key={setting} setting={setting} {...fields} />
        ))}
        <WhenEmptyField {...fields} />
      </div>
      <RefusalNote text={form.refusal} />
      <PresentValues
        filled={form.filled}
        pool={pool}
        onKeep={() => form.fill(rebased(form.filled, pool, draft))}
        onTake={() => form.fill(draftOf(pool))}
      />
      <div className="buttons">
        <PressButton type="submit" isRunning={form.isRunning} isOff={isAway}>
          Save
        </PressButton>
        <PressButton variant="default" onClick={onClose}>
          Cancel
        </PressButton>
      </div>
    </form>
  );
}

/** Tells while the form is open that the pool has become another, and offers what it is now. */
function PresentValues(props: {
  filled: ClusterPool;
  pool: ClusterPool;
  onKeep: () => void;
  onTake: () => void;
}) {
  const { filled, pool, onKeep, onTake } = props;
  if (filled.version === pool.version) return null;
  const changes = changedByOthers(filled, pool);
  return (
    <div className="warning stack" role="status">
      <p>
        The pool has changed since this form was filled
        {changes.length === 0 ? ', in none of these settings.' : ': '}
        {changes
          .map(([setting, value]) => `${labelOf(setting)}: ${valueInWords(setting, value)}`)
          .join('; ')}
      </p>
      <div className="buttons">
        <PressButton size="compact-sm" variant="default" onClick={onKeep}>
          Keep my changes, take the rest
        </PressButton>
        <PressButton size="compact-sm" variant="default" onClick={onTake}>
          Take the present values
        </PressButton>
      </div>
    </div>
  );
}
