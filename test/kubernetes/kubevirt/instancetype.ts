import type { KubeObject, Simulated } from '../ports.ts';
import type { Matcher, Vm, VmiSpec } from './shapes.ts';

interface Size {
  readonly cpu?: { readonly guest?: number };
  readonly memory?: { readonly guest?: string };
}

/** What a VM's instance is to be, with the size of its instance type if it names one. */
export function sizedByInstancetype(
  sim: Simulated,
  vm: Vm,
): { readonly spec: VmiSpec } | { readonly failure: string } {
  const { instancetype, preference, template } = vm.spec;
  const found = find(sim, vm, instancetype, 'Instancetype');
  const preferred = find(sim, vm, preference, 'Preference');
  if (typeof found === 'string') return { failure: found };
  if (typeof preferred === 'string') return { failure: preferred };
  if (found === undefined) return { spec: template.spec };
  const { cpu, memory } = (found.spec ?? {}) as Size;
  const { domain } = template.spec;
  const sized = {
    ...domain,
    cpu: { ...domain.cpu, sockets: cpu?.guest ?? 1, cores: 1, threads: 1 },
    memory: { ...domain.memory, ...(memory?.guest !== undefined && { guest: memory.guest }) },
  };
  return { spec: { ...template.spec, domain: sized } };
}

/** The object that a matcher names; the reason as text where it is not there. */
function find(
  sim: Simulated,
  vm: Vm,
  matcher: Matcher | undefined,
  what: 'Instancetype' | 'Preference',
): KubeObject | string | undefined {
  if (matcher?.name === undefined) return undefined;
  const wanted = matcher.kind?.toLowerCase() ?? '';
  const isOfNamespace = wanted === `virtualmachine${what.toLowerCase()}`;
  const kind = isOfNamespace ? `VirtualMachine${what}` : `VirtualMachineCluster${what}`;
  const namespace = isOfNamespace ? vm.metadata.namespace : undefined;
  const found = sim.objects.get(kind, namespace, matcher.name);
  const resource = `${kind.toLowerCase()}s.instancetype.kubevirt.io`;
  return found ?? `${resource} "${matcher.name}" not found`;
}
