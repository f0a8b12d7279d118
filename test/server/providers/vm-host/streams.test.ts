import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Provider, StreamKind } from '../../../../server/providers/provider.ts';
import { type Folders, makeFolders } from '../../../../server/providers/vm-host/folders.ts';
import { createVmHost } from '../../../../server/providers/vm-host/provider.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../../../../server/providers/vm-host/settings.ts';
import { connectWhen } from '../../../../server/providers/vm-host/socket.ts';
import type { VmRecord } from '../../../../server/providers/vm-host/vm-record.ts';
import { realWorld } from '../../../../server/world.ts';
import { type FakeVm, fakeHypervisor, fakeVm, noteVm } from '../../../kit/fake-hypervisor.ts';
import { microRef, stateFolder } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';
import { typistAt } from '../../../kit/typist.ts';

const ref = microRef('used');

let vm: FakeVm;
let folders: Folders;
let provider: Provider;
/** The VM's ends of all connections, in their order. */
let guests: Socket[];
let server: Server;
beforeEach(async () => {
  vm = fakeVm();
  guests = [];
  folders = makeFolders(stateFolder(), undefined);
  const path = join(folders.state, 'guest.sock');
  server = createServer((guest) => guests.push(guest)).listen(path);
  const limit = { what: 'the guest is reached', ms: 5_000 };
  vm.instead = { stream: () => connectWhen(realWorld(), path, () => true, limit) };
  provider = await createVmHost({
    world: realWorld(),
    hypervisor: fakeHypervisor(vm),
    folders,
    unlock: () => {},
    imagesDir: folders.state,
    log: () => {},
    settings: DEFAULT_VM_HOST_SETTINGS,
  });
});
afterEach(async () => {
  await provider.close();
  for (const guest of guests) guest.destroy();
  server.close();
  rmSync(folders.state, { recursive: true });
});

const open = (kind: StreamKind = 'SERIAL', signal = stepOf(1).signal) =>
  provider.open({ cluster: ref, role: 'STANDALONE' }, kind, signal);
/** The VM's end of a connection, which it hears of a moment after ours. */
const guest = (at = 0) =>
  expect
    .poll(() => guests[at])
    .toBeDefined()
    .then(() => guests[at] ?? expect.unreachable());
const note = (given: Partial<VmRecord> = {}) => noteVm(folders, ref, given);

test('carries bytes both ways, and ends when the VM hangs up', async () => {
  note();
  const typist = typistAt(await open());
  typist.type('to the guest');
  const there = await guest();
  const heard = await new Promise((resolve) => there.once('data', resolve));
  expect(String(heard)).toBe('to the guest');
  there.write('to the owner');
  await typist.until(/to the owner/);
  there.destroy();
  await typist.end;
});

test('who opens a serial line takes it, and the one before is told', async () => {
  note();
  const first = typistAt(await open());
  const second = typistAt(await open());
  await first.until(/opened elsewhere/);
  await first.end;
  (await guest(1)).write('still here');
  await second.until(/still here/);
});

test('of several who open at once the last has the line', async () => {
  note();
  const lines = await Promise.all([open(), open(), open()]);
  const [one, two, three] = lines.map(typistAt);
  await Promise.all([one?.end, two?.end]);
  (await guest(2)).write('the last');
  await three?.until(/the last/);
});

test('a screen is seen by several', async () => {
  note();
  const [first, second] = [typistAt(await open('VNC')), typistAt(await open('VNC'))];
  for (const at of [0, 1]) (await guest(at)).write('picture');
  await Promise.all([first.until(/picture/), second.until(/picture/)]);
});

test('typing after the end harms nobody', async () => {
  note();
  const line = await open();
  (await guest()).destroy();
  line.write('too late');
  for (const name of ['end', 'finish']) {
    line.once(name, () => line.write('too late'));
    line.once(name, () => queueMicrotask(() => line.write('too late')));
    line.once(name, () => process.nextTick(() => line.write('too late')));
  }
  line.resume();
  await new Promise((resolve) => line.once('close', resolve));
  line.write('much too late');
});

test('ends with its signal and with the provider', async () => {
  note();
  const given = new AbortController();
  const [screen, line] = [await open('VNC', given.signal), await open()];
  given.abort();
  await once(screen, 'close');
  expect(line.destroyed).toBe(false);
  await provider.close();
  expect(line.destroyed).toBe(true);
});

test('given up while it is opened, it leaves no connection', async () => {
  note();
  const given = new AbortController();
  const { stream } = vm.instead;
  vm.instead.stream = (...told) => {
    given.abort();
    return stream?.(...told) ?? expect.unreachable();
  };
  await expect(open('SERIAL', given.signal)).rejects.toThrow('given up');
  const there = (await guest()).resume();
  if (!there.closed) await once(there, 'close');
});

test('nobody gets at a VM that was handed to nobody', async () => {
  await expect(open()).rejects.toThrow('There is no VM vm-used');
  note({ state: 'PAUSED' });
  const reason = 'vm-used waits for a session: it is opened to whoever has it';
  await expect(open()).rejects.toMatchObject({ retryable: false, reason });
  await expect(open('VNC')).rejects.toMatchObject({ retryable: false, reason });
  expect(guests).toEqual([]);
});

test('a VM that has ended, and a kind of stream there is not, are refused in words', async () => {
  note({ process: { pid: 1, startedAt: 'never' } });
  await expect(open()).rejects.toThrow('vm-used does not run');
  await expect(open('SSH')).rejects.toThrow('VMs of QEMU have no SSH to be opened');
});
