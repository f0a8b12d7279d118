import { ProviderError, type ClusterRef, type RunResult } from '../provider.ts';
import { MARKS_FOLDER } from './guest-data/places.ts';
import type { Host } from './host.ts';
import type { Machine } from './machines.ts';
import { conditionOf, isLeaving, nameOf, type VirtualMachineInstance } from './objects.ts';
import { within } from './within.ts';

/** What came of asking a guest. */
export interface GuestAnswer {
  readonly answers: boolean;
  /** Whether it took commands, though it may not be ready. */
  readonly isReached: boolean;
  /** Why it does not count as answering; null where the machine itself tells why. */
  readonly reason: string | null;
  readonly marks: readonly string[];
}

/** How long a guest has to answer one question. */
const ANSWER_MS = 8_000;

const SILENT = { answers: false, isReached: false, marks: [] } as const;

/** Asks a guest for a proof of life; that of a control plane also whether its nodes are ready. */
export async function askGuest(
  host: Host,
  ref: ClusterRef,
  machine: Machine,
  signal: AbortSignal,
): Promise<GuestAnswer> {
  const { vmi } = machine;
  if (vmi?.status?.phase !== 'Running' || isLeaving(vmi) || isLeaving(machine.vm)) {
    return { ...SILENT, reason: null };
  }
  if (ref.readiness === 'PROBE') return probed(vmi);
  try {
    const marks = await listMarks(host, machine, signal);
    const reason = hasNodes(ref, machine) ? await nodesMissing(host, ref, machine, signal) : null;
    return { answers: reason === null, isReached: true, reason, marks };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ProviderError) return { ...SILENT, reason: error.reason };
    throw error;
  }
}

/** Runs a command in a machine's guest, which has only so long to answer. */
export function askCommand(
  host: Host,
  { vm }: Pick<Machine, 'vm'>,
  argv: readonly string[],
  signal: AbortSignal,
  { ms = ANSWER_MS, stdin }: { readonly ms?: number; readonly stdin?: string } = {},
): Promise<RunResult> {
  const vmi = nameOf(vm);
  const limit = { what: `asking the guest of ${vmi.name}`, ms, signal };
  return within(host, limit, (limited) => host.guests.run(vmi, argv, { stdin, signal: limited }));
}

/**
 * Has a guest wait for something to become true in it, which needs no questions meanwhile: `check`
 * is a condition of its shell. Answers whether it came true in that time.
 */
export async function awaitInGuest(
  host: Host,
  machine: Pick<Machine, 'vm'>,
  seconds: number,
  check: string,
  signal: AbortSignal,
): Promise<boolean> {
  const loop = `n=0; until ${check}; do n=$((n+1)); [ $n -lt ${seconds} ] || exit 9; sleep 1; done`;
  const ms = seconds * 1_000 + ANSWER_MS;
  const { exitCode } = await askCommand(host, machine, ['sh', '-c', loop], signal, { ms });
  return exitCode === 0;
}

/** What a control plane's shell says when this many nodes are ready. */
export function nodesReady(count: number): string {
  return `[ "$(kubectl get nodes 2>/dev/null | grep -c ' Ready ')" -ge ${count} ]`;
}

/** Whether this machine answers for a Kubernetes cluster of several. */
export function hasNodes(ref: ClusterRef, { role }: Pick<Machine, 'role'>): boolean {
  return role === 'CONTROL_PLANE' && ref.vms.length > 1;
}

/** Why the nodes of a cluster are not all ready; null where they are. */
async function nodesMissing(
  host: Host,
  ref: ClusterRef,
  machine: Pick<Machine, 'vm'>,
  signal: AbortSignal,
): Promise<string | null> {
  const listed = await askCommand(host, machine, ['kubectl', 'get', 'nodes'], signal);
  if (listed.exitCode !== 0) return `kubectl get nodes: ${lastLine(listed.stderr)}`;
  const nodes = listed.stdout
    .split('\n')
    .map((line) => line.split(/\s+/))
    .filter(([name]) => name !== undefined && name !== '' && name !== 'NAME');
  const ready = nodes.filter(([, status]) => status?.split(',').includes('Ready'));
  if (ready.length >= ref.vms.length && ready.length === nodes.length) return null;
  return `${ready.length} of ${ref.vms.length} Kubernetes nodes are ready`;
}

/** The turn marks in a machine's guest. */
export async function listMarks(
  host: Host,
  machine: Pick<Machine, 'vm'>,
  signal: AbortSignal,
): Promise<string[]> {
  const listed = await askCommand(host, machine, ['ls', '-1', MARKS_FOLDER], signal);
  // Without its folder a guest has no marks, but it has answered.
  if (listed.exitCode !== 0) return [];
  return listed.stdout.split('\n').filter((name) => name !== '');
}

function probed({ status }: VirtualMachineInstance): GuestAnswer {
  const ready = conditionOf(status, 'Ready');
  if (ready?.status === 'True') return { answers: true, isReached: false, reason: null, marks: [] };
  const said = ready?.message ?? ready?.reason ?? 'its readiness is not known yet';
  return { ...SILENT, reason: `the VM runs but is not ready: ${said}` };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
