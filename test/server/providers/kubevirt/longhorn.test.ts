import { expect, test } from 'vitest';
import { openOutside } from './outside.ts';

// Longhorn keeps snapshots inside of the disk they were taken of, and loses them with it.

const DRIVER = { 'volume.kubernetes.io/storage-provisioner': 'driver.longhorn.io' };

test(
  'a disk stays as long as its storage keeps its snapshot in it',
  { timeout: 30_000 },
  async () => {
    const outside = await openOutside();
    const { objects, mishaps } = outside.kubernetes;
    try {
      const { ref, set } = await outside.golden('a');
      const { namespace } = ref;
      for (const claim of objects.list('PersistentVolumeClaim', { namespace })) {
        const annotations = { ...claim.metadata.annotations, ...DRIVER };
        objects.update(claim, (now) => ({ ...now, metadata: { ...now.metadata, annotations } }));
      }
      const first = ['cp-a-rootdisk', 'wk-a-rootdisk'];
      for (const fence of [2, 3]) {
        await outside.dirty(ref);
        expect((await outside.reset(ref, set, outside.step(fence))).rung).toBe('restore beside');
        expect(await outside.isClean(ref)).toBe(true);
        const claims = outside.names('PersistentVolumeClaim', namespace);
        expect(claims).toEqual(expect.arrayContaining(first));
        expect(claims).toHaveLength(4);
        expect(outside.names('DataVolume', namespace)).toEqual(first);
      }
      for (const each of [1, 2]) mishaps.add({ name: 'restore-hangs', object: `cp-a-*-t${each}` });
      const by = outside.step(4);
      expect((await outside.reset(ref, set, by)).rung).toBe('recreate from snapshot');
      const told = by.told.filter((line) => line.includes('would be lost with that disk'));
      expect(told).toEqual([expect.stringMatching(/^recreate from snapshot, because restore in/)]);
      expect(by.told.filter((line) => line.startsWith('restore in place'))).toEqual([]);
      expect(outside.names('DataVolume', namespace)).toEqual(first);
    } finally {
      await outside.close();
    }
  },
);
