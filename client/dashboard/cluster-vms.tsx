import { memo } from 'react';
import type { VmHandle } from '../subject.ts';
import { useThing } from './live.ts';
import { formatMs } from './moment.tsx';
import { say } from './pool-words.ts';
import { consoleLinks } from './session-words.ts';
import { Status } from './status.tsx';

/** The VMs of a cluster. */
export const ClusterVms = memo(function ClusterVms({ vms }: { vms: readonly { id: string }[] }) {
  if (vms.length === 0) return <span className="quiet">none yet</span>;
  return (
    <ul className="vms">
      {vms.map(({ id }) => (
        <VmLine key={id} id={id} />
      ))}
    </ul>
  );
});

function VmLine({ id }: { id: string }) {
  const vm = useThing('vmHandles', id);
  if (vm === undefined) return null;
  return (
    <li data-vm={vm.role}>
      <span title={vm.name}>{say(vm.role)}</span> <Status status={vm.phase} />
      <span className="quiet">
        {[vm.ipAddress, originOf(vm)].filter(Boolean).join(' · ')}
        {vm.statusMessage !== null && <> · {vm.statusMessage}</>}
      </span>
      <Consoles vm={vm} />
    </li>
  );
}

function originOf({ origin, spawnDurationMs }: VmHandle): string {
  const time = spawnDurationMs === null ? '' : ` in ${formatMs(spawnDurationMs)}`;
  return (origin === null ? '' : say(origin)) + time;
}

/** A document each; the tab it opens in has the token of this one. */
function Consoles({ vm }: { vm: VmHandle }) {
  return consoleLinks(vm).map(({ kind, words, href }) => (
    <a key={kind} href={href} target="_blank" rel="opener">
      {words}
      <span className="unseen"> of {vm.name}, in a new tab</span>
    </a>
  ));
}
