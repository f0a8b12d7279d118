import type { ClusterRef, Step } from '../provider.ts';
import { isRefusal } from './errors.ts';
import { TUNNEL_PORT } from './guest-data/network.ts';
import type { Host } from './host.ts';
import { insist } from './insist.ts';
import { removeOne } from './leftovers.ts';
import { serviceManifest } from './manifests.ts';
import { LABEL, TEMPLATES_NAMESPACE } from './names.ts';
import { nameOf, SERVICES, VMIS, type Service } from './objects.ts';
import { until } from './until.ts';
import { endOf } from './within.ts';

/**
 * The guests of a cluster find each other by the names `control-plane` and `worker` in their
 * namespace. In `vm-templates` several base clusters may be set up, so they take turns: whoever
 * has the services has the names.
 */

/** A holder without running machines is given this long to start some. */
const ABANDONED_MS = 120_000;
const LOOK_AGAIN_MS = 10_000;

/** Waits for the names, and takes them for the guests of this cluster. */
export async function holdPeerNames(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  if (ref.vms.length < 2) return;
  const view = host.kubernetes.view(SERVICES, { namespace: TEMPLATES_NAMESPACE });
  let holder: string | undefined;
  const idle = new Map<string, number>();
  const wait = {
    what: `the names of nodes in ${TEMPLATES_NAMESPACE}`,
    signal: step.signal,
    deadline: endOf(host, step),
    everyMs: LOOK_AGAIN_MS,
    detail: () => `the base cluster ${holder ?? '?'} is being set up`,
  };
  for (const spec of ref.vms) {
    const manifest = serviceManifest(ref, spec, {
      installation: step.installation,
      port: TUNNEL_PORT,
    });
    const of = { namespace: TEMPLATES_NAMESPACE, name: manifest.metadata.name };
    await until(host, [view], wait, () =>
      insist(host, step, `taking the name ${of.name}`, async () => {
        const present = await host.kubernetes.get(SERVICES, of, step.signal);
        holder = present?.metadata.labels[LABEL.cluster];
        if (present === undefined) return await create(host, manifest, step);
        if (holder === ref.id) return true;
        if (await isAbandoned(host, present, idle, step)) {
          await removeOne(host, SERVICES, present, step);
        }
        return undefined;
      }),
    );
  }
}

/** Gives the names to whoever is next. */
export async function releasePeerNames(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  const where = { namespace: TEMPLATES_NAMESPACE, labels: { [LABEL.cluster]: ref.id } };
  const ours = await insist(host, step, `looking at the names of ${ref.name}`, () =>
    host.kubernetes.list(SERVICES, where, step.signal),
  );
  await Promise.all(ours.map((service) => removeOne(host, SERVICES, service, step)));
}

async function create(
  host: Host,
  manifest: ReturnType<typeof serviceManifest>,
  step: Step,
): Promise<true | undefined> {
  try {
    await host.kubernetes.create(SERVICES, manifest, step.signal);
    return true;
  } catch (error) {
    // Somebody else was first.
    if (isRefusal(error, 409)) return undefined;
    throw error;
  }
}

/** Whether nobody is at work any more under the names; those of others are never taken away. */
async function isAbandoned(
  host: Host,
  service: Service,
  idle: Map<string, number>,
  step: Step,
): Promise<boolean> {
  const { labels, uid } = service.metadata;
  const holder = labels[LABEL.cluster];
  if (labels[LABEL.installation] !== step.installation || holder === undefined) return false;
  const where = { namespace: nameOf(service).namespace, labels: { [LABEL.cluster]: holder } };
  const running = await host.kubernetes.list(VMIS, where, step.signal);
  const now = host.world.elapsed();
  if (running.length > 0) idle.delete(uid);
  else if (!idle.has(uid)) idle.set(uid, now);
  return now - (idle.get(uid) ?? now) >= ABANDONED_MS;
}
