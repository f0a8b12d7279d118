import { Button } from '@mantine/core';
import { useMemo } from 'react';
import type { ClusterPool } from '../subject.ts';
import { ActionButton } from './action-button.tsx';
import { ActionScope } from './action-scope.tsx';
import { useTemplate } from './cluster-pool-head.tsx';
import { goldenOf, type RoleStanding, setLines, standingOfRole } from './golden-sets.ts';
import { GoldenSetTable } from './golden-set-table.tsx';
import { GoldenStateLine } from './golden-state-line.tsx';
import { useGoldenState } from './golden-state.ts';
import { useUnfinishedJobs } from './jobs-of.ts';
import { useThings } from './live.ts';
import { say } from './pool-words.ts';
import { CREATE_SNAPSHOTS, DELETE_SNAPSHOTS, RECREATE_SNAPSHOTS } from './snapshot-actions.ts';

const STRATEGIES: Readonly<Record<string, string>> = {
  SNAPSHOT: 'From snapshots: new clusters are restored.',
  BOOTSTRAP: 'By bootstrap: new clusters are built from the image, which takes longer.',
};

/** What new clusters of a pool are made from, and how that is renewed. */
export function GoldenStatePanel({ pool }: { pool: ClusterPool }) {
  const snapshots = useThings('snapshots');
  const golden = useMemo(() => goldenOf(snapshots.values(), pool.id), [snapshots, pool.id]);
  const lines = useMemo(() => setLines(golden), [golden]);
  const roles = useTemplate(pool.name)?.roles.map(({ role }) => role) ?? [];
  return (
    <section className="card" aria-label="Golden state">
      <ActionScope>
        <header className="card-head wrapping">
          <div>
            <h2>Golden state</h2>
            <p>
              <span className="fact-name">Strategy now</span>{' '}
              <span data-strategy={pool.strategy}>
                {STRATEGIES[pool.strategy] ?? say(pool.strategy)}
              </span>
            </p>
          </div>
          <SnapshotButtons pool={pool} />
        </header>
      </ActionScope>
      <ul className="indicators" aria-label="Snapshots that new clusters are made from">
        {[...new Set(roles)].map((role) => (
          <RoleIndicator key={role} role={role} standing={standingOfRole(golden, role)} />
        ))}
      </ul>
      <p>
        <GoldenStateLine pool={pool} />
      </p>
      <GoldenSetTable lines={lines} poolName={pool.name} />
    </section>
  );
}

const STANDINGS: Readonly<Record<RoleStanding, string>> = {
  READY: 'snapshot ready',
  CREATING: 'snapshot being taken',
  FAILED: 'snapshot failed',
  NONE: 'no snapshot',
};

function RoleIndicator({ role, standing }: { role: string; standing: RoleStanding }) {
  return (
    <li className="indicator" data-status={standing} data-role={role}>
      {say(role)}: {STANDINGS[standing]}
    </li>
  );
}

/** Only one job at a time is at the snapshots of a pool; while one runs, they wait for it. */
function SnapshotButtons({ pool }: { pool: ClusterPool }) {
  const busy = useUnfinishedJobs(pool.id).find(({ kind }) => kind.endsWith('_SNAPSHOTS'));
  const { templateSets, clustersWithOwn } = useGoldenState(pool.id);
  const may = (verb: string) => pool.allowedActions.includes(verb);
  const hasBase = templateSets.length > 0;
  const hasAny = hasBase || clustersWithOwn > 0;
  if (busy !== undefined) return <BusyButton kind={busy.kind} />;
  return (
    <div className="buttons">
      {may('recreateSnapshots') && clustersWithOwn > 0 && (
        <ActionButton
          document={RECREATE_SNAPSHOTS}
          variables={{ input: { pool: pool.name } }}
          label="Capture free clusters anew"
          about={`in ${pool.name}`}
        />
      )}
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
      <BaseButton pool={pool} hasBase={hasBase} />
    </div>
  );
}

const DELETE_WARNING =
  'All golden states of the pool and of its clusters are deleted. Until new ones are taken, ' +
  'clusters are built from the image again, which takes longer. What users saved stays.';

function BaseButton({ pool, hasBase }: { pool: ClusterPool; hasBase: boolean }) {
  const verb = hasBase ? 'recreateSnapshots' : 'createSnapshots';
  if (!pool.allowedActions.includes(verb)) return null;
  const common = {
    variables: { input: { pool: pool.name, baseCluster: true } },
    about: `in ${pool.name}`,
    look: { variant: 'filled' },
  };
  return hasBase ? (
    <ActionButton {...common} document={RECREATE_SNAPSHOTS} label="Recreate snapshots" />
  ) : (
    <ActionButton {...common} document={CREATE_SNAPSHOTS} label="Create base snapshots" />
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
