import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { machineRoom, pathOf, told, vmManifest, type Answer } from './machine-room.ts';

const OF = 'virtualmachineinstances';

async function running() {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Running');
  return room;
}

function streamOf(answer: Answer): Duplex {
  if ('stream' in answer) return answer.stream;
  throw new Error(told(answer));
}

test('KubeVirt, guest information: every refusal is a 500 in plain text', async () => {
  const room = await machineRoom();
  const ask = () => room.call('GET', pathOf('guestosinfo', OF));
  expect(ask()).toEqual({
    status: 500,
    text: 'virtualmachineinstance.kubevirt.io "cp" not found',
  });
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Starting');
  expect(told(ask())).toMatch(/^500 .*VMI is not running$/);
  await room.until('Running');
  expect(told(ask())).toMatch(/^500 .*VMI does not have guest agent connected$/);
  room.guests.hasAgent = true;
  room.guests.say('CHANGED');
  expect(told(ask())).toBe('200');
  expect(told(room.call('GET', pathOf('userlist', OF)))).toBe('200');
  expect(told(room.call('GET', pathOf('filesystemlist', OF)))).toBe('200');
});

test('KubeVirt, portforward: a stream to a port where something listens', async () => {
  const room = await running();
  room.guests.ports.add(22);
  for (const path of ['portforward/22', 'portforward/22/tcp']) {
    expect(told(room.call('GET', pathOf(path, OF)))).toBe('stream');
    expect(told(room.call('GET', pathOf(path)))).toBe('stream');
  }
});

test('KubeVirt, portforward: 500 with the dial error, 404, and 409 when paused', async () => {
  const room = await machineRoom();
  const forward = () => told(room.call('GET', pathOf('portforward/22', OF)));
  expect(forward()).toMatch(/^404 NotFound/);
  expect(told(room.call('GET', pathOf('portforward/22')))).toBe(
    '404 NotFound: virtualmachine.kubevirt.io "cp" not found',
  );
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Starting');
  expect(forward()).toMatch(/^500 .*no network interfaces are present$/);
  await room.until('Running');
  expect(forward()).toMatch(/^500 .*dialing VM: dial tcp 10\..*:22: connect: connection refused$/);
  room.call('PUT', pathOf('pause', OF));
  expect(forward()).toMatch(/^409 .*VMI is paused$/);
});

test('KubeVirt, console: 400 until it runs; a new client evicts the old', async () => {
  const room = await machineRoom();
  room.write('VirtualMachine', vmManifest({ runStrategy: 'Always' }));
  await room.until('Starting');
  const open = () => room.call('GET', pathOf('console', OF));
  expect(told(open())).toMatch(/^400 BadRequest: Unable to connect .*instead of Running$/);
  await room.until('Running');
  const first = streamOf(open());
  const second = streamOf(open());
  expect([first.destroyed, second.destroyed]).toEqual([true, false]);
});

test('KubeVirt, console: it ends with the machine', async () => {
  const room = await running();
  const stream = streamOf(room.call('GET', pathOf('console', OF)));
  room.call('PUT', pathOf('stop'), { gracePeriod: 0 });
  await room.until('Stopped');
  expect(stream.destroyed).toBe(true);
});

test('KubeVirt, vnc: RFB greets; who keeps the session is not evicted', async () => {
  const room = await running();
  const first = streamOf(room.call('GET', pathOf('vnc', OF)));
  expect(String(first.read())).toBe('RFB 003.008\n');
  first.write('RFB 003.008\n');
  expect(String(first.read())).toBe('RFB 003.008\n');
  expect(told(room.call('GET', pathOf('vnc?preserveSession=true', OF)))).toMatch(/^500/);
  expect(first.destroyed).toBe(false);
  streamOf(room.call('GET', pathOf('vnc', OF)));
  expect(first.destroyed).toBe(true);
});
