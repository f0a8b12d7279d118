import type { ClusterRef, ClusterSource, SessionRef, SetRef, Sighting } from '../provider.ts';
import type { OutsideObject, ResetResult, RunOptions, RunResult } from '../provider.ts';
import type { Step, VmRef, VmSpec } from '../provider.ts';
import { LONGEST_TIMER_MS } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { hasAgent } from './fittings.ts';
import type { Host } from './host.ts';
import { bootVm, restoreVm, warmUp } from './make-vm.ts';
import { refuseIntruder } from './ownership.ts';
import { type MemoryProofs, type StoredSet, readSet } from './set-store.ts';
import { sightingOf } from './sight.ts';
import { uuidFrom } from './uuid.ts';
import { isRunning, removeVm } from './running-vm.ts';
import { type VmRecord, isUnreadable, newRecord, readRecord, writeRecord } from './vm-record.ts';
import { within } from './within.ts';

const MARK = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Makes, wakes, resets and marks clusters. */
export class Clusters {
  readonly #host: Host;
  readonly #proofs: MemoryProofs;

  constructor(host: Host, proofs: MemoryProofs) {
    this.#host = host;
    this.#proofs = proofs;
  }

  /** Finds the VMs as they should be, or makes them: paused, after their guests have answered. */
  async ensure(cluster: ClusterRef, source: ClusterSource, step: Step): Promise<Sighting> {
    const records: VmRecord[] = [];
    for (const spec of cluster.vms) {
      const known = this.#known(spec, step);
      const isMade = known !== null && known.state !== 'MAKING' && isRunning(known);
      records.push(
        isMade ? await this.#takeOver(known, step) : await this.#make(cluster, spec, source, step),
      );
    }
    return sightingOf(records);
  }

