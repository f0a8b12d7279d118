import type { ClusterRef, VmSpec } from '../../server/providers/provider.ts';
import { connectKubernetes } from '../../server/providers/kubevirt/client.ts';
import { bootstrapData } from '../../server/providers/kubevirt/cloud-init.ts';
import { TUNNEL_PORT } from '../../server/providers/kubevirt/guest-data/network.ts';
import { JOIN_FILE } from '../../server/providers/kubevirt/guest-data/places.ts';
import { makeGuests } from '../../server/providers/kubevirt/guests.ts';
import type { Guests } from '../../server/providers/kubevirt/host.ts';
import type { Kubernetes } from '../../server/providers/kubevirt/kubernetes.ts';
import {
  dataVolumeManifest,
  quotaManifest,
  restoreManifest,
  secret,
  serviceManifest,
  snapshotManifest,
  vmManifest,
} from '../../server/providers/kubevirt/manifests.ts';
import {
  cloudInitName,
  namespaceLabels,
  rootDiskName,
  vmLabels,
} from '../../server/providers/kubevirt/names.ts';
import {
  DATA_VOLUMES,
  NAMESPACES,
  RESOURCE_QUOTAS,
  SECRETS,
  SERVICES,
  VM_RESTORES,
  VM_SNAPSHOTS,
  VMIS,
  VMS,
} from '../../server/providers/kubevirt/objects.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../server/providers/kubevirt/settings.ts';
import { latenciesIn, type Latency } from '../kubernetes/latency.ts';
import { clusterRef } from '../kit/simulator.ts';
import { VirtualKubernetes } from '../kit/virtual-kubernetes.ts';
import type { VirtualWorld } from '../kit/virtual-world.ts';
import { criticalPath, type CriticalPath } from './critical-path.ts';

/**
 * The waiting of the first product of this kind, played for comparison: states are polled every
 * 10 s, an instance that has run for 60 s counts as ready, the join command is read after another
 * 60 s and then after pauses that double, disks are restored one after the other with 10 s before
 * each. It does the same work as ours, with our manifests: both end when all nodes are ready, and
 * the golden set is taken of VMs that are off. What it did not wait for at all it waits for here
 * by the same polling; it gave up after three pauses, where this goes on.
 */
export interface Polled {
  readonly totalMs: number;
  readonly path: CriticalPath;
}

const POLL_MS = 10_000;
const RUNS_LONG_ENOUGH_MS = 60_000;
const JOIN_PAUSE_MS = 60_000;
const SETTLE_MS = 10_000;
const WITHIN_MS = 3 * 3_600_000;
const INSTALLATION = 'installation-1';

/** A cluster from the image with its golden set, and a reset of it. */
export async function playPolling(seed: number): Promise<{ bootstrap: Polled; reset: Polled }> {
  const bench = await VirtualKubernetes.open({ seed });
  const { world } = bench;
  const settings = { ...DEFAULT_KUBEVIRT_SETTINGS, kubeconfig: bench.kubeconfig() };
  const kubernetes = connectKubernetes({ world, settings, log: () => undefined });
  const guests = makeGuests({ world, settings, kubernetes, installation: INSTALLATION });
  const ref = clusterRef('lab-1');
  const client = new PollingClient(world, kubernetes, guests, ref);
  const latencies = () => latenciesIn(bench.kubernetes.log.lines());
  try {
    const bootstrap = await timed(world, ref, latencies, () => client.bootstrap());
    const reset = await timed(world, ref, latencies, () => client.reset());
    return { bootstrap, reset };
  } finally {
    await bench.done(guests.close());
    await bench.done(kubernetes.close());
    await bench.close();
  }
}

async function timed(
  world: VirtualWorld,
  { namespace }: ClusterRef,
  latencies: () => Latency[],
  work: () => Promise<void>,
): Promise<Polled> {
  const from = world.now();
  await world.finish(work(), { withinMs: WITHIN_MS });
  const to = world.now();
  return { totalMs: to - from, path: criticalPath(latencies(), namespace, { from, to }) };
}

class PollingClient {
  readonly #world: VirtualWorld;
  readonly #kubernetes: Kubernetes;
  readonly #guests: Guests;
  readonly #ref: ClusterRef;
  readonly #signal = new AbortController().signal;

  constructor(world: VirtualWorld, kubernetes: Kubernetes, guests: Guests, ref: ClusterRef) {
    this.#world = world;
    this.#kubernetes = kubernetes;
    this.#guests = guests;
    this.#ref = ref;
  }

  async bootstrap(): Promise<void> {
    await this.#prepare();
    const [leader, worker] = this.#ref.vms;
    if (leader === undefined || worker === undefined) throw new Error('there must be two VMs');
    await this.#make(leader, undefined);
    await this.#untilVmReady(leader);
    await this.#make(worker, await this.#joinCommand(leader));
    await this.#untilVmReady(worker);
    await this.#untilNodesReady(leader);
    await this.#capture();
    await this.#untilNodesReady(leader);
  }

