import { quantityOf } from '../quantity.ts';
import { ApiError, type KubeObject, type Simulated } from '../ports.ts';
import { stamp, withCondition } from './conditions.ts';
import { claimNameOf, type Condition, type Vmi } from './shapes.ts';
import type { Machine } from './nodes.ts';

const MIB = 2 ** 20;

/** The pod that a machine runs in. */
export function launcherOf(sim: Simulated, vmi: Vmi): KubeObject | undefined {
  return sim.objects.get('Pod', vmi.metadata.namespace, launcherName(vmi));
}

/** A new name for each instance, though the instances of a VM share theirs. */
function launcherName({ metadata: { name, uid } }: Vmi): string {
  return `virt-launcher-${name}-${uid.replaceAll('-', '').slice(-5)}`;
}

/** Makes the pod; answers why there is none where a quota stands against it. */
export function makeLauncher(sim: Simulated, vmi: Vmi): string | undefined {
  if (launcherOf(sim, vmi) !== undefined) return undefined;
  try {
    const pod = sim.objects.create('Pod', podOf(vmi));
    setPod(sim, pod, { phase: 'Pending' });
    sim.objects.event(
      vmi,
      'Normal',
      'SuccessfulCreate',
      `Created virtual machine pod ${pod.metadata.name}`,
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.message;
  }
}

/** What its node says of the pod. */
export function setLauncher(
  sim: Simulated,
  vmi: Vmi,
  status: { readonly phase: string; readonly machine?: Machine; readonly ready?: Condition },
): void {
  const pod = launcherOf(sim, vmi);
  if (pod !== undefined) setPod(sim, pod, status);
}

function setPod(
  sim: Simulated,
  pod: KubeObject,
  status: { readonly phase: string; readonly machine?: Machine; readonly ready?: Condition },
): void {
  const { phase, machine, ready } = status;
  const ip = machine?.ip;
  const isScheduled = machine?.placedAt !== undefined;
  const now = stamp(sim.world);
  sim.objects.update(pod, (last) => {
    const before = (last.status ?? {}) as { conditions?: readonly Condition[] };
    const scheduled: Condition = { type: 'PodScheduled', status: isScheduled ? 'True' : 'False' };
    const placed = withCondition(before.conditions, scheduled, now);
    const conditions = ready === undefined ? placed : withCondition(placed, ready, now);
    const address = ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }], hostIP: '172.18.0.2' };
    const next = { ...before, phase, conditions, ...address };
    const spec = isScheduled ? { ...(last.spec as object), nodeName: 'node-1' } : last.spec;
    return { ...last, spec, status: next };
  });
}

/** Ends the pod. */
export function removeLauncher(sim: Simulated, vmi: Vmi): void {
  const pod = launcherOf(sim, vmi);
  if (pod !== undefined) sim.objects.remove(pod);
}

function podOf(vmi: Vmi) {
  const { name, namespace = '', uid, labels, annotations } = vmi.metadata;
  const claims = (vmi.spec.volumes ?? []).flatMap((volume) => {
    const claimName = claimNameOf(volume);
    return claimName === undefined
      ? []
      : [{ name: volume.name, persistentVolumeClaim: { claimName } }];
  });
  const own = { 'kubevirt.io': 'virt-launcher', 'kubevirt.io/created-by': uid };
  return {
    metadata: {
      name: launcherName(vmi),
      namespace,
      labels: { ...labels, ...own, 'vm.kubevirt.io/name': name.slice(0, 63) },
      annotations: { ...annotations, 'kubevirt.io/domain': name },
      ownerReferences: [
        {
          apiVersion: 'kubevirt.io/v1',
          kind: 'VirtualMachineInstance',
          name,
          uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      containers: [{ name: 'compute', resources: resourcesOf(vmi) }],
      volumes: claims,
      restartPolicy: 'Never',
    },
  };
}

/**
 * What the pod asks of its node: a tenth of each virtual CPU, and the guest's memory with what
 * QEMU and its helpers take besides.
 */
function resourcesOf({ spec }: Vmi) {
  const { cpu, memory, resources } = spec.domain;
  const cpus = (cpu?.cores ?? 1) * (cpu?.sockets ?? 1) * (cpu?.threads ?? 1);
  const asked = resources?.requests;
  const guest = quantityOf(asked?.['memory'] ?? memory?.guest) || 0;
  const overhead = (220 + 16 + 8 * cpus) * MIB + guest / 512;
  const whole = Math.ceil((guest + overhead) / MIB);
  const requests = { cpu: String(asked?.['cpu'] ?? `${cpus * 100}m`), memory: `${whole}Mi` };
  const limits = resources?.limits;
  return { requests, limits: { cpu: String(limits?.['cpu'] ?? cpus), memory: `${whole}Mi` } };
}
