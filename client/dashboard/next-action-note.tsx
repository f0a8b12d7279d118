import { Link } from 'wouter';
import type { ClusterPool } from '../subject.ts';
import { ActionButton } from './action-button.tsx';
import { BOOTSTRAP_POOL, WARM_UP_POOL } from './cluster-pool-actions.ts';
import { useGoldenState } from './golden-state.ts';
import { useUnfinishedJobs } from './jobs-of.ts';
import { useNow } from './moment.tsx';
import { type NextAction, nextActionOf } from './next-action.ts';
import { paths } from './paths.ts';
import { CREATE_SNAPSHOTS, RECREATE_SNAPSHOTS } from './snapshot-actions.ts';

/** What the pool needs next, and a button for it where the viewer may press one. */
export function NextActionNote({ pool }: { pool: ClusterPool }) {
  const golden = useGoldenState(pool.id);
  const jobs = useUnfinishedJobs(pool.id);
  const action = nextActionOf({ pool, golden, jobs, now: useNow() });
  if (action === null) return null;
  return (
    <div className="next-action" data-kind={action.kind}>
      <p>{action.reason}</p>
      <NextActionButton pool={pool} kind={action.kind} />
    </div>
  );
}

function NextActionButton({ pool, kind }: { pool: ClusterPool; kind: NextAction['kind'] }) {
  const { name, allowedActions } = pool;
  const may = (verb: string) => allowedActions.includes(verb);
  const about = `in ${name}`;
  switch (kind) {
    case 'REPAIR':
      return may('bootstrapPool') ? (
        <ActionButton
          document={BOOTSTRAP_POOL}
          variables={{ pool: name }}
          label="Try again"
          about={about}
        />
      ) : null;
    case 'CREATE_BASE':
      return may('createSnapshots') ? (
        <ActionButton
          document={CREATE_SNAPSHOTS}
          variables={{ input: { pool: name, baseCluster: true } }}
          label="Create base snapshots"
          about={about}
        />
      ) : null;
    case 'RECREATE':
      return may('recreateSnapshots') ? (
        <ActionButton
          document={RECREATE_SNAPSHOTS}
          variables={{ input: { pool: name, baseCluster: true } }}
          label="Recreate snapshots"
          about={about}
        />
      ) : null;
    case 'RECREATE_OWN':
      return may('recreateSnapshots') ? (
        <ActionButton
          document={RECREATE_SNAPSHOTS}
          variables={{ input: { pool: name } }}
          label="Capture free clusters anew"
          about={about}
        />
      ) : null;
    case 'WARM_UP':
      return may('warmUpPool') ? (
        <ActionButton
          document={WARM_UP_POOL}
          variables={{ pool: name }}
          label="Warm up"
          about={name}
        />
      ) : null;
    case 'LOOK_AT_ERRORS':
      return <Link href={paths.pool(name)}>See why</Link>;
  }
}
