import type { ClusterRef, Sighting, VmSighting, VmSpec } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { hasAgent, hasScreen } from './fittings.ts';
import { NO_ROOM } from './go-on.ts';
import type { Host } from './host.ts';
import { endOf, isRunning } from './running-vm.ts';
import { type VmRecord, readRecord } from './vm-record.ts';
import { type Limit, within } from './within.ts';

/** What is seen of a cluster. */
interface Sight extends Sighting {
  /** Whether a VM stands that should run, and nobody is at it: see `letGoOn`. */
  readonly stands: boolean;
}

interface Seen {
  readonly vm: VmSighting;
  /** Null where the guest cannot be asked. */
  readonly marks: readonly string[] | null;
  readonly stands?: boolean;
}

type Found = Pick<VmSighting, 'exists' | 'phase' | 'answers' | 'message'>;

/**
 * Looks at a cluster's VMs, asking the guests of those that run. Only while somebody is at the
 * cluster may a VM be away to be captured.
 */
export async function sightCluster(
  host: Host,
  cluster: ClusterRef,
  signal: AbortSignal,
  isHeld: () => boolean,
): Promise<Sight> {
  const seen = await Promise.all(cluster.vms.map((spec) => sightVm(host, spec, signal, isHeld)));
  const vms = seen.map(({ vm }) => vm);
  const marks = together(seen.map(({ marks: inOne }) => inOne));
  return { vms, marks, stands: seen.some(({ stands }) => stands === true) };
}

/** What is known of a VM that has just answered, without asking it again. */
export function sightingOf(records: readonly VmRecord[]): Sighting {
  const vms = records.map((record) => {
    const phase = record.state === 'AWAKE' ? 'RUNNING' : 'PAUSED';
    return found(record, { exists: true, phase, answers: true, message: mutely(record) });
  });
  return { vms, marks: together(records.map(marksOf)) };
}

/** The marks in all guests; null as soon as one of them cannot be asked. */
function together(all: readonly (readonly string[] | null)[]): readonly string[] | null {
  if (all.includes(null)) return null;
  return [...new Set(all.flatMap((marks) => marks ?? []))];
}

function marksOf(record: VmRecord): readonly string[] | null {
  return hasAgent(record) ? record.marks : null;
}

/** What people should know of a guest that cannot be told who it is. */
function mutely(record: VmRecord): string | null {
  if (hasAgent(record) || record.state !== 'AWAKE') return null;
  return 'The guest has no agent: it keeps the identity and the clock it was captured with';
}

async function sightVm(
  host: Host,
  spec: VmSpec,
  signal: AbortSignal,
  isHeld: () => boolean,
): Promise<Seen> {
  const record = readRecord(host.folders, spec.name);
  if (record === null) return { vm: gone(spec, null, 'There is no such VM'), marks: [] };
  if (!isRunning(record)) return { vm: gone(spec, record, endOf(host, record)), marks: [] };
  if (record.state === 'MAKING') {
    const message = 'The VM is being made';
    const starting = { exists: true, phase: 'STARTING', answers: false, message } as const;
    return { vm: found(record, starting), marks: [] };
  }
  return ask(host, record, signal, isHeld).catch((error: unknown) => silent(record, error));
}

/** A paused VM answers by its process: its guest did before it was paused, and is not resumed. */
async function ask(
  host: Host,
  record: VmRecord,
  signal: AbortSignal,
  isHeld: () => boolean,
): Promise<Seen> {
  const limit: Limit = { what: `${record.name} is asked`, ms: host.settings.answerMs, signal };
  const { control, agent } = await within(host.world, host.links.to(record), limit);
  const status = await within(host.world, control.status(), limit);
  if (status === 'running') {
    const marks = hasAgent(record) ? await agent.marks(limit) : null;
    const message = mutely(record);
    const running = { exists: true, phase: 'RUNNING', answers: true, message } as const;
    return { vm: found(record, running), marks };
  }
  return still(record, status, readRecord(host.folders, record.name)?.stoppedFor != null, isHeld());
}

/** A VM that does not run: its record says whether it stands for a capture. */
function still(record: VmRecord, status: string, isAway: boolean, isHeld: boolean): Seen {
  if (isAway && isHeld) {
    const message = 'The VM is being captured';
    const away = { exists: true, phase: 'PAUSED', answers: true, message } as const;
    return { vm: found(record, away), marks: marksOf(record) };
  }
  const wasPaused = status === 'paused' && record.state !== 'AWAKE';
  const why = status === NO_ROOM ? 'stands still until there is room on the disk' : `is ${status}`;
  const message = wasPaused ? null : `The VM ${why}`;
  const paused = { exists: true, phase: 'PAUSED', answers: wasPaused, message } as const;
  const stands = !isHeld && (isAway || status === NO_ROOM);
  return { vm: found(record, paused), marks: marksOf(record), stands };
}

function silent(record: VmRecord, error: unknown): Seen {
  if (!(error instanceof ProviderError)) throw error;
  // What the guest says is not known, but the machine is there.
  const phase = record.state === 'AWAKE' ? 'RUNNING' : 'UNKNOWN';
  const message = error.reason;
  return {
    vm: found(record, { exists: true, phase, answers: false, message }),
    marks: marksOf(record),
  };
}

function found(record: VmRecord, what: Found): VmSighting {
  const { role, name, origin } = record;
  return { role, name, ...what, ipAddress: null, origin, hasScreen: hasScreen(record) };
}

function gone(spec: VmSpec, record: VmRecord | null, message: string): VmSighting {
  const { role, name } = spec;
  const none = { exists: false, phase: 'STOPPED', answers: false, ipAddress: null } as const;
  return { role, name, ...none, message, origin: record?.origin ?? null };
}
