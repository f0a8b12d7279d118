import type { VmRole } from '../../../schema/model/template.ts';
import type { ClusterRef, SetRef, Step } from '../provider.ts';
import { failed } from './errors.ts';
import type { Host } from './host.ts';
import { insist, type Limits } from './insist.ts';
import { removeOne } from './leftovers.ts';
import { clusterLabels, LABEL, setLabels, type Labels } from './names.ts';
import { VM_SNAPSHOTS } from './objects.ts';
import { viewOfOurs } from './our-views.ts';
import { flawOf, snapshotObject, type SnapshotsByRole } from './snapshots.ts';
import { until } from './until.ts';
import { endOf } from './within.ts';

/** Snapshots that belong together, and who has them. */
export interface Shooting {
  readonly host: Host;
  readonly shots: readonly Shot[];
}

/** One snapshot of one VM. */
export interface Shot {
  readonly role: VmRole;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
}

/** The snapshots of a set, as they are called and labelled in a namespace. */
export function shotsOf(set: SetRef, ref: ClusterRef, namespace: string, step: Step): Shot[] {
  const { installation } = step;
  return set.roles.map(({ role }) => ({
    role,
    namespace,
    name: snapshotObject(set, role, installation).name,
    labels: { ...clusterLabels(ref, installation), ...setLabels(set, role, installation) },
  }));
}

/** The snapshots that are there under the names of these shots. */
export async function findShots(
  { host, shots }: Shooting,
  limits: Limits,
): Promise<SnapshotsByRole> {
  const found = await insist(host, limits, 'looking at snapshots', () =>
    Promise.all(
      shots.map(async (shot) => {
        const of = { namespace: shot.namespace, name: shot.name };
        const snapshot = await host.kubernetes.get(VM_SNAPSHOTS, of, limits.signal);
        return [shot.role, snapshot] as const;
      }),
    ),
  );
  return new Map(
    found.flatMap(([role, snapshot]) =>
      snapshot === undefined ? [] : [[role, snapshot] as const],
    ),
  );
}

/** Deletes snapshots, and waits until they are gone: their names are used again. */
export async function removeShots(
  { host, shots }: Shooting,
  present: SnapshotsByRole,
  step: Step,
): Promise<void> {
  if (present.size === 0) return;
  const old = [...present.values()];
  await Promise.all(old.map((snapshot) => removeOne(host, VM_SNAPSHOTS, snapshot, step)));
  const uids = new Set(old.map(({ metadata }) => metadata.uid));
  const wait = {
    what: `the snapshots ${old.map(({ metadata }) => metadata.name).join(', ')} to go`,
    signal: step.signal,
    deadline: endOf(host, step),
  };
  const view = viewOfOurs(host, VM_SNAPSHOTS, step);
  await until(host, [view], wait, async () => {
    const now = [...(await findShots({ host, shots }, step)).values()];
    return now.some(({ metadata }) => uids.has(metadata.uid)) ? undefined : true;
  });
}

/** Refuses to change guests of which a snapshot is being taken, by whomever it was begun. */
export async function refuseWhileTaken(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  const { installation, signal } = step;
  const where = { namespace: ref.namespace, labels: { [LABEL.installation]: installation } };
  const found = await insist(host, step, `listing the snapshots of ${ref.name}`, () =>
    host.kubernetes.list(VM_SNAPSHOTS, where, signal),
  );
  const moving = found.find((each) => {
    const isOver = each.status?.phase === 'Succeeded' || flawOf(each)?.passes === false;
    return !isOver;
  });
  if (moving === undefined) return;
  throw failed(`${ref.name} is being captured as ${moving.metadata.name}`);
}
