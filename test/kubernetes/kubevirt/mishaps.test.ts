import { expect, test } from 'vitest';
import { conditionOf } from './conditions.ts';
import { machineRoom, pathOf, told, vmManifest, type MachineRoom } from './machine-room.ts';

async function struck(mishap: string, runStrategy: string, times = 1): Promise<MachineRoom> {
  const room = await machineRoom();
  room.mishaps.add({ name: mishap, object: 'cp', times });
  room.write('VirtualMachine', vmManifest({ runStrategy }));
  await room.world.settle();
  return room;
}

test('KubeVirt, mishaps start-refused: a start is refused once, with 409 or 500', async () => {
  const answers: string[] = [];
  for (const code of ['409', '500']) {
    const room = await struck(`start-refused-${code}`, 'Halted');
    answers.push(told(room.call('PUT', pathOf('start'))).slice(0, 3));
    answers.push(told(room.call('PUT', pathOf('start'))).slice(0, 3));
  }
  expect(answers).toEqual(['409', '202', '500', '202']);
});

test('KubeVirt, mishap vm-never-starts: it stays Scheduled, the next start works', async () => {
  const room = await struck('vm-never-starts', 'Manual');
  room.call('PUT', pathOf('start'));
  await room.world.advance(600_000);
  expect(room.vmi()?.status?.phase).toBe('Scheduled');
  expect(room.vm().status?.printableStatus).toBe('Starting');
  room.call('PUT', pathOf('restart'));
  await room.until('Running');
});

test('KubeVirt, start back-off: the n-th failure holds a start back for 10 n² s', async () => {
  const room = await struck('crash-loop', 'RerunOnFailure', 3);
  const starts: number[] = [];
  let last: string | undefined;
  let isBack = false;
  await room.world.runUntil(
    () => {
      const uid = room.vmi()?.metadata.uid;
      if (uid !== undefined && uid !== last) {
        last = uid;
        starts.push(room.world.elapsed());
      }
      isBack ||= room.vm().status?.printableStatus === 'CrashLoopBackOff';
      return room.vmi()?.status?.phase === 'Running';
    },
    { withinMs: 600_000 },
  );
  const waits = starts.slice(1).map((at, index) => at - (starts[index] ?? 0) - 15_500);
  // 10 s, 40 s and 90 s, here with a quarter more, from the failure on; in whole seconds.
  expect(waits.map((ms) => Math.round(ms / 1_000))).toEqual([12, 50, 112]);
  expect(isBack).toBe(true);
  expect(room.vm().status?.startFailure).toBeUndefined();
});

test('KubeVirt, start back-off: it is never longer than 300 s', async () => {
  const room = await struck('crash-loop', 'Always', 7);
  await room.until('Running', 3_600_000);
  expect(room.world.elapsed()).toBeLessThan((12 + 50 + 112 + 200 + 4 * 300) * 1_000);
});

test('KubeVirt, mishap unschedulable: the pod finds no node', async () => {
  const room = await struck('unschedulable', 'Manual');
  room.call('PUT', pathOf('start'));
  await room.until('ErrorUnschedulable');
  expect(conditionOf(room.vm(), 'PodScheduled')).toMatchObject({
    status: 'False',
    reason: 'Unschedulable',
  });
  room.call('PUT', pathOf('restart'));
  await room.until('Running');
});

test('KubeVirt, mishap image-pull: the error, then the back-off is printed', async () => {
  const room = await struck('image-pull', 'Always');
  await room.until('ErrImagePull');
  await room.until('ImagePullBackOff');
});

test('KubeVirt, mishap vmi-lost: it is gone, and stays away with RerunOnFailure', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'RerunOnFailure' }));
  await room.until('Running');
  room.mishaps.add({ name: 'vmi-lost', object: 'cp' });
  await room.until('Stopped');
  await room.world.advance(60_000);
  expect(room.vmi()).toBeUndefined();
  expect(room.guests.on.size).toBe(0);
  expect(told(room.call('PUT', pathOf('start')))).toBe('202');
  await room.until('Running');
});

test('KubeVirt, mishap stop-hangs: the machine outlives its grace by ten minutes', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Manual' }));
  await room.world.settle();
  room.call('PUT', pathOf('start'));
  await room.until('Running');
  room.mishaps.add({ name: 'stop-hangs', object: 'cp' });
  room.call('PUT', pathOf('stop'), { gracePeriod: 0 });
  await room.world.advance(599_000);
  expect(room.vm().status?.printableStatus).toBe('Stopping');
  await room.until('Stopped');
});
