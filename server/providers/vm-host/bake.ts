import { rm } from 'node:fs/promises';
import type { RoleSpec } from '../../../schema/model/template.ts';
import { ProviderError, type Step } from '../provider.ts';
import { type Stream, type Streams, streamFile } from './cluster-stream.ts';
import { firstLayers, layDisk, layersOfSet, removeLayers } from './disk/layers.ts';
import { hasAgent } from './fittings.ts';
import { draftFolder } from './folders.ts';
import { freeze } from './freeze.ts';
import { sizeOf } from './guest-machine.ts';
import type { Host } from './host.ts';
import { type RunningVm, removeVm, startVm } from './running-vm.ts';
import { bakerRecord, dropDraft, publishDraft } from './set-draft.ts';
import { type StoredSet, type StoredSnapshot, snapshotFiles } from './set-store.ts';
import { readRecord } from './vm-record.ts';

/**
 * Takes out of a guest what belongs to one session: its turn marks, its names, and the note that it
 * has secrets of its own, so that the next gets others, whatever it is called. Commands of the
 * session go on, but nobody is there to hear how they end, so the agent's shells that wait for
 * them are ended: a guest is still, and can be captured, only when there are none.
 */
const FORGET = `
rm -f /var/lib/snapyard/turns/* /run/snapyard/hooked
echo golden > /proc/sys/kernel/hostname
if [ -e /etc/hostname ]; then echo golden > /etc/hostname; fi
: > /etc/machine-id
parent() { read -r _ _ _ up _ < "/proc/$1/stat"; }
mine=" "
up=$$
while [ "$up" -gt 1 ]; do mine="$mine$up "; agent=$up; parent "$up"; done
for stat in /proc/[0-9]*/stat; do
  read -r pid _ _ up _ 2> /dev/null < "$stat" || continue
  [ "$up" = "$agent" ] || continue
  case $mine in *" $pid "*) ;; *) kill -9 "$pid" ;; esac
done
`;

/**
 * Makes an ordinary set of what was taken from a cluster: each guest goes on for a moment in a VM
 * of its own, whose memory is a file, forgets whose it was, and is stopped there for ever.
 */
export async function bake(
  host: Host,
  { begun, ref, streams }: Streams,
  step: Step,
): Promise<StoredSet> {
  try {
    const snapshots: StoredSnapshot[] = [];
    for (const spec of ref.roles) {
      snapshots.push(await bakeOne(host, begun, spec, streams, step));
    }
    for (const { role } of streams) await removeStream(host, begun.object.id, role);
    return await publishDraft(host, begun, snapshots, step);
  } catch (error) {
    // What can be tried again has its streams still: they are not to be taken twice.
    const isLasting = error instanceof ProviderError && !error.retryable;
    if (isLasting) await dropDraft(host, begun.object);
    throw error;
  }
}

async function bakeOne(
  host: Host,
  { object }: StoredSet,
  spec: RoleSpec,
  streams: readonly Stream[],
  step: Step,
): Promise<StoredSnapshot> {
  const stream = streamOf(streams, spec);
  const size = sizeOf(spec, stream.fittings);
  refuseOtherMachine(host.hypervisor.describeMachine(size), stream);
  const draft = draftFolder(host.folders, object.id);
  const files = snapshotFiles(draft, spec.role);
  await Promise.all(Object.values(files).map((file: string) => rm(file, { force: true })));
  const record = bakerRecord(host, object, spec.role, step);
  step.progress('bake');
  try {
    const memory = { kind: 'CAPTURED', file: files.memory } as const;
    const lay = layOver(draft, stream);
    const machine = { size, memory, lay, start: { kind: 'RESTORE' } } as const;
    const vm = await startVm(host, record, machine, step.signal);
    const path = streamFile(host, object.id, spec.role);
    await vm.link.control.restoreAll?.(path, stream.file, step.signal);
    await vm.link.control.resume();
    await forget(host, vm, step);
    return await freeze(host, vm, spec, draft, step);
  } finally {
    const left = readRecord(host.folders, record.name);
    if (left !== null) await removeVm(host, left);
  }
}

/** What it wrote to its disk until then lies below what it writes while it forgets. */
function layOver(draft: string, { role, fittings, layers = 0 }: Stream) {
  if (fittings === undefined) return undefined;
  return async () => {
    const place = layersOfSet(draft, role);
    await removeLayers(place, layers);
    return layDisk(firstLayers(place, layers), place, fittings.disk);
  };
}

async function forget(host: Host, { record, link }: RunningVm, { signal }: Step): Promise<void> {
  // Without an agent nobody is known to it, and nothing was written to it from outside.
  if (!hasAgent(record)) return link.control.pause();
  const what = `${record.name} forgets whose it was`;
  const limit = { what, ms: host.settings.restoreMs, signal };
  const { exitCode, stderr } = await link.agent.run(['sh', '-c', FORGET], '', limit);
  if (exitCode !== 0) {
    throw new ProviderError(`${what}: it could not: ${stderr.trim()}`, { retryable: false });
  }
  await link.agent.still(limit);
  await link.control.pause();
}

function streamOf(streams: readonly Stream[], { role }: RoleSpec): Stream {
  const found = streams.find((stream) => stream.role === role);
  if (found !== undefined) return found;
  throw new ProviderError(`Nothing was taken of ${role}`, { retryable: false });
}

function refuseOtherMachine(here: string, { machine }: Stream): void {
  if (machine === here) return;
  const reason = `The cluster was captured on another machine (${machine}), not ${here}`;
  throw new ProviderError(reason, { retryable: false });
}

async function removeStream(host: Host, setId: string, role: Stream['role']): Promise<void> {
  const path = streamFile(host, setId, role);
  // A hypervisor that writes memory to a file of its own puts it beside the stream.
  for (const end of ['', '.json', '.ram']) await rm(path + end, { force: true });
}
