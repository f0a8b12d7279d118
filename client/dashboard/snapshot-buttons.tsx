import { Button, NativeSelect } from '@mantine/core';
import { useState } from 'react';
import type { ResultOf, VariablesOf } from '../graphql.ts';
import type { ClusterPool } from '../subject.ts';
import { ActionButton, type ActionButtonProps } from './action-button.tsx';
import { useGoldenState } from './golden-state.ts';
import { useUnfinishedJobs } from './jobs-of.ts';
import { CREATE_SNAPSHOTS, DELETE_SNAPSHOTS, RECREATE_SNAPSHOTS } from './snapshot-actions.ts';

type Wish = VariablesOf<typeof CREATE_SNAPSHOTS>['input'];
type Mode = NonNullable<Wish['mode']>;

/** How VMs can be captured. */
const MODES = [
  { value: '', label: 'As its provider likes best' },
  { value: 'ONLINE', label: 'While VMs run' },
  { value: 'OFFLINE', label: 'With VMs stopped' },
];

function modeOf(value: string): { mode?: Mode } {
  return value === 'ONLINE' || value === 'OFFLINE' ? { mode: value } : {};
}

/** What can be done about the golden states of a pool: one job at a time is at them. */
export function SnapshotButtons({ pool, hasAny }: { pool: ClusterPool; hasAny: boolean }) {
  const busy = useUnfinishedJobs(pool.id).find(({ kind }) => kind.endsWith('_SNAPSHOTS'));
  const [mode, setMode] = useState('');
  const may = (verb: string) => pool.allowedActions.includes(verb);
  const mayCapture = may('createSnapshots') || may('recreateSnapshots');
  if (busy !== undefined) return <BusyButton kind={busy.kind} />;
  return (
    <div className="buttons">
      {mayCapture && (
        <NativeSelect
          className="capture-mode"
          aria-label="How to capture"
          size="xs"
          data={MODES}
          value={mode}
          onChange={(event) => setMode(event.currentTarget.value)}
        />
      )}
      <CaptureButtons pool={pool} mode={modeOf(mode)} />
      {may('deleteSnapshots') && hasAny && (
        <ActionButton
          document={DELETE_SNAPSHOTS}
          variables={{ pool: pool.name }}
          label="Delete snapshots"
          about={`of ${pool.name}`}
          confirm={DELETE_WARNING}
          look={{ color: 'red', variant: 'outline' }}
        />
      )}
    </div>
  );
}

const DELETE_WARNING =
  'All golden states of the pool and of its clusters are deleted. Until new ones are taken, ' +
  'clusters are built from the image again, which takes longer. What users saved stays.';

/** What there is, is taken anew; what there is not, for the first time. */
function CaptureButtons({ pool, mode }: { pool: ClusterPool; mode: { mode?: Mode } }) {
  const { templateSets, clustersWithOwn } = useGoldenState(pool.id);
  const ofClusters = { pool: pool.name, ...mode };
  const hasOwn = clustersWithOwn > 0;
  const hasBase = templateSets.length > 0;
  return (
    <>
      {(hasOwn || pool.stats.availableClusters > 0) && (
        <CaptureButton
          pool={pool}
          isAnew={hasOwn}
          input={ofClusters}
          label={hasOwn ? 'Capture free clusters anew' : 'Capture free clusters'}
        />
      )}
      <CaptureButton
        pool={pool}
        isAnew={hasBase}
        input={{ ...ofClusters, baseCluster: true }}
        label={hasBase ? 'Recreate snapshots' : 'Create base snapshots'}
        look={{ variant: 'filled' }}
      />
    </>
  );
}

interface CaptureButtonProps {
  readonly pool: ClusterPool;
  readonly isAnew: boolean;
  readonly input: Wish;
  readonly label: string;
  readonly look?: ActionButtonProps<ResultOf<typeof CREATE_SNAPSHOTS>, never>['look'];
}

function CaptureButton({ pool, isAnew, input, label, look = {} }: CaptureButtonProps) {
  const verb = isAnew ? 'recreateSnapshots' : 'createSnapshots';
  if (!pool.allowedActions.includes(verb)) return null;
  const common = { variables: { input }, about: `in ${pool.name}`, label, look };
  return isAnew ? (
    <ActionButton {...common} document={RECREATE_SNAPSHOTS} />
  ) : (
    <ActionButton {...common} document={CREATE_SNAPSHOTS} />
  );
}

const BUSY: Readonly<Record<string, string>> = {
  CREATE_SNAPSHOTS: 'Creating snapshots …',
  RECREATE_SNAPSHOTS: 'Recreating snapshots …',
  DELETE_SNAPSHOTS: 'Deleting snapshots …',
};

function BusyButton({ kind }: { kind: string }) {
  return (
    <Button size="compact-sm" variant="default" disabled aria-busy="true">
      {BUSY[kind] ?? 'Busy …'}
    </Button>
  );
}
