import { expect, test } from 'vitest';
import { baseRef } from '../../../../server/providers/kubevirt/base-vms.ts';
import { rootDiskName } from '../../../../server/providers/kubevirt/names.ts';
import { snapshotObject } from '../../../../server/providers/kubevirt/snapshots.ts';
import { clusterRef, setRef } from '../../../kit/simulator.ts';
import { openOutside } from './outside.ts';

// Two installations may have pools of one name on one cluster: only namespaces of clusters are
// theirs alone, what sets are made of lies beside that of others.

test('sets of pools of one name, of two installations, do not meet, however long the name', () => {
  const ref = { ...clusterRef('mine'), poolName: 'p'.repeat(30) };
  const set = { ...setRef(ref, 99_999, 'POOL') };
  const names = ['installation-1', 'installation-2'].flatMap((installation) => [
    ...baseRef(set, installation).vms.flatMap(({ name }) => [name, rootDiskName(name)]),
    ...set.roles.map(({ role }) => snapshotObject(set, role, installation).name),
  ]);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => name.length > 63)).toEqual([]);
  const own = setRef(ref, 1, 'CLUSTER');
  const [role] = own.roles;
  expect(role && snapshotObject(own, role.role, 'installation-1').name).toBe('cp-snap');
});

test('what another installation has under our names is neither used nor deleted', async () => {
  const outside = await openOutside();
  const { objects } = outside.kubernetes;
  try {
    const set = setRef(clusterRef('mine'), 1, 'POOL');
    const vm = baseRef(set, 'installation-1').vms[0]?.name ?? '';
    const theirs = { 'snapyard.io/installation': 'installation-2' };
    const metadata = { namespace: 'vm-templates', labels: theirs };
    if (objects.get('Namespace', undefined, 'vm-templates') === undefined) {
      objects.create('Namespace', { metadata: { name: 'vm-templates' } });
    }
    objects.create('Secret', { metadata: { ...metadata, name: `${vm}-cloudinit` } });
    objects.create('DataVolume', { metadata: { ...metadata, name: `${vm}-rootdisk` }, spec: {} });
    const uids = () =>
      ['Secret', 'DataVolume'].flatMap((kind) =>
        objects
          .list(kind, { namespace: 'vm-templates' })
          .filter(({ metadata: { name } }) => name.startsWith(vm))
          .map((each) => each.metadata.uid),
      );
    const before = uids();
    expect(before).toHaveLength(2);
    for (const note of ['being made', 'made']) {
      const notes = new Map([[`kubevirt.${vm}`, note]]);
      const by = outside.step(1, { notes });
      const work = outside.provider.ensureSet({ kind: 'IMAGE' }, set, 'OFFLINE', by);
      const error: unknown = await outside.done(work).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ retryable: false });
      expect(String(error)).toContain('does not belong to this installation');
      expect(uids()).toEqual(before);
    }
  } finally {
    await outside.close();
  }
});
