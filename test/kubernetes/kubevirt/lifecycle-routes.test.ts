import { expect, test } from 'vitest';
import { machineRoom, pathOf, told, vmManifest, type MachineRoom } from './machine-room.ts';

async function withVm(runStrategy: string, start = true): Promise<MachineRoom> {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy }));
  await room.world.settle();
  if (start && runStrategy === 'Manual') room.call('PUT', pathOf('start'));
  if (start) await room.until('Running');
  return room;
}

const conflict = (why: string) =>
  `409 Conflict: Operation cannot be fulfilled on virtualmachine.kubevirt.io "cp": ${why}`;

test('KubeVirt, subresources: a VM that is not there is 404', async () => {
  const room = await machineRoom();
  const answers = ['start', 'stop', 'restart'].map((verb) => told(room.call('PUT', pathOf(verb))));
  const expected = '404 NotFound: virtualmachine.kubevirt.io "cp" not found';
  expect(answers).toEqual([expected, expected, expected]);
});

test.each(['Halted', 'Manual', 'RerunOnFailure'])(
  'KubeVirt, start: 202 without a body on a %s VM that does not run, then 409',
  async (runStrategy) => {
    const room = await withVm(runStrategy, false);
    if (runStrategy === 'RerunOnFailure') {
      await room.until('Running');
      room.call('PUT', pathOf('stop'), { gracePeriod: 0 });
      await room.until('Stopped');
    }
    expect(room.call('PUT', pathOf('start'))).toEqual({ status: 202 });
    await room.until('Running');
    expect(told(room.call('PUT', pathOf('start')))).toBe(conflict('VM is already running'));
  },
);

test('KubeVirt, start: on Halted it writes Always, on Manual it leaves the spec', async () => {
  const halted = await withVm('Halted', false);
  halted.call('PUT', pathOf('start'));
  expect(halted.vm().spec.runStrategy).toBe('Always');
  const manual = await withVm('Manual', false);
  manual.call('PUT', pathOf('start'));
  expect(manual.vm().spec.runStrategy).toBe('Manual');
  expect(manual.vm().status?.stateChangeRequests).toEqual([{ action: 'Start' }]);
});

test.each(['Always', 'Once'])('KubeVirt, start: 409 on %s that has no instance', async (run) => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: run }));
  const why = `${run} does not support manual start requests`;
  expect(told(room.call('PUT', pathOf('start')))).toBe(conflict(why));
});

test('KubeVirt, start: 500 while a request is queued', async () => {
  const room = await withVm('Manual', false);
  room.call('PUT', pathOf('start'));
  const why = 'unable to complete request: stop/start already underway';
  const expected = `500 InternalError: Internal error occurred: ${why}`;
  expect(told(room.call('PUT', pathOf('start')))).toBe(expected);
  await room.until('Running');
  expect(room.vm().status?.stateChangeRequests).toBeUndefined();
});

test('KubeVirt, start: 500, not 422, where a webhook refuses the write behind it', async () => {
  const room = await withVm('Halted', false);
  const locked = (now: object) => ({ ...now, status: { snapshotInProgress: 'snap' } });
  room.sim.objects.update(room.vm(), (now) => ({ ...now, ...locked(now) }));
  expect(told(room.call('PUT', pathOf('start')))).toMatch(
    /^500 InternalError: .*denied the request: .*until snapshot "snap" completes/,
  );
});

test('KubeVirt, start: a RerunOnFailure VM can be started in the middle of a restore', async () => {
  const room = await withVm('RerunOnFailure');
  room.call('PUT', pathOf('stop'), { gracePeriod: 0 });
  await room.until('Stopped');
  room.sim.objects.update(room.vm(), (now) => ({
    ...now,
    status: { ...(now.status as object), restoreInProgress: 'restore' },
  }));
  expect(told(room.call('PUT', pathOf('start')))).toBe('202');
});

test.each(['Halted', 'Manual', 'RerunOnFailure'])(
  'KubeVirt, stop: 409 on a %s VM that does not run',
  async (runStrategy) => {
    const room = await withVm(runStrategy, runStrategy === 'RerunOnFailure');
    if (runStrategy === 'RerunOnFailure') {
      room.call('PUT', pathOf('stop'));
      await room.until('Stopped');
    }
    expect(told(room.call('PUT', pathOf('stop')))).toBe(conflict('VM is not running'));
  },
);

test('KubeVirt, stop: on Always it writes Halted, 202 even without an instance', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  expect(told(room.call('PUT', pathOf('stop')))).toBe('202');
  expect(room.vm().spec.runStrategy).toBe('Halted');
});

test('KubeVirt, stop: on Halted only a shorter grace is accepted while it still ends', async () => {
  const room = await withVm('Always');
  room.call('PUT', pathOf('stop'));
  await room.until('Stopping');
  const why = 'Halted only supports manual stop requests with a shorter graceperiod';
  expect(told(room.call('PUT', pathOf('stop')))).toBe(conflict(why));
  expect(told(room.call('PUT', pathOf('stop'), { gracePeriod: 30 }))).toBe(conflict(why));
  expect(told(room.call('PUT', pathOf('stop'), { gracePeriod: 5 }))).toBe('202');
});

