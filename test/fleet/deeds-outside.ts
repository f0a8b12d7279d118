import type { KubeObject } from '../kubernetes/ports.ts';
import type { Place } from './mishap.ts';

/** What other people and programs do in the namespaces of clusters. */

/** A restore that somebody began and that never ends keeps every other one away. */
export function foreignRestore({ fleet: { kubernetes }, namespace }: Place): () => void {
  const { objects, mishaps } = kubernetes;
  const vm = objects.list('VirtualMachine', { namespace })[0]?.metadata.name ?? '';
  const [snapshot] = objects.list('VirtualMachineSnapshot', { namespace });
  mishaps.add({ name: 'restore-hangs', object: 'by-hand', times: 1 });
  objects.create('VirtualMachineRestore', {
    metadata: { namespace, name: 'by-hand' },
    spec: {
      target: { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: vm },
      virtualMachineSnapshotName: snapshot?.metadata.name,
    },
  });
  return () => {
    const left = objects.get('VirtualMachineRestore', namespace, 'by-hand');
    if (left !== undefined) objects.remove(left);
  };
}

/** Another installation has had the name of the next cluster before. */
export function foreignCluster({ fleet: { kubernetes }, namespace }: Place): () => void {
  const next = namespace.replace(/\d+$/, (number) => String(Number(number) + 1));
  const labels = { 'snapyard.io/installation': 'another', 'cks.io/cluster-pool': 'true' };
  const made = kubernetes.objects.create('Namespace', {
    metadata: { name: next, labels },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  return () => kubernetes.objects.remove(made);
}

/** Somebody limits the namespace to less than it has. */
export function quotaIn(
  { fleet: { kubernetes }, namespace }: Place,
  hard: Readonly<Record<string, string>>,
): () => void {
  const metadata = { namespace, name: 'by-hand' };
  const made = kubernetes.objects.create('ResourceQuota', { metadata, spec: { hard } });
  return () => {
    if (kubernetes.objects.get('ResourceQuota', namespace, 'by-hand')) {
      kubernetes.objects.remove(made);
    }
  };
}

/** Somebody takes our labels off a VM. */
export function unlabel({ fleet: { kubernetes }, namespace }: Place): void {
  const [vm] = kubernetes.objects.list('VirtualMachine', { namespace });
  if (vm === undefined) return;
  kubernetes.objects.update(vm, withoutLabels);
}

function withoutLabels(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, labels: {} } };
}
