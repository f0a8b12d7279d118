import { recordAudit } from '../../db/audit.ts';
import { findCluster } from '../../db/cluster.ts';
import { findSeenSession } from '../../db/session.ts';
import type { Tx } from '../../db/tx.ts';
import { findVm } from '../../db/vm-handle.ts';
import type { ControlPlane, OpenConsoleInput } from '../../schema/context.ts';
import {
  type ConsoleKind,
  consoleKinds,
  openedStatus,
  streamsOf,
} from '../../schema/model/console.ts';
import { NotFound, WrongState } from '../../schema/model/refusal.ts';
import { isLive } from '../../schema/model/session.ts';
import { hasRole } from '../../schema/model/viewer.ts';
import type { VmHandle } from '../../schema/model/vm-handle.ts';
import type { ConsoleGrant } from '../console-grant.ts';
import { holderOf } from '../consoles.ts';
import { sessionsSeenBy } from '../reads.ts';
import type { VerbParts } from './verb.ts';

/** Streams of VMs. */
export function consoleVerbs(parts: VerbParts): Pick<ControlPlane, 'openConsole' | 'readStreams'> {
  const { store, consoles = NO_CONSOLES } = parts;
  return {
    readStreams: (provider) => consoles.kindsOf(provider),
    openConsole: async (input) =>
      consoles.issue(await store.transact((tx) => grantFor(parts, consoles, tx, input))),
  };
}

type Desk = NonNullable<VerbParts['consoles']>;

/** Of a server without consoles no VM has a stream, so that nothing is ever issued. */
const NO_CONSOLES: Desk = {
  kindsOf: () => [],
  issue: () => {
    throw new Error('this server has no consoles');
  },
};

/** What the ticket will stand for; who asked for it is on record before there is one. */
function grantFor(
  parts: VerbParts,
  { kindsOf }: Desk,
  tx: Tx,
  { vmId, kind }: OpenConsoleInput,
): ConsoleGrant {
  const { viewer } = parts;
  const vm = reachableVm(parts, tx, vmId);
  const streams = streamsOf(vm, kindsOf(vm.provider));
  const cluster = findCluster(tx.db, vm.clusterId);
  const clusterStatus = openedStatus(cluster);
  const kinds = consoleKinds(vm, { cluster, session: sessionOf(parts, tx, vm) }, viewer, streams);
  if (clusterStatus === undefined || !kinds.includes(kind)) {
    throw new WrongState(whyNot(vm, kind, streams), vm.phase);
  }
  recordAudit(tx, { actor: viewer.name, action: `openConsole ${kind}`, subjectId: vmId });
  const { role, clusterId, provider } = vm;
  const holder = holderOf(tx.db, vm);
  return { viewer, kind, vmId, role, clusterId, clusterStatus, provider, holder };
}

/** To admins every VM is known; to others one that is not their session's is like none at all. */
function reachableVm(parts: VerbParts, tx: Tx, id: string): VmHandle {
  const vm = findVm(tx.db, id);
  if (vm === undefined) throw new NotFound('VM');
  const session = sessionOf(parts, tx, vm);
  if (session === undefined && !hasRole(parts.viewer, 'ADMIN')) throw new NotFound('VM');
  if (session !== undefined && !isLive(session) && !hasRole(parts.viewer, 'ADMIN')) {
    throw new WrongState(`the session of ${vm.name} has ended`, vm.phase);
  }
  return vm;
}

function sessionOf({ viewer }: VerbParts, { db }: Tx, { sessionId }: VmHandle) {
  return sessionId === null ? undefined : findSeenSession(db, sessionId, sessionsSeenBy(viewer));
}

function whyNot(vm: VmHandle, kind: ConsoleKind, streams: readonly ConsoleKind[]): string {
  if (streams.length === 0) return `${vm.name} has no console: ${vm.provider} VMs have none here`;
  const there = streams.join(', ');
  if (!streams.includes(kind)) return `${vm.name} has no ${kind} stream; it has ${there}`;
  return vm.phase === 'RUNNING'
    ? `${vm.name} was not handed over; others are opened only while their cluster is in ERROR`
    : `${vm.name} does not run; when it does, it has ${there}`;
}
