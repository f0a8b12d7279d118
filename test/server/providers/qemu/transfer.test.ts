import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Qmp } from '../../../../server/providers/qemu/qmp.ts';
import { captureAll, loadDevices } from '../../../../server/providers/qemu/transfer.ts';
import { makeFolders, vmFiles } from '../../../../server/providers/vm-host/folders.ts';
import { connectWhen, onLine } from '../../../../server/providers/vm-host/socket.ts';
import { newRecord } from '../../../../server/providers/vm-host/vm-record.ts';
import { realWorld } from '../../../../server/world.ts';
import { stateFolder } from '../../../kit/qemu.ts';

/** What QEMU does with an order: refuses it, hangs up, or carries it out and says what follows. */
type Answer = 'refuses' | 'hangs up' | readonly unknown[];

const world = realWorld();
const never = new AbortController().signal;

let folder: string;
let server: Server;
let qmp: Qmp;
let other: Socket;
let heard: string[];
let answers: Record<string, Answer>;

beforeEach(async () => {
  folder = stateFolder();
  heard = [];
  answers = {};
  server = createServer();
  server.listen(join(folder, 'qmp'));
  await once(server, 'listening');
  const connected = once(server, 'connection');
  const limit = { what: 'QEMU', ms: 5_000 };
  const socket = await connectWhen(world, join(folder, 'qmp'), () => true, limit);
  [other] = (await connected) as [Socket];
  onLine(other, 1_000_000, (line) => carryOut(JSON.parse(line) as Order));
  const opening = Qmp.open(world, socket, 5_000, limit);
  say({ QMP: {} });
  qmp = await opening;
});
afterEach(() => {
  other.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

interface Order {
  readonly id: number;
  readonly execute: string;
}

const say = (line: unknown) => other.write(`${JSON.stringify(line)}\n`);

function carryOut({ id, execute }: Order): void {
  heard.push(execute);
  const answer = answers[execute] ?? [];
  if (answer === 'hangs up') return void other.destroy();
  if (answer === 'refuses') return void say({ id, error: { desc: 'not now' } });
  say({ id, return: {} });
  for (const event of answer) say(event);
}

function transfer() {
  const folders = makeFolders(folder, undefined);
  const owner = { kind: 'CLUSTER', id: 'c', name: 'c', poolId: 'p' } as const;
  const whose = { installation: 'i', fence: 1, owner, role: 'STANDALONE' } as const;
  const is = { name: 'vm', uuid: 'u', setId: null, origin: 'WARM', machineId: '' } as const;
  const files = vmFiles(folders, 'vm');
  mkdirSync(files.folder, { recursive: true });
  const vm = { record: newRecord({ ...whose, ...is }), files, isUp: () => !other.destroyed };
  return { world, vm, qmp, ms: 5_000 };
}

/** Gives whoever was left waiting the time to say so: a promise nobody heeds fails the run. */
async function afterwards(): Promise<void> {
  other.destroy();
  await once(server.close(), 'close');
  await new Promise((resolve) => setImmediate(resolve));
}

describe('what ends a transfer is told once, to whoever asked for it', () => {
  test('an order that is refused, and a conversation that closes later', async () => {
    answers['migrate-set-capabilities'] = 'refuses';
    const taken = captureAll(transfer(), join(folder, 'stream'), never);
    await expect(taken).rejects.toThrow('not now');
    const loaded = loadDevices(transfer(), Buffer.alloc(1), never);
    await expect(loaded).rejects.toThrow('not now');
    expect(heard).toContain('migrate_cancel');
    await afterwards();
  });

  test('a guest that powers off while it is captured', async () => {
    answers['migrate'] = 'hangs up';
    const taken = captureAll(transfer(), join(folder, 'stream'), never);
    await expect(taken).rejects.toThrow('closed');
    await afterwards();
  });

  test('a folder that is gone, so that no state can come', async () => {
    const lost = transfer();
    rmSync(lost.vm.files.folder, { recursive: true });
    const taken = captureAll(lost, join(folder, 'stream'), never);
    await expect(taken).rejects.toMatchObject({ name: 'ProviderError', retryable: true });
    await afterwards();
  });

  test('a later transfer hears nothing of an earlier one, and has its own end', async () => {
    answers['migrate-set-capabilities'] = 'refuses';
    const file = join(folder, 'stream');
    await expect(captureAll(transfer(), file, never)).rejects.toThrow('not now');
    answers = { migrate: [{ event: 'MIGRATION', data: { status: 'completed' } }] };
    const again = transfer();
    const taken = captureAll(again, file, never);
    const socket = await connectWhen(world, again.vm.files.transfer, () => true, {
      what: 'The stream',
      ms: 5_000,
    });
    socket.end('all of it');
    expect(await taken).toMatchObject({ bytes: 9 });
  });
});