  async reset(): Promise<void> {
    for (const spec of this.#ref.vms) await this.#stop(spec);
    await this.#world.sleep(SETTLE_MS);
    for (const spec of this.#ref.vms) await this.#restore(spec);
    const [leader] = this.#ref.vms;
    if (leader !== undefined) await this.#untilNodesReady(leader);
  }

  async #prepare(): Promise<void> {
    const { namespace: name, vms } = this.#ref;
    const labels = namespaceLabels(this.#ref, INSTALLATION);
    const kubernetes = this.#kubernetes;
    await kubernetes.create(NAMESPACES, { metadata: { name, labels } }, this.#signal);
    await kubernetes.create(RESOURCE_QUOTAS, quotaManifest(this.#ref, INSTALLATION), this.#signal);
    for (const spec of vms) {
      const service = { installation: INSTALLATION, port: TUNNEL_PORT };
      const manifest = serviceManifest(this.#ref, spec, service);
      await kubernetes.create(SERVICES, manifest, this.#signal);
    }
  }

  async #make(spec: VmSpec, joinCommand: string | undefined): Promise<void> {
    const { namespace } = this.#ref;
    const labels = vmLabels(this.#ref, spec, INSTALLATION);
    const [disk, cloudInit] = [rootDiskName(spec.name), cloudInitName(spec.name)];
    const publicKey = await this.#guests.publicKey(this.#signal);
    const access = { user: DEFAULT_KUBEVIRT_SETTINGS.sshUser, publicKey };
    const userdata = bootstrapData(this.#ref, spec, access, joinCommand);
    const data = secret({ namespace, name: cloudInit }, labels, { userdata });
    await this.#kubernetes.create(SECRETS, data, this.#signal);
    const [from = '', claim = ''] = DEFAULT_KUBEVIRT_SETTINGS.image.split('/');
    const source = { pvc: { namespace: from, name: claim } };
    const { diskGiB: sizeGiB } = spec;
    const parts = { name: disk, namespace, labels, source, sizeGiB, storageClass: undefined };
    await this.#kubernetes.create(DATA_VOLUMES, dataVolumeManifest(parts), this.#signal);
    const vm = { installation: INSTALLATION, fence: 1, disk, cloudInit } as const;
    const manifest = vmManifest(this.#ref, spec, { ...vm, origin: 'COLD_BOOT' });
    await this.#kubernetes.create(VMS, manifest, this.#signal);
  }

  /** Running and ready, or running for long enough. */
  async #untilVmReady(spec: VmSpec): Promise<void> {
    let runsSince = Infinity;
    await this.#poll(async () => {
      const of = this.#name(spec);
      const vmi = await this.#kubernetes.get(VMIS, of, this.#signal);
      if (vmi?.status?.phase !== 'Running') return false;
      runsSince = Math.min(runsSince, this.#world.elapsed());
      const vm = await this.#kubernetes.get(VMS, of, this.#signal);
      return vm?.status?.ready === true || this.#world.elapsed() - runsSince > RUNS_LONG_ENOUGH_MS;
    });
  }

  async #joinCommand(leader: VmSpec): Promise<string> {
    await this.#world.sleep(JOIN_PAUSE_MS);
    for (let pauseMs = POLL_MS; ; pauseMs *= 2) {
      const command = await this.#ask(leader, ['sudo', '-n', 'cat', JOIN_FILE]);
      if (command !== undefined) return command.trim();
      await this.#world.sleep(pauseMs);
    }
  }

  async #untilNodesReady(leader: VmSpec): Promise<void> {
    await this.#poll(async () => {
      const listed = await this.#ask(leader, ['kubectl', 'get', 'nodes']);
      return (listed?.match(/ Ready /g) ?? []).length === this.#ref.vms.length;
    });
  }

  async #ask(spec: VmSpec, argv: readonly string[]): Promise<string | undefined> {
    try {
      const options = { signal: this.#signal };
      const { exitCode, stdout } = await this.#guests.run(this.#name(spec), argv, options);
      return exitCode === 0 ? stdout : undefined;
    } catch {
      return undefined;
    }
  }

  async #capture(): Promise<void> {
    for (const spec of this.#ref.vms) await this.#stop(spec);
    for (const spec of this.#ref.vms) {
      const of = { namespace: this.#ref.namespace, name: `${spec.name}-snap` };
      const labels = vmLabels(this.#ref, spec, INSTALLATION);
      const manifest = snapshotManifest(of, spec.name, { labels });
      await this.#kubernetes.create(VM_SNAPSHOTS, manifest, this.#signal);
      await this.#poll(async () => {
        const taken = await this.#kubernetes.get(VM_SNAPSHOTS, of, this.#signal);
        return taken?.status?.readyToUse === true;
      });
    }
    for (const spec of this.#ref.vms) await this.#start(spec);
  }

  async #restore(spec: VmSpec): Promise<void> {
    await this.#world.sleep(SETTLE_MS);
    const of = { namespace: this.#ref.namespace, name: `${spec.name}-restore` };
    const labels = vmLabels(this.#ref, spec, INSTALLATION);
    const parts = { labels, vm: spec.name, snapshot: `${spec.name}-snap` };
    await this.#kubernetes.create(VM_RESTORES, restoreManifest(of, parts), this.#signal);
    await this.#poll(async () => {
      const restore = await this.#kubernetes.get(VM_RESTORES, of, this.#signal);
      return restore?.status?.complete === true;
    });
    await this.#start(spec);
  }

  async #start(spec: VmSpec): Promise<void> {
    await this.#order(spec, 'start');
    await this.#untilVmReady(spec);
  }

  async #stop(spec: VmSpec): Promise<void> {
    await this.#order(spec, 'stop');
    this.#guests.forget(this.#name(spec));
    const isOff = async () =>
      (await this.#kubernetes.get(VMIS, this.#name(spec), this.#signal)) === undefined;
    await this.#poll(isOff);
  }

  async #order(spec: VmSpec, verb: 'start' | 'stop'): Promise<void> {
    const place = `namespaces/${this.#ref.namespace}/virtualmachines/${spec.name}`;
    const path = `/apis/subresources.kubevirt.io/v1/${place}/${verb}`;
    await this.#kubernetes.call('PUT', path, { body: {}, signal: this.#signal });
  }

  #name({ name }: VmSpec): { namespace: string; name: string } {
    return { namespace: this.#ref.namespace, name };
  }

  async #poll(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) await this.#world.sleep(POLL_MS);
  }
}
