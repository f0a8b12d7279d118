import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Accelerators } from '../../../../server/providers/qemu/accelerator.ts';
import { QemuHypervisor } from '../../../../server/providers/qemu/hypervisor.ts';
import { Qmp } from '../../../../server/providers/qemu/qmp.ts';
import { DEFAULT_QEMU_SETTINGS } from '../../../../server/providers/qemu/settings.ts';
import { captureAll, loadDevices } from '../../../../server/providers/qemu/transfer.ts';
import { makeFolders, vmFiles } from '../../../../server/providers/vm-host/folders.ts';
import type { VmSite } from '../../../../server/providers/vm-host/hypervisor.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../../../../server/providers/vm-host/settings.ts';
import { connectWhen, onLine } from '../../../../server/providers/vm-host/socket.ts';
import { newRecord } from '../../../../server/providers/vm-host/vm-record.ts';
import { type World, realWorld } from '../../../../server/world.ts';
import { stateFolder } from '../../../kit/qemu.ts';

/** What QEMU does with an order: refuses it, hangs up, or carries it out and says what follows. */
type Answer = 'refuses' | 'hangs up' | readonly unknown[];

const world = realWorld();
const limit = { what: 'QEMU', ms: 5_000 };
const never = new AbortController().signal;

let folder: string;
let vm: VmSite;
let server: Server;
let others: Socket[];
let heard: string[];
let answers: Record<string, Answer>;

beforeEach(async () => {
  folder = stateFolder();
  heard = [];
  others = [];
  answers = { 'query-uuid': [] };
  const owner = { kind: 'CLUSTER', id: 'c', name: 'c', poolId: 'p' } as const;
  const whose = { installation: 'i', fence: 1, owner, role: 'STANDALONE' } as const;
  const is = { name: 'vm', uuid: 'u', setId: null, origin: 'WARM', machineId: '' } as const;
  const files = vmFiles(makeFolders(folder, undefined), 'vm');
  mkdirSync(files.folder, { recursive: true });
  vm = { record: newRecord({ ...whose, ...is }), files, isUp: () => true };
  server = createServer((socket) => {
    others.push(socket);
    onLine(socket, 1_000_000, (line) => carryOut(socket, JSON.parse(line) as Order));
    say(socket, { QMP: {} });
  });
  server.listen(files.control);
  await once(server, 'listening');
});
afterEach(() => {
  for (const other of others) other.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

interface Order {
  readonly id: number;
  readonly execute: string;
}

const say = (to: Socket, line: unknown) => to.write(`${JSON.stringify(line)}\n`);

function carryOut(to: Socket, { id, execute }: Order): void {
  heard.push(execute);
  const answer = answers[execute] ?? [];
  if (answer === 'hangs up') return void to.destroy();
  if (answer === 'refuses') return void say(to, { id, error: { desc: 'not now' } });
  say(to, { id, return: { UUID: vm.record.uuid } });
  for (const event of answer) say(to, event);
}

/** A conversation with QEMU, and what a transfer is made with. */
async function transfer(ms = 5_000) {
  const socket = await connectWhen(world, vm.files.control, () => true, limit);
  return { world, vm, qmp: await Qmp.open(world, socket, 5_000, limit), ms };
}

/** Gives whoever was left waiting the time to say so: a promise nobody heeds fails the run. */
async function afterwards(): Promise<void> {
  for (const other of others) other.destroy();
  await once(server.close(), 'close');
  await new Promise((resolve) => setImmediate(resolve));
}

describe('what ends a transfer is told once, to whoever asked for it', () => {
  test('an order that is refused, and a conversation that closes later', async () => {
    answers['migrate-set-capabilities'] = 'refuses';
    const taken = captureAll(await transfer(), { file: join(folder, 'stream') }, never);
    await expect(taken).rejects.toThrow('not now');
    const loaded = loadDevices(await transfer(), Buffer.alloc(1), never);
    await expect(loaded).rejects.toThrow('not now');
    expect(heard).toContain('migrate_cancel');
    await afterwards();
  });

  test('a guest that powers off while it is captured', async () => {
    answers['migrate'] = 'hangs up';
    const taken = captureAll(await transfer(), { file: join(folder, 'stream') }, never);
    await expect(taken).rejects.toThrow('closed');
    await afterwards();
  });

  test('a folder that is gone, so that no state can come', async () => {
    const lost = await transfer();
    rmSync(vm.files.folder, { recursive: true });
    const taken = captureAll(lost, { file: join(folder, 'stream') }, never);
    await expect(taken).rejects.toMatchObject({ name: 'ProviderError', retryable: true });
    await afterwards();
  });

  test('a later transfer hears nothing of an earlier one, and has its own end', async () => {
    answers['migrate-set-capabilities'] = 'refuses';
    const file = join(folder, 'stream');
    await expect(captureAll(await transfer(), { file }, never)).rejects.toThrow('not now');
    answers = { migrate: [{ event: 'MIGRATION', data: { status: 'completed' } }] };
    const again = await transfer();
    const taken = captureAll(again, { file }, never);
    const socket = await connectWhen(world, vm.files.transfer, () => true, limit);
    socket.end('all of it');
    expect(await taken).toMatchObject({ bytes: 9 });
  });
});

describe('how long a capture may take', () => {
  test('depends on the memory there is to take', async () => {
    const limits: number[] = [];
    const after: World['after'] = (ms, callback) => {
      limits.push(ms);
      return world.after(ms, callback);
    };
    const settings = { ...DEFAULT_VM_HOST_SETTINGS, restoreMs: 7_000 };
    const qemu = { ...DEFAULT_QEMU_SETTINGS, accel: 'tcg' } as const;
    const accelerators = await Accelerators.choose(qemu, folder, () => {});
    const found = { major: 8, minor: 2, text: '8.2' };
    const here = { world: { ...world, after }, settings, qemu, found, accelerators };
    const control = await new QemuHypervisor(here).control(vm, limit);
    answers['migrate'] = [{ event: 'MIGRATION', data: { status: 'failed' } }];
    const taking = { file: join(folder, 'stream'), memoryMiB: 8 * 1024 };
    await expect(control.captureAll?.(taking, never)).rejects.toThrow('could not move');
    expect(Math.max(...limits)).toBe(7_000 + 128_000);
  });

  test('is not tried again: the guest stood still for it', async () => {
    const taken = captureAll(await transfer(20), { file: join(folder, 'stream') }, never);
    await expect(taken).rejects.toMatchObject({ retryable: false });
    expect(heard).toContain('migrate_cancel');
    const given = AbortSignal.abort(new Error('no longer wanted'));
    const stopped = captureAll(await transfer(), { file: join(folder, 'stream') }, given);
    await expect(stopped).rejects.toMatchObject({ retryable: true });
  });
});
