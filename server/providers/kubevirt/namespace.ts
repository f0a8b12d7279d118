import { ProviderError, type ClusterRef, type Step, type VmSpec } from '../provider.ts';
import { findAnchor, refuseIntruder, takeAnchor } from './anchor.ts';
import { about, ensureObject } from './calls.ts';
import { isRefusal } from './errors.ts';
import { TUNNEL_PORT } from './guest-data/network.ts';
import type { Host } from './host.ts';
import { quotaManifest, serviceManifest } from './manifests.ts';
import { FENCE, LABEL, namespaceLabels, TEMPLATES_NAMESPACE } from './names.ts';
import { isLeaving, NAMESPACES, RESOURCE_QUOTAS, SERVICES, type Namespace } from './objects.ts';
import { until } from './until.ts';
import { endOf } from './within.ts';

const QUOTA_TRIES = 3;
const QUOTA_RETRY_MS = 500;
const QUOTA_GROWTH = 1.5;
const QUOTA_JITTER = 0.05;
const LOOK_AGAIN_MS = 5_000;

/**
 * Makes a cluster's namespace with all that belongs to every one: labels, quota and services.
 * What is there is taken over, and what it lacks is mended.
 */
export async function ensureNamespace(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  await ensureAnchor(host, ref, step);
  await mendNamespace(host, ref, step);
}

/** Makes what is missing in a cluster's namespace, of which people may have deleted something. */
export async function mendNamespace(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  await ensureQuota(host, ref, step);
  if (ref.vms.length < 2) return;
  await Promise.all(ref.vms.map((spec) => ensureService(host, ref, spec, step)));
}

/** Makes the namespace of what no cluster owns. It is shared, so it has no owner and stays. */
export async function ensureTemplatesNamespace(host: Host, signal: AbortSignal): Promise<void> {
  const labels = { [LABEL.snapshots]: 'true' };
  const metadata = { name: TEMPLATES_NAMESPACE, labels };
  const present = await ensureObject(host, NAMESPACES, { metadata }, signal);
  if (present.metadata.labels[LABEL.snapshots] !== undefined) return;
  const of = { name: TEMPLATES_NAMESPACE };
  await about(host, of, `labelling the namespace ${of.name}`, signal, () =>
    host.kubernetes.patch(NAMESPACES, of, { metadata: { labels } }, signal),
  );
}

async function ensureAnchor(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  const namespace = await anchorThatStays(host, ref, step);
  await takeAnchor(host, ref, namespace, step);
  const labels = namespaceLabels(ref, step.installation);
  const has = namespace.metadata.labels;
  if (Object.entries(labels).every(([key, value]) => has[key] === value)) return;
  const of = { name: ref.namespace };
  await about(host, of, `labelling the namespace ${ref.namespace}`, step.signal, () =>
    host.kubernetes.patch(NAMESPACES, of, { metadata: { labels } }, step.signal),
  );
}

/** The namespace, made where it is missing; one that is on its way out is waited for. */
async function anchorThatStays(host: Host, ref: ClusterRef, step: Step): Promise<Namespace> {
  const labels = namespaceLabels(ref, step.installation);
  const annotations = { [FENCE]: String(step.fence) };
  const metadata = { name: ref.namespace, labels, annotations };
  const ours = { [LABEL.installation]: step.installation, [LABEL.clusterPool]: 'true' };
  const views = [host.kubernetes.view(NAMESPACES, { labels: ours })];
  const wait = {
    what: `the former namespace ${ref.namespace} to be gone`,
    signal: step.signal,
    deadline: endOf(host, step),
    everyMs: LOOK_AGAIN_MS,
  };
  const first = await findAnchor(host, ref, step.signal);
  if (first !== undefined && !isLeaving(first)) return first;
  if (first === undefined) return ensureObject(host, NAMESPACES, { metadata }, step.signal);
  refuseIntruder(first, step, ref.id);
  await until(host, views, wait, async () => {
    const present = await findAnchor(host, ref, step.signal);
    return present === undefined || !isLeaving(present) ? true : undefined;
  });
  return ensureObject(host, NAMESPACES, { metadata }, step.signal);
}

async function ensureQuota(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  const manifest = quotaManifest(ref, step.installation);
  const { hard: wanted } = manifest.spec;
  for (let tries = 1; ; tries += 1) {
    try {
      const present = await ensureObject(host, RESOURCE_QUOTAS, manifest, step.signal);
      const hard = present.spec?.hard ?? {};
      if (Object.entries(wanted).every(([key, value]) => hard[key] === value)) return;
      const of = { namespace: ref.namespace, name: manifest.metadata.name };
      await about(host, of, `mending the quota of ${ref.namespace}`, step.signal, () =>
        host.kubernetes.patch(RESOURCE_QUOTAS, of, { spec: { hard: wanted } }, step.signal),
      );
      return;
    } catch (error) {
      if (tries >= QUOTA_TRIES || !mayPass(error)) throw error;
      const jitter = 1 + QUOTA_JITTER * host.world.random();
      const ms = QUOTA_RETRY_MS * QUOTA_GROWTH ** (tries - 1) * jitter;
      await host.world.sleep(ms, step.signal);
    }
  }
}

/** A refusal for lack of rights (403) stays one, however often it is tried. */
function mayPass(error: unknown): boolean {
  return error instanceof ProviderError && error.retryable && !isRefusal(error.cause, 403);
}

async function ensureService(host: Host, ref: ClusterRef, spec: VmSpec, step: Step): Promise<void> {
  const { installation, signal } = step;
  const manifest = serviceManifest(ref, spec, { installation, port: TUNNEL_PORT });
  const present = await ensureObject(host, SERVICES, manifest, signal);
  const selector = present.spec?.selector ?? {};
  const wanted = Object.entries(manifest.spec.selector);
  if (wanted.every(([key, value]) => selector[key] === value)) return;
  const of = { namespace: ref.namespace, name: manifest.metadata.name };
  const patch = { spec: { selector: manifest.spec.selector } };
  await about(host, of, `mending the service ${of.name}`, signal, () =>
    host.kubernetes.patch(SERVICES, of, patch, signal),
  );
}
