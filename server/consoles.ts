import type { Duplex } from 'node:stream';
import { recordAudit } from '../db/audit.ts';
import { findCluster } from '../db/cluster.ts';
import type { Db } from '../db/connection.ts';
import { findSession } from '../db/session.ts';
import type { Store } from '../db/store.ts';
import { findVm } from '../db/vm-handle.ts';
import { openedStatus, type ConsoleKind, type ConsoleTicket } from '../schema/model/console.ts';
import type { ProviderKind } from '../schema/model/provider-kind.ts';
import { type EndReason, isLive } from '../schema/model/session.ts';
import type { VmHandle } from '../schema/model/vm-handle.ts';
import type { ConsoleGrant } from './console-grant.ts';
import { ConsoleTickets } from './console-tickets.ts';
import { clusterRef } from './outside.ts';
import { type Provider, ProviderError, type VmRef } from './providers/provider.ts';
import type { World } from './world.ts';

/** Where a ticket is shown; it is the rest of the path. */
export const CONSOLES_PATH = '/consoles/';

/** What consoles are made of. */
export interface ConsoleParts {
  readonly store: Pick<Store, 'transact' | 'read' | 'onCommit'>;
  readonly world: Pick<World, 'now' | 'elapsed' | 'secret'>;
  readonly provider: (kind: ProviderKind) => Pick<Provider, 'capabilities' | 'open'> | undefined;
}

/** The streams of VMs, for those who may have them. */
export interface Consoles {
  /** The kinds of streams that VMs of a provider have; none where it is not on this server. */
  kindsOf(provider: ProviderKind): readonly ConsoleKind[];
  /** A ticket for what a viewer may have. */
  issue(grant: ConsoleGrant): ConsoleTicket;
  /** What a ticket stands for; it is used up by this. */
  redeem(ticket: string): ConsoleGrant | undefined;
  /** Why what was granted is over, in a sentence; undefined while it holds. */
  whyOver(grant: ConsoleGrant): string | undefined;
  /** Opens the stream, once it is on record who did; the signal is for the opening. */
  open(grant: ConsoleGrant, signal: AbortSignal): Promise<Duplex>;
  /** Calls back when what was granted may be over; returns how to stop. */
  watch(listener: () => void): () => void;
}

/** Makes the consoles of a server. */
export function createConsoles({ store, world, provider }: ConsoleParts): Consoles {
  const tickets = new ConsoleTickets(world);
  return {
    kindsOf: (kind) => provider(kind)?.capabilities.streams ?? [],
    issue: (grant) => {
      const { ticket, expiresAt } = tickets.issue(grant);
      return { url: `${CONSOLES_PATH}${ticket}`, expiresAt };
    },
    redeem: (ticket) => tickets.redeem(ticket),
    whyOver: (grant) => store.read((db) => whyOver(db, grant)),
    watch: (listener) => store.onCommit(listener),
    open: async (grant, signal) => {
      const { viewer, kind, vmId } = grant;
      const audit = { actor: viewer.name, action: `enterConsole ${kind}`, subjectId: vmId };
      const vm = await store.transact((tx) => {
        recordAudit(tx, audit);
        return vmRef(tx.db, grant);
      });
      const found = provider(grant.provider);
      if (found !== undefined && vm !== undefined) return found.open(vm, kind, signal);
      throw new ProviderError('its provider is not on this server', { retryable: false });
    },
  };
}

/** The live session that has a VM now; null for none. */
export function holderOf(db: Db, { sessionId }: VmHandle): string | null {
  const session = sessionId === null ? undefined : findSession(db, sessionId);
  return session !== undefined && isLive(session) ? session.id : null;
}

function vmRef(db: Db, { clusterId, role }: ConsoleGrant): VmRef | undefined {
  const cluster = findCluster(db, clusterId);
  return cluster && { cluster: clusterRef(db, cluster), role };
}

function whyOver(db: Db, grant: ConsoleGrant): string | undefined {
  const { vmId, holder, clusterId, clusterStatus } = grant;
  const vm = findVm(db, vmId);
  const now = vm?.endedAt === null ? { holder: holderOf(db, vm) } : undefined;
  const isOpen = openedStatus(findCluster(db, clusterId)) === clusterStatus;
  if (now?.holder === holder && isOpen) return undefined;
  if (holder !== null) return whySessionOver(db, holder);
  if (now === undefined) return 'The VM is gone.';
  return now.holder === null
    ? 'The cluster is in ERROR no more.'
    : 'The VM was handed to a session.';
}

const ENDINGS: Readonly<Record<EndReason, string>> = {
  RELEASED: 'it was released',
  EXPIRED: 'its time was up',
  ADMIN: 'an admin ended it',
};

function whySessionOver(db: Db, id: string): string {
  const { endReason = null, status, statusMessage } = findSession(db, id) ?? {};
  if (endReason !== null) return `The session has ended: ${ENDINGS[endReason]}.`;
  if (status === 'FAILED')
    return `The session has failed: ${statusMessage ?? 'no reason is known'}`;
  return 'The session no longer has this VM.';
}
