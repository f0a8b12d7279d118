import { describe, expect, test } from 'vitest';
import type { VirtualMachineSnapshot } from '../../../../server/providers/kubevirt/objects.ts';
import { VM_SNAPSHOTS } from '../../../../server/providers/kubevirt/objects.ts';
import { bytesOf } from '../../../../server/providers/kubevirt/quantity.ts';
import { byRole, flawOf, motionOf } from '../../../../server/providers/kubevirt/snapshots.ts';

const GOOD = {
  phase: 'Succeeded',
  readyToUse: true,
  snapshotVolumes: { includedVolumes: ['rootdisk'], excludedVolumes: ['cloudinit'] },
};

function snapshot(status?: object, metadata: object = {}): VirtualMachineSnapshot {
  return VM_SNAPSHOTS.schema.parse({
    metadata: { name: 'cp-snap', ...metadata },
    spec: { source: { name: 'cp-a-1' } },
    ...(status === undefined ? {} : { status }),
  });
}

describe('a snapshot', () => {
  test('that succeeded, is ready and holds every disk has no flaw', () => {
    expect(flawOf(snapshot(GOOD), ['rootdisk'])).toBeUndefined();
  });

  test.each([
    ['has no status yet', undefined, true],
    ['is under way', { phase: 'InProgress' }, true],
    ['succeeded and is not ready', { ...GOOD, readyToUse: false }, true],
    ['failed', { phase: 'Failed', error: { message: 'freeze' } }, false],
    ['holds no disk at all', { ...GOOD, snapshotVolumes: null }, false],
    ['lacks a disk', { ...GOOD, snapshotVolumes: { includedVolumes: ['data'] } }, false],
    [
      'left a disk out',
      { ...GOOD, snapshotVolumes: { includedVolumes: ['rootdisk'], excludedVolumes: ['data'] } },
      false,
    ],
  ])('that %s is not used', (_what, status, passes) => {
    expect(flawOf(snapshot(status), ['rootdisk'])).toMatchObject({ passes });
  });

  test('that is being deleted stands for no role', () => {
    const labels = { 'cks.io/vm-role': 'control-plane' };
    const roles = [
      { role: 'CONTROL_PLANE' as const, image: null, cpuCores: 1, memoryMiB: 1, diskGiB: null },
    ];
    const leaving = snapshot(GOOD, { labels, deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(byRole({ roles }, [leaving]).size).toBe(0);
    expect(flawOf(leaving)).toMatchObject({ passes: false });
    expect(byRole({ roles }, [snapshot(GOOD, { labels })]).size).toBe(1);
  });
});

describe('guests that are captured', () => {
  const taken = (...indications: string[]) =>
    snapshot({ ...GOOD, sourceIndications: indications.map((indication) => ({ indication })) });

  test.each([
    ['OFFLINE', []],
    ['OFFLINE', ['Online', 'GuestAgent']],
    ['ONLINE', ['Online', 'GuestAgent']],
  ] as const)('%s stood still with %j', (mode, indications) => {
    expect(motionOf(taken(...indications), mode)).toBeUndefined();
  });

  test.each([
    ['ONLINE', ['Online', 'NoGuestAgent'], true],
    ['ONLINE', ['Online'], true],
    ['OFFLINE', ['Online', 'NoGuestAgent'], true],
    ['ONLINE', ['Online', 'GuestAgent', 'QuiesceTimeout'], false],
    ['ONLINE', ['Online', 'GuestAgent', 'WhateverComes'], false],
  ] as const)('%s did not stand still with %j', (mode, indications, stays) => {
    expect(motionOf(taken(...indications), mode)).toMatchObject({ passes: false, stays });
  });

  test('tell it in the way of older releases, too', () => {
    expect(motionOf(snapshot({ ...GOOD, indications: ['Online'] }), 'ONLINE')).toBeDefined();
  });
});

test('quantities are bytes', () => {
  expect(bytesOf('10Gi')).toBe(10 * 2 ** 30);
  expect(bytesOf('1500M')).toBe(1_500_000_000);
  expect(bytesOf(4096)).toBe(4096);
  expect(bytesOf('1.5Ki')).toBe(1536);
  expect([bytesOf(undefined), bytesOf('much'), bytesOf('1Xi')]).toEqual([null, null, null]);
});