  /** Hands the VMs over: they go on, with the present time, randomness and names of their own. */
  async wake(cluster: ClusterRef, session: SessionRef, step: Step): Promise<Sighting> {
    const wakes = cluster.vms.map((spec) => this.#wakeVm(cluster, spec, session, step));
    const outcomes = await Promise.allSettled(wakes);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const records = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value] : [],
    );
    return sightingOf(records);
  }

  /** Replaces every VM by a fresh one from the set: nothing of the old one is used again. */
  async reset(cluster: ClusterRef, set: SetRef, step: Step): Promise<ResetResult> {
    const records: VmRecord[] = [];
    for (const spec of cluster.vms) {
      const known = this.#known(spec, step);
      const isFresh = known !== null && isRunning(known) && isResetBy(known, set, step);
      const source = { kind: 'SET', set } as const;
      records.push(isFresh ? known : await this.#make(cluster, spec, source, step));
    }
    return { rung: 'restore', sighting: sightingOf(records) };
  }

  /** Writes a turn mark into every guest, for which a paused one goes on for a moment. */
  async mark(cluster: ClusterRef, mark: string, step: Step): Promise<void> {
    if (!MARK.test(mark)) {
      throw new ProviderError(`"${mark}" cannot be a turn mark`, { retryable: false });
    }
    for (const spec of cluster.vms) await this.#markVm(spec, mark, step);
  }

  /** Runs a command in a VM that was handed over. */
  async run(vm: VmRef, argv: readonly string[], options: RunOptions): Promise<RunResult> {
    const spec = vm.cluster.vms.find(({ role }) => role === vm.role);
    const record = spec === undefined ? null : readRecord(this.#host.folders, spec.name);
    const name = spec?.name ?? `${vm.cluster.name}, ${vm.role}`;
    if (record?.state !== 'AWAKE') {
      throw new ProviderError(`${name} has not been woken: it runs nothing`, { retryable: false });
    }
    if (!hasAgent(record)) {
      const reason = `There is no agent in ${name}: nothing can be run in it from outside`;
      throw new ProviderError(reason, { retryable: false });
    }
    const { signal } = options;
    const link = await this.#reach(record, signal);
    const limit = { what: `A command in ${name}`, ms: LONGEST_TIMER_MS, signal };
    return link.agent.run(argv, options.stdin ?? '', limit);
  }

  async #make(cluster: ClusterRef, spec: VmSpec, source: ClusterSource, step: Step) {
    const set = source.kind === 'SET' ? this.#usableSet(source.set, step) : null;
    const known = this.#known(spec, step);
    if (known !== null) await removeVm(this.#host, known);
    const record = this.#newRecord(cluster, spec, set, step);
    await step.note(`vm.${record.name}`, record.uuid);
    try {
      if (set !== null) return await restoreVm(this.#host, this.#proofs, record, spec, set, step);
      const vm = await bootVm(this.#host, record, spec, { memory: { kind: 'ANONYMOUS' } }, step);
      return await warmUp(this.#host, vm, step);
    } catch (error) {
      const left = readRecord(this.#host.folders, record.name);
      if (left !== null) await removeVm(this.#host, left);
      throw error;
    }
  }

  #newRecord(cluster: ClusterRef, spec: VmSpec, set: StoredSet | null, step: Step): VmRecord {
    const { id, name, poolId } = cluster;
    const { world } = this.#host;
    return newRecord({
      installation: step.installation,
      fence: step.fence,
      owner: { kind: 'CLUSTER', id, name, poolId } satisfies OutsideObject,
      role: spec.role,
      name: spec.name,
      uuid: uuidFrom(world.secret(16)),
      setId: set?.object.id ?? null,
      origin: set === null ? 'COLD_BOOT' : 'SNAPSHOT',
      machineId: world.secret(16),
    });
  }

  async #wakeVm(cluster: ClusterRef, spec: VmSpec, session: SessionRef, step: Step) {
    const record = this.#existing(spec, step);
    refuseOtherSession(record, session);
    const identity =
      cluster.identity === 'REKEYED'
        ? { hostname: cluster.name, machineId: record.machineId }
        : { hostname: null, machineId: null };
    const waking = { ...record, state: 'WAKING', session: session.id, fence: step.fence } as const;
    try {
      const link = await this.#reach(waking, step.signal);
      const limit = this.#limit(`${spec.name} wakes`, this.#host.settings.wakeMs, step);
      // Without an agent it simply goes on, and keeps the identity it was captured with.
      const woken = hasAgent(record) ? link.agent.wake(identity, limit) : [];
      // Stored while the guest works: whose it is the database knows since before this began.
      const [marks] = await Promise.all([woken, link.control.resume(), this.#store(waking)]);
      const origin = record.setId === null ? 'COLD_BOOT' : 'WARM';
      return writeRecord(this.#host.folders, { ...waking, state: 'AWAKE', marks, origin });
    } catch (error) {
      throw this.#notWoken(waking, error);
    }
  }

  async #store(record: VmRecord): Promise<void> {
    writeRecord(this.#host.folders, record);
  }

  async #markVm(spec: VmSpec, mark: string, step: Step): Promise<void> {
    const record = this.#held(this.#existing(spec, step), step);
    if (!hasAgent(record)) return;
    const { agent, control } = await this.#reach(record, step.signal);
    const limit = this.#limit(`${spec.name} is marked`, this.#host.settings.answerMs, step);
    if (record.state !== 'PAUSED') {
      await agent.mark(mark, limit);
      return;
    }
    await control.resume();
    const marks = await agent.mark(mark, limit);
    await control.pause();
    writeRecord(this.#host.folders, { ...record, marks });
  }

  #known(spec: VmSpec, step: Step): VmRecord | null {
    const { folders } = this.#host;
    const record = readRecord(folders, spec.name);
    if (record === null && isUnreadable(folders, spec.name)) {
      const reason = `What is stored of ${spec.name} cannot be read; remove its folder by hand`;
      throw new ProviderError(reason, { retryable: false });
    }
    if (record !== null) refuseIntruder(record, step);
    return record;
  }

  #existing(spec: VmSpec, step: Step): VmRecord {
    const record = this.#known(spec, step);
    if (record !== null && record.state !== 'MAKING' && isRunning(record)) return record;
    throw new ProviderError(`${spec.name} does not exist`, { retryable: false });
  }

  /** Takes up a VM as it is found; one that was left running in the pool is paused again. */
  async #takeOver(known: VmRecord, step: Step): Promise<VmRecord> {
    const record = this.#held(known, step);
    const link = await this.#reach(record, step.signal);
    const isStray = record.state === 'PAUSED' && (await link.control.status()) === 'running';
    return isStray ? warmUp(this.#host, { record, link }, step) : record;
  }

  #held(record: VmRecord, { fence }: Step): VmRecord {
    if (record.fence === fence) return record;
    return writeRecord(this.#host.folders, { ...record, fence });
  }

  #usableSet(ref: SetRef, step: Step): StoredSet {
    const set = readSet(this.#host.folders, ref.id);
    if (set?.installation === step.installation) return set;
    const reason = `There is no set ${ref.number} of ${ref.poolName}`;
    throw new ProviderError(reason, { retryable: false, lostSet: true });
  }

  #reach(record: VmRecord, signal: AbortSignal) {
    const limit = { what: `${record.name} is reached`, ms: this.#host.settings.orderMs, signal };
    return within(this.#host.world, this.#host.links.to(record), limit);
  }

  #limit(what: string, ms: number, { signal }: Step) {
    return { what, ms, signal };
  }

  /** A guest that does not wake is not tried again: its session gets another cluster. */
  #notWoken(record: VmRecord, error: unknown): unknown {
    if (!(error instanceof ProviderError)) return error;
    const reason = `${record.name} did not wake: ${error.reason}`;
    return new ProviderError(reason, { retryable: false, cause: error });
  }
}

function isResetBy(record: VmRecord, set: SetRef, step: Step): boolean {
  const isOfThisStep = record.fence === step.fence && record.setId === set.id;
  return isOfThisStep && record.state === 'PAUSED' && record.marks.length === 0;
}

function refuseOtherSession(record: VmRecord, session: SessionRef): void {
  if (record.session === null || record.session === session.id) return;
  const reason = `${record.name} was already handed to another session`;
  throw new ProviderError(reason, { retryable: false });
}
