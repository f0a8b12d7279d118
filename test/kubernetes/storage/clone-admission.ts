import type { Admission, Cause, KubeObject } from '../ports.ts';
import type { Depot } from './depot.ts';
import { changesSpec, invalid, referenceCauses, refuseAsBroken, refuseFor } from './refusal.ts';
import type { Clone } from './shapes.ts';

const WEBHOOK = 'virtualmachineclone-validator.clone.kubevirt.io';
const SOURCES = {
  'kubevirt.io': ['VirtualMachine'],
  'snapshot.kubevirt.io': ['VirtualMachineSnapshot'],
};

/** Admits a clone of a machine as virt-api does; one without a target gets a name for it. */
export function admitClone(depot: Depot, admission: Admission): KubeObject {
  const { operation, object } = admission;
  if (changesSpec(admission)) refuseFor([invalid('spec', 'spec in immutable after creation')]);
  if (operation !== 'CREATE') return object;
  if (depot.options.snapshots === false) {
    refuseAsBroken(WEBHOOK, 'snapshot feature gate is not enabled');
  }
  const clone = withTarget(depot, object as Clone);
  refuseFor(causesOf(clone));
  return clone;
}

function withTarget(depot: Depot, clone: Clone): Clone {
  if (clone.spec.target !== undefined) return clone;
  const name = `clone-${clone.spec.source.name}-${depot.sim.world.newId().slice(-5)}`;
  const target = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name };
  return { ...clone, spec: { ...clone.spec, target } };
}

function causesOf({ spec }: Clone): Cause[] {
  const { source, target = {}, newMacAddresses = {}, patches = [] } = spec;
  const filters = [
    ['spec.labelFilters', spec.labelFilters],
    ['spec.annotationFilters', spec.annotationFilters],
    ['spec.template.labelFilters', spec.template?.labelFilters],
    ['spec.template.annotationFilters', spec.template?.annotationFilters],
  ] as const;
  const isSame = source.kind === 'VirtualMachine' && source.name === target.name;
  return [
    ...referenceCauses(source, 'spec.source', SOURCES),
    ...referenceCauses(target, 'spec.target', { 'kubevirt.io': ['VirtualMachine'] }),
    ...(isSame
      ? [invalid('spec.target.name', 'Target name must be different than source name')]
      : []),
    ...filters.flatMap(([field, each]) => filterCauses(field, each ?? [])),
    ...Object.values(newMacAddresses).flatMap(macCauses),
    ...patches.flatMap(patchCauses),
  ];
}

function filterCauses(field: string, filters: readonly string[]): Cause[] {
  return filters.flatMap((filter) => {
    const isNegatedOnce = filter.lastIndexOf('!') <= 0;
    const star = filter.indexOf('*');
    if (isNegatedOnce && (star < 0 || star === filter.length - 1)) return [];
    return [invalid(field, `filter ${filter}: "!" only first, "*" only last`)];
  });
}

function macCauses(address: string): Cause[] {
  if (/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(address)) return [];
  return [invalid('spec.newMacAddresses', `address ${address}: invalid MAC address`)];
}

function patchCauses(patch: string): Cause[] {
  try {
    JSON.parse(patch);
    return [];
  } catch {
    return [invalid('spec.patches', `the patch ${patch} is not a valid JSON patch`)];
  }
}
