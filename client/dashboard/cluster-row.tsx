import { useDisclosure } from '@mantine/hooks';
import { memo } from 'react';
import { Link } from 'wouter';
import type { Cluster } from '../subject.ts';
import { ActionButton } from './action-button.tsx';
import { ActionScope } from './action-scope.tsx';
import { ClusterDetails } from './cluster-details.tsx';
import { shownStatus } from './cluster-filter.ts';
import { REPAIR_CLUSTER, RESET_CLUSTER } from './cluster-pool-actions.ts';
import { ClusterVms } from './cluster-vms.tsx';
import { Ago, Since } from './moment.tsx';
import { useHealthCheck } from './health-check.ts';
import { paths } from './paths.ts';
import { Status } from './status.tsx';

/** One cluster of a pool; drawn anew only when it changes. */
export const ClusterRow = memo(function ClusterRow({ cluster }: { cluster: Cluster }) {
  const [isOpen, { toggle }] = useDisclosure(false);
  const { id, name, statusMessage, vms } = cluster;
  return (
    <>
      <tr data-row={name} data-status={shownStatus(cluster)}>
        <td data-label="Cluster">
          <div className="stack">
            <strong className="long-name">{name}</strong>
            <button type="button" className="link" aria-expanded={isOpen} onClick={toggle}>
              Details<span className="unseen"> of {name}</span>
            </button>
            <Link href={paths.historyOf(id)}>
              History<span className="unseen"> of {name}</span>
            </Link>
          </div>
        </td>
        <td data-label="State">
          <div className="stack">
            <span>
              <Status status={shownStatus(cluster)} />
            </span>
            {statusMessage !== null && (
              <span className={cluster.status === 'ERROR' ? 'bad' : 'quiet'}>{statusMessage}</span>
            )}
          </div>
        </td>
        <td data-label="VMs">
          <ClusterVms vms={vms} />
        </td>
        <td data-label="Session">
          <Holder cluster={cluster} />
        </td>
        <td data-label="Last seen to">
          <LastSeenTo cluster={cluster} />
        </td>
        <td className="action">
          <ClusterActions cluster={cluster} />
        </td>
      </tr>
      {isOpen && (
        <tr className="details">
          <td colSpan={6}>
            <ClusterDetails id={id} name={name} version={cluster.version} />
          </td>
        </tr>
      )}
    </>
  );
});

/** Who holds it, as far as the viewer may know, and for how long. */
function Holder({ cluster: { status, assignedSession, lockTime } }: { cluster: Cluster }) {
  if (status !== 'LOCKED') return null;
  return (
    <div className="stack">
      {assignedSession === null ? (
        <span className="quiet">somebody</span>
      ) : (
        <Link href={paths.session(assignedSession.id)} className="long-name">
          {assignedSession.owner}
        </Link>
      )}
      {lockTime !== null && (
        <span className="quiet">
          for <Since at={lockTime} />
        </span>
      )}
    </div>
  );
}

function LastSeenTo({ cluster }: { cluster: Cluster }) {
  const { lastReset } = cluster;
  const lastHealthCheck = useHealthCheck(cluster);
  return (
    <div className="stack quiet">
      <span>
        {lastReset === null ? (
          'never reset'
        ) : (
          <>
            reset <Ago at={lastReset} />
          </>
        )}
      </span>
      <span>
        {lastHealthCheck === null ? (
          'not checked yet'
        ) : (
          <>
            checked <Ago at={lastHealthCheck} />
          </>
        )}
      </span>
    </div>
  );
}

function ClusterActions({ cluster }: { cluster: Cluster }) {
  const { id, name, status, allowedActions } = cluster;
  return (
    <ActionScope>
      <div className="buttons">
        {allowedActions.includes('resetCluster') && (
          <ActionButton
            document={RESET_CLUSTER}
            variables={{ clusterId: id }}
            label="Reset"
            about={name}
            confirm={status === 'AVAILABLE' ? RESET_WARNING : undefined}
          />
        )}
        {allowedActions.includes('repairCluster') && status === 'ERROR' && (
          <ActionButton
            document={REPAIR_CLUSTER}
            variables={{ clusterId: id }}
            label="Repair"
            about={name}
          />
        )}
      </div>
    </ActionScope>
  );
}

const RESET_WARNING =
  'It is free and ready now. Until it is back at its golden state nobody can claim it, and ' +
  'whatever was changed in its VMs since then is lost.';