test('KubeVirt, stop: the guest gets its grace, without grace its power is cut', async () => {
  const took: number[] = [];
  for (const gracePeriod of [0, 5, 30]) {
    const room = await withVm('Manual');
    const since = room.world.elapsed();
    room.call('PUT', pathOf('stop'), { gracePeriod });
    await room.until('Stopping');
    await room.until('Stopped');
    took.push(room.world.elapsed() - since);
  }
  // The kill takes 3 s, this guest 9 s.
  expect(took).toEqual([3_000, 8_000, 9_600]);
});

test('KubeVirt, restart: 409 on Halted and Once, and where nothing runs', async () => {
  const halted = await withVm('Halted', false);
  const why = 'RunStategy Halted does not support manual restart requests';
  expect(told(halted.call('PUT', pathOf('restart')))).toBe(conflict(why));
  const manual = await withVm('Manual', false);
  expect(told(manual.call('PUT', pathOf('restart')))).toBe(conflict('VM is not running: Halted'));
});

test('KubeVirt, restart: only a grace of 0 seconds may be asked for', async () => {
  const room = await withVm('Manual');
  const answer = room.call('PUT', pathOf('restart'), { gracePeriodSeconds: 3 });
  expect(told(answer)).toMatch(/^400 BadRequest: For force restart, only gracePeriod=0/);
});

test('KubeVirt, restart: a RerunOnFailure VM has a new instance afterwards', async () => {
  const room = await withVm('RerunOnFailure');
  const first = room.vmi()?.metadata.uid;
  expect(told(room.call('PUT', pathOf('restart')))).toBe('202');
  await room.until('Stopping');
  await room.until('Running');
  expect(room.vmi()?.metadata.uid).not.toBe(first);
  expect(room.vm().status?.stateChangeRequests).toBeUndefined();
});

test('KubeVirt, start and stop: a dry run is accepted and changes nothing', async () => {
  const room = await withVm('Halted', false);
  const dry = { dryRun: ['All'] };
  expect(told(room.call('PUT', pathOf('start'), dry))).toBe('202');
  await room.world.advance(60_000);
  expect(room.vm().status?.printableStatus).toBe('Stopped');
  room.call('PUT', pathOf('start'));
  await room.until('Running');
  expect(told(room.call('PUT', pathOf('stop'), dry))).toBe('202');
  await room.world.advance(60_000);
  expect(room.vm().status?.printableStatus).toBe('Running');
});

test('KubeVirt, pause: 200, then 409; the VM prints Paused; unpause takes it back', async () => {
  const room = await withVm('Always');
  const of = 'virtualmachineinstances';
  expect(room.call('PUT', pathOf('pause', of))).toEqual({ status: 200 });
  expect(told(room.call('PUT', pathOf('pause', of)))).toMatch(/^409 .*VMI is already paused$/);
  await room.until('Paused');
  expect(told(room.call('PUT', pathOf('unpause', of)))).toBe('200');
  expect(told(room.call('PUT', pathOf('unpause', of)))).toMatch(/^409 .*VMI is not paused$/);
  await room.until('Running');
});

test('KubeVirt, pause: 404 without an instance, 409 before it runs, 403 with a probe', async () => {
  const room = await withVm('Halted', false);
  const pause = () => told(room.call('PUT', pathOf('pause', 'virtualmachineinstances')));
  expect(pause()).toBe('404 NotFound: virtualmachineinstance.kubevirt.io "cp" not found');
  room.call('PUT', pathOf('start'));
  await room.until('Starting');
  expect(pause()).toMatch(/^409 .*VM is not running$/);
  const probed = await machineRoom();
  const livenessProbe = { tcpSocket: { port: 22 } };
  probed.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }, { livenessProbe }));
  await probed.until('Running');
  const answer = probed.call('PUT', pathOf('pause', 'virtualmachineinstances'));
  expect(told(answer)).toMatch(/^403 Forbidden/);
});

test('KubeVirt, unpause: 409 while a snapshot is taken', async () => {
  const room = await withVm('Always');
  room.call('PUT', pathOf('pause', 'virtualmachineinstances'));
  room.sim.objects.update(room.vm(), (now) => ({
    ...now,
    status: { ...(now.status as object), snapshotInProgress: 'snap' },
  }));
  const answer = room.call('PUT', pathOf('unpause', 'virtualmachineinstances'));
  expect(told(answer)).toMatch(/^409 Conflict: .*virtualmachine\.kubevirt\.io "cp"/);
});

test('KubeVirt, version: the subresources tell the release', async () => {
  const room = await machineRoom({ minor: 6 });
  expect(room.call('GET', 'version')).toMatchObject({ body: { gitVersion: 'v1.6.0' } });
  const kubevirt = room.sim.objects.get('KubeVirt', 'kubevirt', 'kubevirt');
  expect(kubevirt?.status).toMatchObject({ observedKubeVirtVersion: 'v1.6.0' });
  expect(kubevirt?.spec).toMatchObject({
    configuration: { developerConfiguration: { featureGates: ['Snapshot'] } },
  });
});
