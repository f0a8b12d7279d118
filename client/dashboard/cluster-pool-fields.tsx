import { NativeSelect, NumberInput } from '@mantine/core';
import { WHEN_EMPTY } from '../../schema/model/cluster-pool.ts';
import type { Draft, NumberSetting, Problems, Setting } from './cluster-pool-form.ts';
import { formatSeconds } from './moment.tsx';
import { say } from './pool-words.ts';

/** What a setting is called, and what it means. */
interface Meaning {
  readonly label: string;
  readonly about: string;
  /** Seconds in one of its units, for those that are times. */
  readonly unitSeconds?: number;
}

const MEANINGS: Readonly<Record<NumberSetting, Meaning>> = {
  size: { label: 'Size', about: 'Clusters to keep, free or in use.' },
  maxClusters: {
    label: 'Most clusters',
    about: 'With those that are made for waiting sessions; not below the size.',
  },
  sessionTtlMinutes: {
    label: 'A session lasts (minutes)',
    about: 'Unless its owner says for how long.',
    unitSeconds: 60,
  },
  maxTtlMinutes: {
    label: 'A session lasts at most (minutes)',
    about: 'Extensions included.',
    unitSeconds: 60,
  },
  maxWaitSeconds: {
    label: 'Waiting at most (seconds)',
    about: 'A session that still waits in the queue after that fails.',
    unitSeconds: 1,
  },
  maxSessionsPerOwner: {
    label: 'Sessions of one owner',
    about: 'At once; empty for any number.',
  },
  snapshotMaxAgeSeconds: {
    label: 'Snapshots are stale after (seconds)',
    about: 'They should be recreated then.',
    unitSeconds: 1,
  },
};

/** The name of a setting as people read it. */
export function labelOf(setting: Setting): string {
  return setting === 'whenEmpty' ? 'When none is free' : MEANINGS[setting].label;
}

/** The value of a setting as people read it: times in units that they think in. */
export function valueInWords(setting: Setting, value: string): string {
  if (value === '') return 'any number';
  if (setting === 'whenEmpty') return say(value);
  const seconds = Number(value) * (MEANINGS[setting].unitSeconds ?? 0);
  return seconds >= 60 ? `${value} (${formatSeconds(seconds)})` : value;
}

/** What all fields of a form need. */
export interface FieldsProps {
  readonly draft: Draft;
  readonly problems: Problems;
  readonly onChange: (setting: Setting, value: string) => void;
}

/** The field of a setting that is a number. */
export function NumberField(
  props: FieldsProps & {
    setting: NumberSetting;
    /** What an empty field means, where that is not said already. */
    whenEmpty?: string;
    required?: boolean;
  },
) {
  const { setting, draft, problems, onChange, whenEmpty, required } = props;
  const { label, about, unitSeconds } = MEANINGS[setting];
  const seconds = Number(draft[setting]) * (unitSeconds ?? Number.NaN);
  const inWords = draft[setting] !== '' && seconds >= 60 ? formatSeconds(seconds) : undefined;
  return (
    <NumberInput
      label={label}
      description={[about, whenEmpty, inWords].filter(Boolean).join(' ')}
      name={setting}
      value={draft[setting]}
      onChange={(value) => onChange(setting, String(value))}
      error={problems[setting]}
      required={required ?? false}
      withAsterisk={false}
      allowDecimal={false}
    />
  );
}

/** The field of what happens to a claim when no cluster is free. */
export function WhenEmptyField(props: FieldsProps & { defaultLabel?: string }) {
  const { draft, problems, onChange, defaultLabel } = props;
  const known: readonly string[] = WHEN_EMPTY;
  const isKnown = known.includes(draft.whenEmpty) || draft.whenEmpty === '';
  const ways = isKnown ? known : [...known, draft.whenEmpty];
  const left = defaultLabel === undefined ? [] : [{ value: '', label: defaultLabel }];
  return (
    <NativeSelect
      label={labelOf('whenEmpty')}
      description="What a claim gets then."
      name="whenEmpty"
      data={[...left, ...ways.map((value) => ({ value, label: say(value) }))]}
      value={draft.whenEmpty}
      onChange={(event) => onChange('whenEmpty', event.currentTarget.value)}
      error={problems['whenEmpty']}
    />
  );
}
