import type { Session, VmHandle } from '../subject.ts';
import { CopyButton } from './copy-button.tsx';
import { useThing } from './live.ts';
import { formatMs } from './moment.tsx';
import { consoleLinks, originWords, roleWords } from './session-words.ts';
import { Status } from './status.tsx';

interface SessionVmsProps {
  session: Session;
  /** What was asked for of them, where the feed has none. */
  known: readonly VmHandle[];
}

/** The VMs that a session has; of one that has ended, those that went with it. */
export function SessionVms({ session, known }: SessionVmsProps) {
  const isLive = session.endedAt === null;
  const ids = session.vms.map(({ id }) => id);
  if (ids.length === 0) return null;
  return (
    <section className="card" aria-label="VMs">
      <h2>VMs</h2>
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">VM</th>
            <th scope="col">State</th>
            <th scope="col">Address</th>
            <th scope="col">Origin</th>
            <th scope="col">Ready after</th>
            <th scope="col">Consoles</th>
          </tr>
        </thead>
        <tbody>
          {ids.map((id) => (
            <VmRow key={id} id={id} known={known.find((vm) => vm.id === id)} isLive={isLive} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function VmRow(props: { id: string; known: VmHandle | undefined; isLive: boolean }) {
  const vm = useThing('vmHandles', props.id) ?? props.known;
  const snapshot = useThing('snapshots', vm?.snapshot?.id);
  if (vm === undefined) return null;
  const { name, role, phase, statusMessage, ipAddress, spawnDurationMs } = vm;
  const taken = snapshot === undefined ? '' : `: ${snapshot.title ?? snapshot.name}`;
  return (
    <tr data-vm={name}>
      <td data-label="VM">
        <span>
          <strong>{name}</strong> <span className="quiet">{roleWords(role)}</span>
        </span>
      </td>
      <td data-label="State">
        <span>
          <Status status={phase} /> <span className="quiet">{statusMessage}</span>
        </span>
      </td>
      <td data-label="Address">
        {props.isLive && ipAddress !== null && (
          <span className="address">
            <code>{ipAddress}</code>{' '}
            <CopyButton text={ipAddress} about={`the address of ${name}`} />
          </span>
        )}
      </td>
      <td data-label="Origin">
        {originWords(vm)}
        {taken}
      </td>
      <td data-label="Ready after">{spawnDurationMs === null ? '' : formatMs(spawnDurationMs)}</td>
      <td data-label="Consoles">{props.isLive && <Consoles vm={vm} />}</td>
    </tr>
  );
}

/** A new tab has the token of this one only where it is its opener. */
function Consoles({ vm }: { vm: VmHandle }) {
  const links = consoleLinks(vm);
  if (links.length === 0) return null;
  return (
    <span className="consoles">
      {links.map(({ kind, words, href }) => (
        <a key={kind} href={href} target="_blank" rel="opener">
          {words}
          <span className="unseen"> of {vm.name}</span>
        </a>
      ))}
    </span>
  );
}
