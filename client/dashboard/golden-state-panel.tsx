import { useMemo } from 'react';
import type { ClusterPool, Snapshot } from '../subject.ts';
import { ActionScope } from './action-scope.tsx';
import { useTemplate } from './cluster-pool-head.tsx';
import { goldenOf, type RoleStanding, setLines, standingOfRole } from './golden-sets.ts';
import { GoldenSetTable } from './golden-set-table.tsx';
import { GoldenStateLine } from './golden-state-line.tsx';
import { useThings } from './live.ts';
import { say } from './pool-words.ts';
import { SnapshotButtons } from './snapshot-buttons.tsx';

const STRATEGIES: Readonly<Record<string, string>> = {
  SNAPSHOT: 'From snapshots: new clusters are restored.',
  BOOTSTRAP: 'By bootstrap: new clusters are built from the image, which takes longer.',
};

/** Whether there is something left to delete of it. */
function isThere({ status }: Snapshot): boolean {
  return status !== 'DELETING';
}

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
          <SnapshotButtons pool={pool} hasAny={golden.some(isThere)} />
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
