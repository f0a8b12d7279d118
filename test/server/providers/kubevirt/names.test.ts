import { expect, test } from 'vitest';
import {
  checkName,
  checkNames,
  clusterLabels,
  namespaceLabels,
  setLabels,
  vmLabels,
} from '../../../../server/providers/kubevirt/names.ts';
import { ProviderError } from '../../../../server/providers/provider.ts';
import { clusterRef, setRef } from '../../../kit/simulator.ts';

const ref = clusterRef('cluster1');

test('a cluster, its VMs and its namespace are found by labels', () => {
  expect(clusterLabels(ref, 'installation-1')).toEqual({
    'cks.io/cluster-id': 'cluster1',
    'snapyard.io/installation': 'installation-1',
    'snapyard.io/cluster': 'id-of-cluster1',
    'snapyard.io/pool': 'pool-1',
  });
  expect(namespaceLabels(ref, 'installation-1')['cks.io/cluster-pool']).toBe('true');
  const roles = ref.vms.map((spec) => vmLabels(ref, spec, 'installation-1')['cks.io/vm-role']);
  expect(roles).toEqual(['control-plane', 'worker']);
});

test('a set is found by its number and its id, and is no cluster of the pool', () => {
  const labels = setLabels(setRef(ref, 7, 'POOL'), 'WORKER', 'installation-1');
  expect(labels).toEqual({
    'snapyard.io/installation': 'installation-1',
    'snapyard.io/pool': 'pool-1',
    'snapyard.io/set': '7',
    'snapyard.io/set-id': 'set-7-of-pool',
    'cks.io/vm-role': 'worker',
  });
});

test('63 characters are the most', () => {
  expect(checkName('a'.repeat(63))).toHaveLength(63);
  expectRefused(() => checkName('a'.repeat(64)));
  expectRefused(() => checkNames(clusterRef('a'.repeat(61)), 'installation-1'));
  expectRefused(() => checkNames({ ...ref, id: 'i'.repeat(64) }, 'installation-1'));
  expectRefused(() => checkNames({ ...ref, namespace: 'n'.repeat(64) }, 'installation-1'));
  checkNames({ ...clusterRef('a'.repeat(60)), id: 'short' }, 'installation-1');
});

test.each(['', 'Large', 'under_score', '-first', 'last-', 'a.b', 'two words'])(
  'the name "%s" is refused',
  (name) => expectRefused(() => checkName(name)),
);

function expectRefused(work: () => unknown): void {
  let thrown: unknown;
  try {
    work();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ProviderError);
  expect(thrown).toMatchObject({ retryable: false });
}
