import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type Server, type Socket, createServer } from 'node:net';
import { ProviderError } from '../provider.ts';
import { vmFiles } from './folders.ts';
import type { Host } from './host.ts';
import type { Qmp } from './qmp.ts';
import type { StoredFile } from './set-store.ts';
import { connectWhen } from './socket.ts';
import { type RunningVm, isRunning } from './vm-process.ts';
import { within } from './within.ts';

/**
 * Takes the state of a stopped VM's devices into a file, hashed on the way. Its memory is not in
 * it: that is a file already. The way through a socket of ours works in every version of QEMU and
 * with a sandbox that lets it start no programs.
 */
export async function captureDevices(
  host: Host,
  vm: RunningVm,
  file: string,
  signal: AbortSignal,
): Promise<StoredFile> {
  const { transfer } = vmFiles(host.folders, vm.record.name);
  const server = createServer({ pauseOnConnect: true });
  const incoming = firstConnection(server);
  await new Promise<void>((resolve) => server.listen(transfer, resolve));
  try {
    const done = migrationEnd(vm.link.qmp);
    await prepare(vm.link.qmp);
    await vm.link.qmp.order('migrate', { uri: `unix:${transfer}` });
    const limit = { what: `Capturing ${vm.record.name}`, ms: host.settings.restoreMs, signal };
    const work = incoming.then((socket) => store(socket, file));
    const [stored] = await within(host.world, Promise.all([work, done]), limit);
    return stored;
  } finally {
    server.close();
  }
}

/** Gives a VM that waits for it the state of its devices. It is stopped when that is loaded. */
export async function loadDevices(
  host: Host,
  vm: RunningVm,
  devices: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const { transfer } = vmFiles(host.folders, vm.record.name);
  const limit = { what: `Restoring ${vm.record.name}`, ms: host.settings.restoreMs, signal };
  const done = migrationEnd(vm.link.qmp);
  await prepare(vm.link.qmp);
  await vm.link.qmp.order('migrate-incoming', { uri: `unix:${transfer}` });
  const socket = await connectWhen(host.world, transfer, () => isRunning(vm.record), limit);
  try {
    socket.end(devices);
    await within(host.world, done, limit);
  } finally {
    socket.destroy();
  }
}

/** Shared memory is not part of a migration, and its end is told as an event. */
async function prepare(qmp: Qmp): Promise<void> {
  const names = ['x-ignore-shared', 'events'];
  const capabilities = names.map((capability) => ({ capability, state: true }));
  await qmp.order('migrate-set-capabilities', { capabilities });
}

async function migrationEnd(qmp: Qmp): Promise<void> {
  const ends = ['completed', 'failed'];
  const end = await qmp.next(
    ({ name, data }) => name === 'MIGRATION' && ends.includes(String(data['status'])),
  );
  if (end?.data['status'] === 'completed') return;
  throw new ProviderError('QEMU could not move the state of the devices', { retryable: true });
}

function firstConnection(server: Server): Promise<Socket> {
  return new Promise((resolve, reject) => {
    server.once('connection', resolve);
    server.once('error', reject);
  });
}

async function store(socket: Socket, path: string): Promise<StoredFile> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}
