import { expect, test } from 'vitest';
import { clusterRef, setRef } from '../../../kit/simulator.ts';
import { openOutside } from './outside.ts';

// Two installations may have pools of one name on one cluster: only namespaces of clusters are
// theirs alone, what sets are made of lies beside that of others.

test('what another installation has under our names is neither used nor deleted', async () => {
  const outside = await openOutside();
  const { objects } = outside.kubernetes;
  try {
    const set = setRef(clusterRef('mine'), 1, 'POOL');
    const vm = `${set.poolName}-1-cp-base`;
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
