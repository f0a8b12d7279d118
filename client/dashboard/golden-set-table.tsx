import { memo, useState } from 'react';
import { formatBytes } from './bytes.ts';
import type { SetLine } from './golden-sets.ts';
import { useThing } from './live.ts';
import { Ago, useNow } from './moment.tsx';
import { Pages } from './pages.tsx';
import { say } from './pool-words.ts';
import { Status } from './status.tsx';

const ON_A_PAGE = 10;

/** All sets of golden states of a pool. */
export const GoldenSetTable = memo(function GoldenSetTable(props: {
  lines: readonly SetLine[];
  poolName: string;
}) {
  const { lines, poolName } = props;
  const [page, setPage] = useState(1);
  const last = Math.max(1, Math.ceil(lines.length / ON_A_PAGE));
  const shown = Math.min(page, last);
  if (lines.length === 0) return <p className="quiet">There are no snapshots.</p>;
  return (
    <>
      <table className="rows sets" aria-label={`Snapshot sets of ${poolName}`}>
        <thead>
          <tr>
            <th scope="col">Set</th>
            <th scope="col">Used for</th>
            <th scope="col">Snapshots</th>
            <th scope="col">Taken</th>
            <th scope="col">Made of</th>
            <th scope="col">Content</th>
            <th scope="col">Size</th>
          </tr>
        </thead>
        <tbody>
          {lines.slice((shown - 1) * ON_A_PAGE, shown * ON_A_PAGE).map((line) => (
            <SetRow key={line.set} line={line} />
          ))}
        </tbody>
      </table>
      <Pages of="snapshot sets" page={shown} last={last} onPage={setPage} />
    </>
  );
});

function SetRow({ line }: { line: SetLine }) {
  return (
    <tr data-set={line.set}>
      <td data-label="Set">
        {line.set} {line.current && <span className="tag">current</span>}
      </td>
      <td data-label="Used for">
        <UsedFor clusterId={line.clusterId} />
      </td>
      <td data-label="Snapshots">
        <div className="stack">
          {line.snapshots.map((one) => (
            <span key={one.id}>
              {say(one.role)} <Status status={one.status} />
            </span>
          ))}
          {line.messages.map((message) => (
            <span key={message} className={line.status === 'FAILED' ? 'bad' : 'quiet'}>
              {message}
            </span>
          ))}
        </div>
      </td>
      <td data-label="Taken">
        <div className="stack">
          <Ago at={line.createdAt} />
          <Age line={line} />
        </div>
      </td>
      <td data-label="Made of">
        <div className="stack">
          <span>{line.sources.map(say).join(', ')}</span>
          {line.sourceReasons.map((reason) => (
            <span key={reason} className="quiet">
              {reason}
            </span>
          ))}
        </div>
      </td>
      <td data-label="Content">{line.contents.join(', ') || '–'}</td>
      <td data-label="Size">{line.sizeBytes === null ? '–' : formatBytes(line.sizeBytes)}</td>
    </tr>
  );
}

function UsedFor({ clusterId }: { clusterId: string | null }) {
  const cluster = useThing('clusters', clusterId);
  if (clusterId === null) return <>new clusters</>;
  return <>resets of {cluster?.name ?? 'a cluster that is gone'}</>;
}

/** Whether a set is to be replaced: it is too old, or of an image that has another version. */
function Age({ line }: { line: SetLine }) {
  const now = useNow();
  const isStale = line.staleAt !== null && Date.parse(line.staleAt) <= now;
  if (!isStale && !line.outdated) return null;
  const words = [isStale && 'stale', line.outdated && 'outdated'].filter(Boolean).join(', ');
  return <span className="tag warn">{words}</span>;
}
